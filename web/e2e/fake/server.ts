/** A gateway that forgets: the REST API over memory, as a function from request to answer. */

import type * as wire from "../../src/lib/api/types.ts";
import { IDENTITY_ROUTES, OPEN } from "./identity.ts";
import { Refusal } from "./refusal.ts";
import type { FakeState } from "./state.ts";
import * as tasks from "./tasks.ts";
import { completeUploads, createUploads } from "./uploads.ts";

export type Body = Record<string, unknown>;
export type Answer = object;
export interface Call {
  readonly state: FakeState;
  readonly project: string;
  readonly name: string;
  readonly body: Body;
  readonly query: URLSearchParams;
}
export type Route = readonly [method: string, pattern: RegExp, answer: (call: Call) => Answer];

const PROJECT = "(projects/[^/:]+)";
const at = (rest: string): RegExp => new RegExp(`^${rest}$`);

const ROUTES: readonly Route[] = [
  ...IDENTITY_ROUTES,
  ["GET", at("projects"), ({ state }) => ({ projects: [...state.projects.values()].toReversed() })],
  ["POST", at("projects"), ({ state, body }) => ({ project: state.addProject(body["displayName"] as string, body["labelSchema"] as wire.LabelSchema) })],
  ["GET", at(PROJECT), ({ state, project }) => ({ project: state.project(project), taskCounts: counts(state, project) })],
  ["PATCH", at(PROJECT), updateProject],
  ["GET", at(`${PROJECT}/tasks`), tasks.list],
  ["POST", at(`${PROJECT}/tasks:lease`), tasks.leaseNext],
  ["POST", at(`${PROJECT}/tasks:renewLeases`), tasks.renewLeases],
  ["POST", at(`${PROJECT}/tasks:releaseLeases`), tasks.releaseLeases],
  ["GET", at(`${PROJECT}/tasks/[^/:]+`), ({ state, name }) => ({ task: state.shown(state.entry(name)) })],
  ["POST", at(`${PROJECT}/tasks/[^/:]+:lease`), tasks.leaseOne],
  ["POST", at(`${PROJECT}/tasks/[^/:]+:submit`), tasks.submit],
  ["POST", at(`${PROJECT}/tasks/[^/:]+:skip`), tasks.skip],
  ["POST", at(`${PROJECT}/tasks/[^/:]+:saveDraft`), tasks.saveDraft],
  ["GET", at(`${PROJECT}/tasks/[^/:]+/draft`), tasks.getDraft],
  ["POST", at(`${PROJECT}/tasks/[^/:]+/annotations/[^/:]+:revise`), tasks.revise],
  ["POST", at(`${PROJECT}/assets:urls`), assetUrls],
  ["POST", at(`${PROJECT}/assets:delete`), deleteAssets],
  ["POST", at(`${PROJECT}/uploads:create`), ({ state, project, body }) => createUploads(state, project, body["uploads"] as wire.NewUpload[])],
  ["POST", at(`${PROJECT}/uploads:complete`), ({ state, project, body }) => completeUploads(state, project, body["uploads"] as wire.ArrivedUpload[])],
  ["POST", at(`${PROJECT}/snapshots`), ({ state, project }) => ({ snapshot: state.addSnapshot(project) })],
  ["GET", at(`${PROJECT}/snapshots`), ({ state, project }) => ({ snapshots: state.snapshots.filter((one) => one.name!.startsWith(`${project}/`)) })],
  ["POST", at(`${PROJECT}/snapshots/[^/:]+/exports`), ({ state, name, body }) => ({ export: state.addExport(name.replace(/\/exports$/, ""), body["format"] as wire.ExportFormat, body["images"] as wire.ExportImages) })],
  ["GET", at(`${PROJECT}/exports`), ({ state, project }) => ({ exports: state.exports.filter((one) => one.name!.startsWith(`${project}/`)).map((one) => ({ ...one })) })],
  ["GET", at(`${PROJECT}/exports/[^/:]+:urls`), ({ name }) => ({ urls: [{ path: `${name.split("/").at(-1)}.zip`, url: "/fake/archive.zip", sizeBytes: "2048" }] })],
];

/** Repeats of an Idempotency-Key get the first answer again. */
export function fakeGateway(state: FakeState): (request: Request) => Promise<Response> {
  const answered = new Map<string, string>();
  return async (request) => {
    const url = new URL(request.url);
    const path = decodeURIComponent(url.pathname.replace(/^\/api\/v1\//, ""));
    const key = request.headers.get("idempotency-key");
    if (key && answered.has(key)) return json(200, answered.get(key)!);
    const watched = watchedIn(state, path);
    if (watched) return events(watched);
    try {
      if (!OPEN.has(path)) state.user();
      const body = ["GET", "DELETE"].includes(request.method) ? {} : ((await request.json()) as Body);
      const text = JSON.stringify(answer(state, request.method, path, body, url.searchParams));
      if (key) answered.set(key, text);
      return json(200, text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return json(error.status, JSON.stringify({ status: error.status, reason: error.reason, detail: error.reason, metadata: error.metadata }));
    }
  };
}

function answer(state: FakeState, method: string, path: string, body: Body, query: URLSearchParams): Answer {
  for (const [wanted, pattern, act] of ROUTES) {
    const match = wanted === method ? pattern.exec(path) : null;
    if (match) return act({ state, project: match[1] ?? "", name: path.replace(/:\w+$/, ""), body, query });
  }
  throw new Refusal(404, "ROUTE_NOT_FOUND", { path });
}

const json = (status: number, text: string): Response => new Response(text, { status, headers: { "content-type": "application/json" } });

function watchedIn(state: FakeState, path: string): object[] | null {
  const [name = "", verb] = path.split(":");
  if (verb === "watchCounts") return [{ taskCounts: counts(state, name) }];
  if (verb === "watch" && name.includes("/exports/")) return steps(state.exports.find((one) => one.name === name)!);
  return null;
}

/** An export that is made by thirds while one looks. */
function steps(one: wire.Export): object[] {
  const total = Number(one.progress?.total ?? 0);
  const running = [0, 1, 2].map((third) => ({ export: { ...one, progress: { ...one.progress, done: String(Math.ceil((total * third) / 3)) } } }));
  one.state = "STATE_COMPLETED";
  return [...running, { export: { ...one } }];
}

/** What there is to tell, and the end: the fake does not follow. */
function events(messages: readonly object[]): Response {
  const text = `${messages.map((message) => `data: ${JSON.stringify(message)}\n\n`).join("")}event: end\ndata: {}\n\n`;
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

function counts(state: FakeState, project: string): Record<string, string> {
  const of = (wanted: wire.TaskState): string => String(state.tasksOf(project, wanted).length);
  return { OPEN: of("STATE_OPEN"), COMPLETED: of("STATE_COMPLETED") };
}

function updateProject({ state, project, body }: Call): Answer {
  const before = state.project(project);
  const now = { ...before, ...(body["project"] as wire.Project), revision: String(Number(before.revision) + 1), updateTime: state.time() };
  state.projects.set(project, now);
  return { project: now };
}

function assetUrls({ state, body }: Call): Answer {
  const names = body["names"] as string[];
  return { urls: names.map((name) => ({ name, imageUrl: state.photos.get(name)!.url, thumbnailUrl: state.photos.get(name)!.url })) };
}

function deleteAssets({ state, body }: Call): Answer {
  const gone = new Set(body["names"] as string[]);
  for (const [name, { task }] of state.tasks) if (gone.has(task.assets![0]!.name!)) state.tasks.delete(name);
  return {};
}
