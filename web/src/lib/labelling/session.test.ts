import { beforeEach, describe, expect, test } from "vitest";
import { PHOTOS } from "../../../e2e/fake/seed";
import { Problem } from "../api";
import { drawBox, LEASE_MILLISECONDS, SessionBench, settled } from "./session-bench";

let bench: SessionBench;

beforeEach(() => void (bench = new SessionBench()));

test("submit sends what was drawn and goes on to the next task, whose photo was there already", async () => {
  const session = bench.open();
  await session.start();
  drawBox(session);
  await settled();
  bench.asked = [];
  await session.submit();
  expect(bench.annotationsOf("t0001")[0]?.result?.regions).toMatchObject([{ labelIds: ["l0"], box: { x: 10, y: 20, width: 30, height: 40 } }]);
  expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
  expect(session.finished).toBe(1);
  await settled();
  // The lease after the submit is for the task after the next.
  expect(bench.asked.slice(0, 2)).toEqual(["POST /api/v1/projects/p1/tasks/t0001:submit", "POST /api/v1/projects/p1/tasks:lease"]);
  expect(bench.state.held(bench.state.entry("projects/p1/tasks/t0003"))).toBe(true);
});

test("after the last task there is nothing to do", async () => {
  const session = bench.open();
  await session.start();
  for (let count = 0; count < 3; count++) await session.submit();
  expect(session.phase).toBe("done");
  expect(session.work).toBeNull();
});

test("a photo that does not load is said, after the submit counted, and its task goes back", async () => {
  const broken = bench.open("users/yumi", async (url) => {
    if (url.includes(PHOTOS[1]!.path.split("/")[1]!)) throw new Problem(-1, "PHOTO_UNREADABLE", url);
    return { src: url } as HTMLImageElement;
  });
  await broken.start();
  await settled();
  await broken.submit();
  expect(broken.phase).toBe("failed");
  expect(broken.problem?.reason).toBe("PHOTO_UNREADABLE");
  expect(bench.annotationsOf("t0001")).toHaveLength(1);
  expect(bench.state.held(bench.state.entry("projects/p1/tasks/t0002"))).toBe(false);
});

test("where the browser does not show a format, the thumbnail stands in, and it is said", async () => {
  const photos: string[] = [];
  const session = bench.open("users/yumi", async (url) => {
    photos.push(url);
    if (photos.length === 1) throw new Problem(-1, "PHOTO_UNREADABLE", url);
    return { src: url } as HTMLImageElement;
  });
  await session.start();
  expect(session.phase).toBe("labelling");
  expect(session.notice).toEqual({ kind: "coarse" });
});

test("work that came in while the last task was labelled is found", async () => {
  bench.state.tasks.delete("projects/p1/tasks/t0002");
  bench.state.tasks.delete("projects/p1/tasks/t0003");
  const session = bench.open();
  await session.start();
  await settled();
  bench.state.addTask("projects/p1", PHOTOS[4]!);
  await session.submit();
  expect(session.phase).toBe("labelling");
});

describe("the network", () => {
  test("lost in the middle of a submit, then back: one annotation, and the work was kept", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    bench.trouble = (request) => (request.url.endsWith(":submit") ? "unanswered" : null);
    const submitted = session.submit();
    await bench.timer.pass(1);
    expect(session.notice?.kind).toBe("offline");
    expect(await bench.drafts.load("users/yumi|projects/p1/tasks/t0001")).toBeDefined();
    bench.trouble = null;
    await bench.timer.pass(5_000);
    await submitted;
    expect(bench.annotationsOf("t0001")).toHaveLength(1);
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
    expect(await bench.drafts.load("users/yumi|projects/p1/tasks/t0001")).toBeUndefined();
  });

  test("nothing can be drawn while a submit is on its way: it would not be in it", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    const { editor } = session.work!;
    bench.trouble = () => "lost";
    const submitted = session.submit();
    await settled();
    editor.addBox({ x: 1, y: 1, width: 5, height: 5 });
    editor.undo();
    expect(editor.doc.regions).toHaveLength(1);
    bench.trouble = null;
    await bench.timer.pass(5_000);
    await submitted;
    expect(bench.annotationsOf("t0001")[0]?.result?.regions).toHaveLength(1);
  });

  test("a refusal keeps the task and the work, and says why", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    bench.state.tasks.delete("projects/p1/tasks/t0001");
    await session.submit();
    expect(session.phase).toBe("labelling");
    expect(session.notice).toMatchObject({ kind: "problem", problem: { reason: "TASK_NOT_FOUND" } });
    drawBox(session);
    expect(session.work?.editor.doc.regions).toHaveLength(2);
  });
});

