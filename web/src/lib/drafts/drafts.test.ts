import "fake-indexeddb/auto";
import { describe, expect, test } from "vitest";
import { MemoryDrafts, openDrafts, type Drafts } from "./drafts";

const DRAFT = { result: { regions: [{ id: "a", box: { x: 1, y: 2, width: 3, height: 4 } }] }, savedAt: 7 };

describe.each<[string, () => Promise<Drafts>]>([
  ["in memory", async () => new MemoryDrafts()],
  ["in IndexedDB", () => openDrafts(crypto.randomUUID(), new Cupboard())],
])("drafts %s", (_name, open) => {
  test("are kept by key until they are removed", async () => {
    const drafts = await open();
    await drafts.save("t1", DRAFT);
    await drafts.save("t2", { ...DRAFT, savedAt: 8 });
    expect(await drafts.load("t1")).toEqual(DRAFT);
    await drafts.remove("t1");
    expect(await drafts.load("t1")).toBeUndefined();
    expect((await drafts.load("t2"))?.savedAt).toBe(8);
  });

  test("later work replaces earlier", async () => {
    const drafts = await open();
    await drafts.save("t", DRAFT);
    await drafts.save("t", { ...DRAFT, savedAt: 9 });
    expect((await drafts.load("t"))?.savedAt).toBe(9);
  });
});

test("a draft outlives the page", async () => {
  const name = crypto.randomUUID();
  await (await openDrafts(name, new Cupboard())).save("t", DRAFT);
  expect(await (await openDrafts(name, new Cupboard())).load("t")).toEqual(DRAFT);
});

describe("a page that is being left", () => {
  test("writes a draft at once, and the next one finds it, with the others from then on", async () => {
    const [name, storage] = [crypto.randomUUID(), new Cupboard()];
    const leaving = await openDrafts(name, storage);
    void leaving.save("t", { ...DRAFT, savedAt: 6 });
    leaving.saveAtOnce("t", DRAFT);
    expect(storage.length).toBe(1);
    const next = await openDrafts(name, storage);
    expect(await next.load("t")).toEqual(DRAFT);
    expect(storage.length).toBe(0);
    expect(await next.load("t")).toEqual(DRAFT);
  });

  test("that stays after all keeps no copy that is older than what comes after it", async () => {
    const storage = new Cupboard();
    const drafts = await openDrafts(crypto.randomUUID(), storage);
    drafts.saveAtOnce("t", DRAFT);
    // As the server's clock has it.
    await drafts.save("t", { ...DRAFT, savedAt: 3 });
    expect(storage.length).toBe(0);
    drafts.saveAtOnce("t", DRAFT);
    await drafts.remove("t");
    expect(await drafts.load("t")).toBeUndefined();
  });

  test("leaves a draft that finds no room to IndexedDB, and no older one in its place", async () => {
    const storage = new Cupboard();
    const drafts = await openDrafts(crypto.randomUUID(), storage);
    drafts.saveAtOnce("t", DRAFT);
    storage.full = true;
    drafts.saveAtOnce("t", { ...DRAFT, savedAt: 8 });
    await drafts.save("t", { ...DRAFT, savedAt: 8 });
    expect((await drafts.load("t"))?.savedAt).toBe(8);
  });
});

class Cupboard implements Storage {
  [name: string]: unknown;
  readonly #texts = new Map<string, string>();
  full = false;

  get length(): number {
    return this.#texts.size;
  }

  clear = (): void => this.#texts.clear();
  getItem = (name: string): string | null => this.#texts.get(name) ?? null;
  key = (place: number): string | null => [...this.#texts.keys()][place] ?? null;
  removeItem = (name: string): void => void this.#texts.delete(name);

  setItem(name: string, text: string): void {
    if (this.full) throw new DOMException("There is no room.", "QuotaExceededError");
    this.#texts.set(name, text);
  }
}
