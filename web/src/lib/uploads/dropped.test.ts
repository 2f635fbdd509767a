import { expect, test } from "vitest";
import { dropped } from "./dropped";

const READ_AT_ONCE = 2;

function fileEntry(fullPath: string): object {
  return { isFile: true, name: fullPath.split("/").at(-1), fullPath, file: (done: (file: File) => void) => done(new File(["x"], fullPath)) };
}

/** A reader gives a few entries at a time, as browsers do. */
function folderEntry(fullPath: string, entries: object[]): object {
  const left = [...entries];
  const readEntries = (done: (some: object[]) => void): void => done(left.splice(0, READ_AT_ONCE));
  return { isFile: false, name: fullPath.split("/").at(-1), fullPath, createReader: () => ({ readEntries }) };
}

const items = (...entries: object[]) => entries.map((entry) => ({ kind: "file", webkitGetAsEntry: () => entry })) as unknown as DataTransferItemList;

test("folders come with all that is in them, by paths in NFC; what systems leave there does not", async () => {
  const inner = folderEntry("/사진/안".normalize("NFD"), [fileEntry("/사진/안/유미.jpg".normalize("NFD"))]);
  const outer = folderEntry("/사진", [fileEntry("/사진/1.jpg"), fileEntry("/사진/.DS_Store"), fileEntry("/사진/Thumbs.db"), fileEntry("/사진/2.jpg"), inner]);
  const found = await dropped(items(outer, fileEntry("/alone.png")));
  expect(found.map(({ path }) => path)).toEqual(["사진/1.jpg", "사진/2.jpg", "사진/안/유미.jpg".normalize("NFC"), "alone.png"]);
});
