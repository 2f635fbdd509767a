import { beforeEach, expect, test, vi } from "vitest";
import { Problem, type Task, type TaskPage, type TaskQuery } from "../api";
import { TaskPages } from "./task-pages.svelte";

const PAGE = 3;
let paths: string[];
let version: number;
let asked: { query: TaskQuery; token: string; signal: AbortSignal }[];
let waiting: (() => void) | null;
let pages: TaskPages;

const taskOf = (path: string): Task => ({ name: `projects/p/tasks/${path}`, assets: [{ path: `${path} v${version}` }] });

/** By cursor: what follows the last one that was told, whether that is still there or not. */
async function tasks(_project: string, query: TaskQuery, token: string, signal: AbortSignal): Promise<TaskPage> {
  asked.push({ query, token, signal });
  const rest = paths.filter((path) => path > token && path.startsWith(query.search ?? ""));
  const next = rest.length > PAGE ? rest[PAGE - 1]! : "";
  return { items: rest.slice(0, PAGE).map(taskOf), next, truncated: query.search === "t" };
}

beforeEach(() => {
  paths = ["a1", "a2", "a3", "b1", "b2", "b3", "c1"];
  version = 1;
  asked = [];
  waiting = null;
  pages = new TaskPages("p", { api: { tasks }, after });
});

function after(_milliseconds: number, act: () => void): () => void {
  const forget = (): void => void (waiting = null);
  waiting = () => (forget(), act());
  return forget;
}

const ids = (): string[] | undefined => pages.rows?.map((row) => row.id);
const shown = (): string[] | undefined => pages.rows?.map((row) => row.path);

async function refreshed(): Promise<void> {
  waiting?.();
  await vi.waitFor(() => expect(pages.loading).toBe(false));
  await new Promise((resolve) => setTimeout(resolve));
}

test("pages follow one another until the end", async () => {
  await pages.show({});
  expect(ids()).toEqual(["a1", "a2", "a3"]);
  await Promise.all([pages.more(), pages.more()]);
  expect(ids()).toHaveLength(6);
  await pages.more();
  await pages.more();
  expect(ids()).toEqual(paths);
  expect(asked).toHaveLength(3);
});

test("what was there stays until the new rows have come, and only then is it another turn", async () => {
  await pages.show({});
  const { turn } = pages;
  const showing = pages.show({ search: "b" });
  expect([pages.loading, pages.turn, ids()]).toEqual([true, turn, ["a1", "a2", "a3"]]);
  await showing;
  expect([pages.loading, pages.turn, ids()]).toEqual([false, turn + 1, ["b1", "b2", "b3"]]);
});

test("the answer to an earlier question never shows, however late it comes", async () => {
  let answer = (): void => undefined;
  const slow = vi.fn(tasks).mockImplementationOnce(async (...args) => {
    await new Promise<void>((resolve) => (answer = resolve));
    return tasks(...args);
  });
  pages = new TaskPages("p", { api: { tasks: slow } });
  const early = pages.show({ search: "a" });
  await pages.show({ search: "c" });
  answer();
  await early;
  expect(ids()).toEqual(["c1"]);
  expect([asked.find(({ query }) => query.search === "a")?.signal.aborted, pages.problem]).toEqual([true, null]);
});

test("a search that did not look at everything says so", async () => {
  await pages.show({ search: "t" });
  expect(pages.truncated).toBe(true);
  await pages.show({ search: "a" });
  expect(pages.truncated).toBe(false);
});

test("a failure keeps what was there and is forgotten when it works again", async () => {
  await pages.show({});
  const failing = vi.fn(tasks).mockRejectedValueOnce(new Problem(503, "DEPENDENCY_AWAY", "away"));
  pages = new TaskPages("p", { api: { tasks: failing } });
  await pages.show({});
  expect(pages.problem?.reason).toBe("DEPENDENCY_AWAY");
  await pages.show({});
  expect([pages.problem, ids()]).toEqual([null, ["a1", "a2", "a3"]]);
});

test("when something changes, the page that is looked at is asked for again, and the others when they come in sight", async () => {
  await pages.show({});
  await pages.more();
  pages.see(3, 6);
  version = 2;
  pages.changed();
  await refreshed();
  expect(shown()).toEqual(["a1 v1", "a2 v1", "a3 v1", "b1 v2", "b2 v2", "b3 v2"]);
  expect(waiting).toBeNull();
  pages.see(0, 3);
  await refreshed();
  expect(shown()?.slice(0, 3)).toEqual(["a1 v2", "a2 v2", "a3 v2"]);
});

test("what came in and what went is seen, and nothing comes twice", async () => {
  await pages.show({});
  await pages.more();
  pages.see(0, 3);
  paths = paths.filter((path) => path !== "a2");
  pages.changed();
  await refreshed();
  expect(ids()).toEqual(["a1", "a3", "b1", "b2", "b3"]);
  paths = [...paths, "a0", "a05"].toSorted();
  pages.changed();
  await refreshed();
  expect(ids()).toEqual(["a0", "a05", "a1"]);
  await pages.more();
  expect(ids()?.slice(3)).toEqual(["a3", "b1", "b2"]);
});

test("the first task of an empty project is seen", async () => {
  paths = [];
  await pages.show({});
  paths = ["a1"];
  pages.changed();
  await refreshed();
  expect(ids()).toEqual(["a1"]);
});
