import { beforeEach, describe, expect, test } from "vitest";
import { PHOTOS } from "../../../e2e/fake/seed";
import { fakeGateway } from "../../../e2e/fake/server";
import { FakeState } from "../../../e2e/fake/state";
import { Api, Problem } from "../api";
import { MemoryDrafts } from "../drafts/drafts";
import type { Timer } from "./clock";
import { LabellingSession } from "./session.svelte";

/** A timer whose time passes when told to. */
class HandTimer implements Timer {
  time = Date.parse("2026-01-01T00:00:00Z");
  due: { at: number; act: () => void }[] = [];
  now = (): number => this.time;

  after(milliseconds: number, act: () => void): () => void {
    const entry = { at: this.time + milliseconds, act };
    this.due.push(entry);
    return () => void (this.due = this.due.filter((other) => other !== entry));
  }

  async pass(milliseconds: number): Promise<void> {
    const until = this.time + milliseconds;
    for (;;) {
      await settled();
      const next = this.due.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > until) break;
      this.due = this.due.filter((other) => other !== next);
      this.time = next.at;
      next.act();
    }
    this.time = until;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
const LEASE_MILLISECONDS = 60_000;

let timer: HandTimer;
let state: FakeState;
let drafts: MemoryDrafts;
/** What happens to requests on their way; null: nothing. */
let trouble: ((request: Request) => "lost" | "unanswered" | null) | null;
let asked: string[];

beforeEach(() => {
  timer = new HandTimer();
  state = new FakeState({ now: timer.now, leaseMilliseconds: LEASE_MILLISECONDS });
  state.me = { name: "users/yumi", role: "ROLE_ANNOTATOR" };
  const { name } = state.addProject("cats", { controls: [{ id: "boxes", boxes: { labels: [{ name: "cat" }] } }] });
  for (const photo of PHOTOS.slice(0, 3)) state.addTask(name!, photo);
  drafts = new MemoryDrafts();
  trouble = null;
  asked = [];
});

const anyPhoto = async (url: string): Promise<HTMLImageElement> => ({ src: url }) as HTMLImageElement;

function open(user = "users/yumi", loadPhoto = anyPhoto): LabellingSession {
  const gateway = fakeGateway(state);
  const fetch = async (request: Request): Promise<Response> => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`);
    const kind = trouble?.(request) ?? null;
    if (kind === "lost") throw new TypeError("network");
    state.me = { name: user };
    const response = await gateway(request);
    if (kind === "unanswered") throw new TypeError("network");
    return response;
  };
  const api = new Api(fetch, "http://test", { cookies: () => "", sleep: async () => undefined });
  return new LabellingSession("p1", { api, drafts, loadPhoto, user, timer });
}

function drawBox(session: LabellingSession): void {
  session.work!.editor.setBrush({ controlId: "boxes", labelId: "l0" });
  session.work!.editor.addBox({ x: 10, y: 20, width: 30, height: 40 });
}

const annotationsOf = (task: string) => state.entry(`projects/p1/tasks/${task}`).task.annotations ?? [];

test("submit sends what was drawn and goes on to the next task, whose photo was there already", async () => {
  const session = open();
  await session.start();
  drawBox(session);
  await settled();
  asked = [];
  await session.submit();
  expect(annotationsOf("t0001")[0]?.result?.regions).toMatchObject([{ labelIds: ["l0"], box: { x: 10, y: 20, width: 30, height: 40 } }]);
  expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
  expect(session.finished).toBe(1);
  await settled();
  // The lease after the submit is for the task after the next.
  expect(asked.slice(0, 2)).toEqual(["POST /api/v1/projects/p1/tasks/t0001:submit", "POST /api/v1/projects/p1/tasks:lease"]);
  expect(state.held(state.entry("projects/p1/tasks/t0003"))).toBe(true);
});

test("after the last task there is nothing to do", async () => {
  const session = open();
  await session.start();
  for (let count = 0; count < 3; count++) await session.submit();
  expect(session.phase).toBe("done");
  expect(session.work).toBeNull();
});

test("a photo that does not load is said, after the submit counted, and its task goes back", async () => {
  const broken = open("users/yumi", async (url) => {
    if (url.includes(PHOTOS[1]!.path.split("/")[1]!)) throw new Problem(-1, "PHOTO_UNREADABLE", url);
    return { src: url } as HTMLImageElement;
  });
  await broken.start();
  await settled();
  await broken.submit();
  expect(broken.phase).toBe("failed");
  expect(broken.problem?.reason).toBe("PHOTO_UNREADABLE");
  expect(annotationsOf("t0001")).toHaveLength(1);
  expect(state.held(state.entry("projects/p1/tasks/t0002"))).toBe(false);
});

test("where the browser does not show a format, the thumbnail stands in, and it is said", async () => {
  const photos: string[] = [];
  const session = open("users/yumi", async (url) => {
    photos.push(url);
    if (photos.length === 1) throw new Problem(-1, "PHOTO_UNREADABLE", url);
    return { src: url } as HTMLImageElement;
  });
  await session.start();
  expect(session.phase).toBe("labelling");
  expect(session.notice).toEqual({ kind: "coarse" });
});

test("work that came in while the last task was labelled is found", async () => {
  state.tasks.delete("projects/p1/tasks/t0002");
  state.tasks.delete("projects/p1/tasks/t0003");
  const session = open();
  await session.start();
  await settled();
  state.addTask("projects/p1", PHOTOS[4]!);
  await session.submit();
  expect(session.phase).toBe("labelling");
});

describe("the network", () => {
  test("lost in the middle of a submit, then back: one annotation, and the work was kept", async () => {
    const session = open();
    await session.start();
    drawBox(session);
    trouble = (request) => (request.url.endsWith(":submit") ? "unanswered" : null);
    const submitted = session.submit();
    await timer.pass(1);
    expect(session.notice?.kind).toBe("offline");
    expect(await drafts.load("users/yumi|projects/p1/tasks/t0001")).toBeDefined();
    trouble = null;
    await timer.pass(5_000);
    await submitted;
    expect(annotationsOf("t0001")).toHaveLength(1);
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
    expect(await drafts.load("users/yumi|projects/p1/tasks/t0001")).toBeUndefined();
  });

  test("nothing can be drawn while a submit is on its way: it would not be in it", async () => {
    const session = open();
    await session.start();
    drawBox(session);
    const { editor } = session.work!;
    trouble = () => "lost";
    const submitted = session.submit();
    await settled();
    editor.addBox({ x: 1, y: 1, width: 5, height: 5 });
    editor.undo();
    expect(editor.doc.regions).toHaveLength(1);
    trouble = null;
    await timer.pass(5_000);
    await submitted;
    expect(annotationsOf("t0001")[0]?.result?.regions).toHaveLength(1);
  });

  test("a refusal keeps the task and the work, and says why", async () => {
    const session = open();
    await session.start();
    drawBox(session);
    state.tasks.delete("projects/p1/tasks/t0001");
    await session.submit();
    expect(session.phase).toBe("labelling");
    expect(session.notice).toMatchObject({ kind: "problem", problem: { reason: "TASK_NOT_FOUND" } });
    drawBox(session);
    expect(session.work?.editor.doc.regions).toHaveLength(2);
  });
});

describe("leases", () => {
  test("are renewed for as long as one works", async () => {
    const session = open();
    await session.start();
    await timer.pass(5 * LEASE_MILLISECONDS);
    expect(session.notice).toBeNull();
    await session.submit();
    expect(annotationsOf("t0001")).toHaveLength(1);
  });

  test("one lost to nobody is taken again, and the submit counts", async () => {
    const session = open();
    await session.start();
    drawBox(session);
    delete state.entry("projects/p1/tasks/t0001").lease;
    await session.submit();
    expect(annotationsOf("t0001")).toHaveLength(1);
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
  });

  test("one lost to somebody is said by name, and the work stays", async () => {
    const session = open();
    await session.start();
    drawBox(session);
    state.leaseTo(state.entry("projects/p1/tasks/t0001"), "users/suni");
    await timer.pass(LEASE_MILLISECONDS / 2 + 1);
    expect(session.notice).toEqual({ kind: "leaseLost", holder: "users/suni" });
    await session.submit();
    expect(session.notice).toEqual({ kind: "draftKept", reason: "LEASE_TAKEN", holder: "users/suni" });
    expect(session.work?.editor.doc.regions).toHaveLength(1);
    expect(annotationsOf("t0001")).toHaveLength(0);
  });

  test("leaving gives back what is not submitted", async () => {
    const session = open();
    await session.start();
    await settled();
    await session.stop();
    expect(state.tasksOf("projects/p1").filter((task) => task.leases)).toEqual([]);
  });

  test("skip goes on, and gives the task back", async () => {
    const session = open();
    await session.start();
    await session.skip();
    expect(session.work?.task.name).toBe("projects/p1/tasks/t0002");
    expect(state.held(state.entry("projects/p1/tasks/t0001"))).toBe(false);
  });
});

describe("drafts", () => {
  test("are kept as one draws, and a reload brings them back as a step that can be undone", async () => {
    const session = open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await timer.pass(1_000);
    const again = open();
    await again.start("projects/p1/tasks/t0001");
    expect(again.work?.editor.doc.regions).toHaveLength(1);
    expect(again.notice).toEqual({ kind: "restored" });
    again.work?.editor.doc.undo();
    expect(again.work?.editor.doc.regions).toHaveLength(0);
  });

  test("of one person are not shown to another", async () => {
    const session = open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await session.stop();
    const other = open("users/suni");
    await other.start("projects/p1/tasks/t0001");
    expect(other.work?.editor.doc.regions).toHaveLength(0);
  });
});

describe("a chosen task", () => {
  test("that somebody else has is refused with the holder's name", async () => {
    state.leaseTo(state.entry("projects/p1/tasks/t0001"), "users/suni");
    const session = open();
    await session.start("projects/p1/tasks/t0001");
    expect(session.phase).toBe("failed");
    expect(session.problem).toMatchObject({ reason: "TASK_HELD", metadata: { holder: "users/suni" } });
  });

  test("that one has labelled is updated", async () => {
    const session = open();
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await session.submit();
    const again = open();
    await again.start("projects/p1/tasks/t0001");
    again.work?.editor.select(again.work.editor.doc.regions[0]!.id);
    again.work?.editor.nudge(5, 0);
    await again.submit();
    expect(annotationsOf("t0001")).toMatchObject([{ version: 2, result: { regions: [{ box: { x: 15 } }] } }]);
    expect(again.notice).toEqual({ kind: "updated" });
    expect(again.work?.task.name).toBe("projects/p1/tasks/t0001");
  });

  test("that somebody else has finished is shown, and cannot be changed", async () => {
    const session = open("users/suni");
    await session.start("projects/p1/tasks/t0001");
    drawBox(session);
    await session.submit();
    const mine = open();
    await mine.start("projects/p1/tasks/t0001");
    expect(mine.work?.editor.readOnly).toBe(true);
    expect(mine.work?.editor.doc.regions).toHaveLength(1);
  });
});
