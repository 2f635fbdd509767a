import { expect, test } from "vitest";
import { Problem } from "../api/problem";
import type { ArrivedUpload, LinkedUpload, NewUpload, TakenUpload } from "../api/types";
import type { Put } from "./send";
import { Uploads } from "./uploads.svelte";

const PART = 4;

/** A gateway and a store in memory. */
class Server {
  readonly calls: string[] = [];
  readonly put = new Map<string, string>();
  atOnce = 0;
  mostAtOnce = 0;
  refuse: (url: string) => Problem | null = () => null;
  answer: (path: string) => TakenUpload = () => ({ taken: { duplicate: false } });
  #ids = 0;
  readonly #paths = new Map<string, string>();

  async createUploads(project: string, uploads: NewUpload[]): Promise<LinkedUpload[]> {
    this.calls.push(`create ${uploads.length}`);
    return uploads.map(({ path = "", sizeBytes }) => {
      if (sizeBytes === "0") return { rejection: { name: "r", reason: "EMPTY_FILE" } };
      const name = `${project}/uploads/u${++this.#ids}`;
      this.#paths.set(name, path);
      const parts = Math.ceil(Number(sizeBytes) / PART);
      const putUrls = Array.from({ length: parts }, (_, part) => `${path}#${part}`);
      return { upload: { name, putUrls, partSizeBytes: parts > 1 ? String(PART) : "0", expireTime: "2100-01-01T00:00:00Z" } };
    });
  }

  async completeUploads(_project: string, uploads: ArrivedUpload[]): Promise<TakenUpload[]> {
    this.calls.push(`complete ${uploads.length}`);
    return uploads.map(({ name = "", partEtags = [] }) => {
      const path = this.#paths.get(name) ?? "";
      this.calls.push(`${path} ${partEtags.join("")}`);
      return this.answer(path);
    });
  }

  send: Put = async (url, body) => {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    await new Promise((resolve) => setTimeout(resolve));
    this.atOnce -= 1;
    const problem = this.refuse(url);
    if (problem) throw problem;
    this.put.set(url, (this.put.get(url) ?? "") + (await body.text()));
    return `<${url}>`;
  };
}

function started(server = new Server()): { server: Server; uploads: Uploads } {
  const uploads = new Uploads({ api: server, put: server.send, pause: () => Promise.resolve() });
  return { server, uploads };
}

const chosen = (path: string, text = "x") => ({ path, file: new File([text], path.split("/").at(-1)!) });

async function settled(uploads: Uploads): Promise<void> {
  while (uploads.active) await new Promise((resolve) => setTimeout(resolve));
}

test("many files go a few at a time, and links and completions are asked for many at a time", async () => {
  const server = new Server();
  const pause = async (): Promise<void> => {
    while (server.atOnce) await new Promise((resolve) => setTimeout(resolve));
  };
  const uploads = new Uploads({ api: server, put: server.send, pause });
  uploads.add("p", Array.from({ length: 120 }, (_, n) => chosen(`${n}.jpg`)));
  await settled(uploads);
  expect(uploads.counts).toMatchObject({ done: 120, all: 120, bytes: 120, sentBytes: 120 });
  expect(server.mostAtOnce).toBe(6);
  expect(server.calls.filter((call) => call.startsWith("create"))).toEqual(["create 50", "create 50", "create 20"]);
  expect(server.calls.filter((call) => call.startsWith("complete")).length).toBeLessThan(15);
});

test("a large file goes in parts, and a retry sends only those that did not arrive", async () => {
  const { server, uploads } = started();
  server.refuse = (url) => (url.endsWith("#1") ? new Problem(0, "NETWORK", "away") : null);
  uploads.add("p", [chosen("a.tif", "0123456789")]);
  await settled(uploads);
  expect(uploads.counts).toMatchObject({ failed: 1, sentBytes: 6 });
  server.refuse = () => null;
  uploads.retry();
  await settled(uploads);
  expect(uploads.counts).toMatchObject({ done: 1, sentBytes: 10 });
  expect([...server.put].toSorted()).toEqual([["a.tif#0", "0123"], ["a.tif#1", "4567"], ["a.tif#2", "89"]]);
  expect(server.calls).toEqual(["create 1", "complete 1", "a.tif <a.tif#0><a.tif#1><a.tif#2>"]);
});

test("a rejection, a duplicate and what is there already are told apart", async () => {
  const { server, uploads } = started();
  server.answer = (path) => (path === "bad" ? { rejection: { name: "r", reason: "DAMAGED_IMAGE", message: "." } } : { taken: { duplicate: path === "twice" } });
  uploads.add("p", [chosen("bad"), chosen("twice"), chosen("good"), chosen("empty", "")]);
  await settled(uploads);
  expect(uploads.items.map(({ state, reason }) => [state, reason?.reason])).toEqual([
    ["rejected", "DAMAGED_IMAGE"], ["duplicate", undefined], ["done", undefined], ["rejected", "EMPTY_FILE"],
  ]);
});

test("what a busy server has not decided is handed in again, and sent no second time", async () => {
  const { server, uploads } = started();
  let busy = 2;
  server.answer = () => (busy-- > 0 ? { rejection: { reason: "SPOOL_FULL" } } : { taken: {} });
  uploads.add("p", [chosen("a")]);
  await settled(uploads);
  expect(uploads.counts.done).toBe(1);
  expect(server.put.get("a#0")).toBe("x");
});

test("bytes that are gone are sent anew by a retry", async () => {
  const { server, uploads } = started();
  server.answer = () => ({ rejection: { reason: "UPLOAD_NOT_FOUND" } });
  uploads.add("p", [chosen("a")]);
  await settled(uploads);
  expect(uploads.items[0]).toMatchObject({ state: "failed", reason: { reason: "UPLOAD_NOT_FOUND" } });
  server.answer = () => ({ taken: {} });
  uploads.retry();
  await settled(uploads);
  expect(uploads.counts.done).toBe(1);
  expect(server.put.get("a#0")).toBe("xx");
});

test("what is cancelled is not completed, and the rest goes on", async () => {
  const { server, uploads } = started();
  uploads.add("p", Array.from({ length: 20 }, (_, n) => chosen(`${n}`)));
  uploads.cancel(uploads.items.slice(3, 20));
  await settled(uploads);
  expect(uploads.counts).toMatchObject({ done: 3, cancelled: 17 });
  expect([...server.put.keys()]).toEqual(["0#0", "1#0", "2#0"]);
});

test("files that come while others go are sent too, each into its project", async () => {
  const { server, uploads } = started();
  uploads.add("p", [chosen("a")]);
  await new Promise((resolve) => setTimeout(resolve));
  uploads.add("q", [chosen("b")]);
  uploads.add("p", [chosen("c")]);
  await settled(uploads);
  expect(uploads.counts.done).toBe(3);
  expect([...server.put.keys()].toSorted()).toEqual(["a#0", "b#0", "c#0"]);
});
