import { beforeEach, describe, expect, test } from "vitest";
import { MemoryDrafts } from "../drafts/drafts";
import { drawBox, SessionBench } from "./session-bench";

let bench: SessionBench;

beforeEach(() => void (bench = new SessionBench()));

describe("drafts", () => {
  test("are kept as one draws, and a reload brings them back as a step that can be undone", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await bench.timer.pass(1_000);
    const again = bench.open();
    await again.start("projects/p1/tasks/t0001");
    expect(again.work?.editor.doc.regions).toHaveLength(1);
    expect(again.notice).toEqual({ kind: "restored" });
    again.work?.editor.doc.undo();
    expect(again.work?.editor.doc.regions).toHaveLength(0);
  });

  test("of a page that is left at once after a stroke are there in the next one", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    // The page ends here: nothing that must wait comes to an end.
    bench.trouble = (request) => (request.url.endsWith(":saveDraft") ? "lost" : null);
    bench.drafts.save = () => new Promise(() => undefined);
    void session.stop();
    const again = bench.open();
    await again.start("projects/p1/tasks/t0001");
    expect(again.work?.editor.doc.regions).toHaveLength(1);
  });

  test("of a page that is left are none where nothing was drawn", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    await session.stop();
    expect(await bench.drafts.load("users/yumi|projects/p1/tasks/t0001")).toBeUndefined();
  });

  test("of one person are not shown to another", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await session.stop();
    delete bench.state.entry("projects/p1/tasks/t0001").lease;
    const other = bench.open("users/suni");
    await other.start("projects/p1/tasks/t0001");
    expect(other.work?.editor.doc.regions).toHaveLength(0);
  });
});

describe("drafts on the server", () => {
  const draftOf = (task: string) => bench.state.entry(`projects/p1/tasks/${task}`).drafts.get("users/yumi");
  const saved = () => bench.asked.filter((one) => one.endsWith(":saveDraft")).length;

  test("come soon after one draws, seldom enough, and each is the newest", async () => {
    const session = bench.open();
    await session.start();
    expect(session.kept).toBe("none");
    drawBox(session);
    expect(session.kept).toBe("unsaved");
    await bench.timer.pass(1_100);
    expect([session.kept, saved()]).toEqual(["saved", 1]);
    for (let box = 0; box < 20; box++) {
      drawBox(session);
      await bench.timer.pass(100);
    }
    await bench.timer.pass(3_000);
    expect([session.kept, saved()]).toEqual(["saved", 2]);
    expect(draftOf("t0001")?.result?.regions).toHaveLength(21);
    await bench.timer.pass(60_000);
    expect(saved()).toBe(2);
  });

  test("are taken up in another browser of the same person, whatever its clock says", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await bench.timer.pass(2_000);
    bench.drafts = new MemoryDrafts();
    bench.timer.time -= 3_600_000;
    const elsewhere = bench.open();
    await elsewhere.start("projects/p1/tasks/t0001");
    expect([elsewhere.notice, elsewhere.kept]).toEqual([{ kind: "restored" }, "saved"]);
    drawBox(elsewhere);
    await bench.timer.pass(500);
    const reloaded = bench.open();
    await reloaded.start("projects/p1/tasks/t0001");
    expect(reloaded.work?.editor.doc.regions).toHaveLength(2);
  });

  test("give way to what this browser has that the server did not get, which goes there then", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await bench.timer.pass(2_000);
    bench.trouble = (request) => (request.url.endsWith(":saveDraft") ? "lost" : null);
    drawBox(session);
    await bench.timer.pass(1_000);
    bench.trouble = null;
    const again = bench.open();
    await again.start("projects/p1/tasks/t0001");
    expect(again.work?.editor.doc.regions).toHaveLength(2);
    await bench.timer.pass(2_000);
    expect(draftOf("t0001")?.result?.regions).toHaveLength(2);
  });

  test("that fail are tried again, quietly", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    bench.trouble = (request) => (request.url.endsWith(":saveDraft") ? "lost" : null);
    await bench.timer.pass(10_000);
    expect([session.kept, session.notice]).toEqual(["unsaved", null]);
    bench.trouble = null;
    await bench.timer.pass(30_000);
    expect(session.kept).toBe("saved");
  });

  test("do not follow a submit, however long it takes, and none is left by it", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    await bench.timer.pass(500);
    bench.trouble = (request) => (request.url.endsWith(":submit") ? "unanswered" : "lost");
    void session.keep();
    const submitted = session.submit();
    await bench.timer.pass(10_000);
    bench.trouble = null;
    await bench.timer.pass(30_000);
    await submitted;
    // The one that was on its way when the submit began, and was lost.
    expect(saved()).toBe(1);
    expect(draftOf("t0001")).toBeUndefined();
  });

  test("go on after a submit that was refused", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    bench.trouble = (request) => (request.url.endsWith(":submit") ? "refused" : null);
    await session.submit();
    await bench.timer.pass(5_000);
    expect([session.phase, session.kept]).toEqual(["labelling", "saved"]);
  });

  test("go out at once when the page is hidden or left", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    await session.keep();
    expect(draftOf("t0001")?.result?.regions).toHaveLength(1);
    drawBox(session);
    await session.stop();
    expect(draftOf("t0001")?.result?.regions).toHaveLength(2);
  });

  test("of an update of one's own work are taken up, and end with it", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await session.submit();
    const update = bench.open();
    await update.start("projects/p1/tasks/t0001");
    drawBox(update);
    await bench.timer.pass(2_000);
    expect(draftOf("t0001")).toMatchObject({ annotationVersion: 1 });
    bench.drafts = new MemoryDrafts();
    const elsewhere = bench.open();
    await elsewhere.start("projects/p1/tasks/t0001");
    expect(elsewhere.work?.editor.doc.regions).toHaveLength(2);
    elsewhere.work?.editor.undo();
    expect(elsewhere.work?.editor.doc.regions).toHaveLength(1);
    elsewhere.work?.editor.redo();
    await elsewhere.submit();
    expect(bench.annotationsOf("t0001")).toMatchObject([{ version: 2, regionCount: 2 }]);
    drawBox(elsewhere);
    await bench.timer.pass(5_000);
    expect(draftOf("t0001")).toMatchObject({ annotationVersion: 2 });
  });

  test("of work that was submitted elsewhere are outdated: it is said, and no more are sent", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    const entry = bench.state.entry("projects/p1/tasks/t0001");
    bench.state.submit(entry, entry.lease!.token!, { regions: [] });
    await bench.timer.pass(2_000);
    expect(session.notice).toEqual({ kind: "draftOutdated" });
    drawBox(session);
    await bench.timer.pass(10_000);
    expect(saved()).toBe(1);
    expect(session.work?.editor.doc.regions).toHaveLength(2);
  });
});
