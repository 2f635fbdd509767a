/** Files as a person drops or picks them, folders with all that is in them, by relative paths in NFC. */

export interface Chosen {
  readonly path: string;
  readonly file: File;
}

/** What systems leave in folders, and no person chose. */
const LITTER = new Set(["thumbs.db", "desktop.ini", "__macosx"]);

/** Entries are taken at once: after the event a DataTransfer is empty. */
export function dropped(items: DataTransferItemList): Promise<Chosen[]> {
  const files = [...items].filter((item) => item.kind === "file");
  return within(files.map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null));
}

export function picked(files: FileList): Chosen[] {
  const chosen = [...files].map((file) => ({ path: (file.webkitRelativePath || file.name).normalize("NFC"), file }));
  return chosen.filter(({ path }) => !isLitter(path));
}

/** One folder after another: thousands at once would open thousands of handles. */
async function within(entries: readonly FileSystemEntry[]): Promise<Chosen[]> {
  const found: Chosen[] = [];
  for (const entry of entries) {
    if (isLitter(entry.name)) continue;
    if (isFile(entry)) found.push({ path: entry.fullPath.replace(/^\//, "").normalize("NFC"), file: await fileOf(entry) });
    else found.push(...(await within(await listed(entry as FileSystemDirectoryEntry))));
  }
  return found;
}

/** A reader gives a hundred or so at a time, and nothing at the end. */
async function listed(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some);
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

const fileOf = (entry: FileSystemFileEntry): Promise<File> => new Promise((resolve, reject) => entry.file(resolve, reject));

const isLitter = (path: string): boolean => path.split("/").some((part) => part.startsWith(".") || LITTER.has(part.toLowerCase()));
