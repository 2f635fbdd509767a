import "fake-indexeddb/auto";
import { describe, expect, test } from "vitest";
import { MemoryDrafts, openDrafts, type Drafts } from "./drafts";

const DRAFT = { result: { regions: [{ id: "a", box: { x: 1, y: 2, width: 3, height: 4 } }] }, savedAt: 7 };

describe.each<[string, () => Promise<Drafts>]>([
  ["in memory", async () => new MemoryDrafts()],
  ["in IndexedDB", () => openDrafts(crypto.randomUUID())],
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
  await (await openDrafts(name)).save("t", DRAFT);
  expect(await (await openDrafts(name)).load("t")).toEqual(DRAFT);
});