describe("leases", () => {
  test("are renewed for as long as one works", async () => {
    const session = bench.open();
    await session.start();
    await bench.timer.pass(5 * LEASE_MILLISECONDS);
    expect(session.notice).toBeNull();
    await session.submit();
    expect(bench.annotationsOf("t0001")).toHaveLength(1);
  });

  test("one lost to nobody is taken again, and the submit counts", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    delete bench.state.entry("projects/p1/tasks/t0001").lease;
    await session.submit();
    expect(bench.annotationsOf("t0001")).toHaveLength(1);
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
  });

  test("one lost to somebody is said by name, and the work stays", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    bench.state.leaseTo(bench.state.entry("projects/p1/tasks/t0001"), "users/suni");
    await bench.timer.pass(LEASE_MILLISECONDS / 2 + 1);
    expect(session.notice).toEqual({ kind: "leaseLost", holder: "users/suni" });
    await session.submit();
    expect(session.notice).toEqual({ kind: "draftKept", reason: "LEASE_TAKEN", holder: "users/suni" });
    expect(session.work?.editor.doc.regions).toHaveLength(1);
    expect(bench.annotationsOf("t0001")).toHaveLength(0);
  });

  const held = () => bench.state.tasksOf("projects/p1").filter((task) => task.leases).map((task) => task.name);

  test("leaving gives back what was not begun", async () => {
    const session = bench.open();
    await session.start();
    await settled();
    await session.stop();
    expect(held()).toEqual([]);
  });

  test("who leaves a task that they have drawn on keeps it: somebody else would do it again", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await session.stop();
    expect(held()).toEqual(["projects/p1/tasks/t0001"]);
  });
});

describe("skip", () => {
  const skipsOf = (task: string) => bench.state.entry(`projects/p1/tasks/${task}`).task.skips;

  test("goes on, and gives the task to others with the reason", async () => {
    const session = bench.open();
    await session.start();
    await session.skip("REASON_BAD_IMAGE", "너무 어두움");
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
    expect(session.notice).toEqual({ kind: "skipped" });
    expect(skipsOf("t0001")).toMatchObject([{ annotator: "users/yumi", reason: "REASON_BAD_IMAGE", comment: "너무 어두움" }]);
    const other = bench.open("users/suni");
    await other.start();
    expect(other.work?.task.name).toBe("projects/p1/tasks/t0001");
  });

  test("when only skipped tasks are left it says so, and they come when they are bench.asked for, each once", async () => {
    const session = bench.open();
    await session.start();
    await session.skip("REASON_UNCLEAR");
    await session.skip("REASON_UNCLEAR");
    await session.submit();
    expect([session.phase, session.skippedLeft]).toEqual(["done", true]);
    await session.start(undefined, { skippedToo: true });
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0001");
    await session.skip("REASON_OTHER");
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
    await session.skip("REASON_OTHER");
    expect([session.phase, session.skippedLeft]).toEqual(["done", true]);
    expect(bench.state.tasksOf("projects/p1").filter((task) => task.leases)).toEqual([]);
  });

  test("of a task that somebody else has taken meanwhile goes on all the same", async () => {
    const session = bench.open();
    await session.start();
    bench.state.leaseTo(bench.state.entry("projects/p1/tasks/t0001"), "users/suni");
    await session.skip("REASON_UNCLEAR");
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
    expect(skipsOf("t0001")).toBeUndefined();
  });

  test("that is not answered keeps the task and the work", async () => {
    const session = bench.open();
    await session.start();
    drawBox(session);
    bench.trouble = () => "lost";
    await session.skip("REASON_UNCLEAR");
    expect(session.phase).toBe("labelling");
    expect(session.notice).toMatchObject({ kind: "problem", problem: { reason: "NETWORK" } });
    expect(session.work?.editor.doc.regions).toHaveLength(1);
  });
});

describe("a chosen task", () => {
  test("that somebody else has is refused with the holder's name", async () => {
    bench.state.leaseTo(bench.state.entry("projects/p1/tasks/t0001"), "users/suni");
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    expect(session.phase).toBe("failed");
    expect(session.problem).toMatchObject({ reason: "TASK_HELD", metadata: { holder: "users/suni" } });
    expect(bench.asked.filter((one) => one.endsWith(":lease"))).toEqual([]);
  });

  test("that one has labelled is updated", async () => {
    const session = bench.open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await session.submit();
    const again = bench.open();
    bench.asked = [];
    await again.start("projects/p1/tasks/t0001");
    expect(bench.asked.filter((one) => one.endsWith("t0001:lease"))).toEqual([]);
    again.work?.editor.select(again.work.editor.doc.regions[0]!.id);
    again.work?.editor.nudge(5, 0);
    await again.submit();
    expect(bench.annotationsOf("t0001")).toMatchObject([{ version: 2, result: { regions: [{ box: { x: 15 } }] } }]);
    expect(again.notice).toEqual({ kind: "updated" });
    expect(again.work?.task.name).toBe("projects/p1/tasks/t0001");
  });

  test("that somebody else has finished is shown, and cannot be changed", async () => {
    const session = bench.open("users/suni");
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await session.submit();
    const mine = bench.open();
    await mine.start("projects/p1/tasks/t0001");
    expect(mine.work?.editor.readOnly).toBe(true);
    expect(mine.work?.editor.doc.regions).toHaveLength(1);
  });
});
