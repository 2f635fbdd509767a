/** A gateway that forgets: the REST API over memory, as a function from request to answer. */

import type * as wire from "../../src/lib/api/types.ts";
import { IDENTITY_ROUTES, OPEN } from "./identity.ts";
import { Refusal } from "./refusal.ts";
import type { FakeState } from "./state.ts";
import { completeUploads, createUploads } from "./uploads.ts";

type Body = Record<string, unknown>;
type Answer = object;
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
  ["GET", at(`${PROJECT}/tasks`), listTasks],
  ["POST", at(`${PROJECT}/tasks:lease`), leaseNext],
  ["POST", at(`${PROJECT}/tasks:renewLeases`), renewLeases],
  ["POST", at(`${PROJECT}/tasks:releaseLeases`), releaseLeases],
  ["GET", at(`${PROJECT}/tasks/[^/:]+`), ({ state, name }) => ({ task: state.shown(state.entry(name)) })],
  ["POST", at(`${PROJECT}/tasks/[^/:]+:lease`), leaseOne],
  ["POST", at(`${PROJECT}/tasks/[^/:]+:submit`), submit],
  ["POST", at(`${PROJECT}/tasks/[^/:]+/annotations/[^/:]+:revise`), revise],
  ["POST", at(`${PROJECT}/assets:urls`), assetUrls],
  ["POST", at(`${PROJECT}/assets:delete`), deleteAssets],
  ["POST", at(`${PROJECT}/uploads:create`), ({ state, project, body }) => createUploads(state, project, body["uploads"] as wire.NewUpload[])],
  ["POST", at(`${PROJECT}/uploads:complete`), ({ state, project, body }) => completeUploads(state, project, body["uploads"] as wire.ArrivedUpload[])],
  ["POST", at(`${PROJECT}/snapshots`), ({ project }) => ({ snapshot: { name: `${project}/snapshots/v1` } })],
  ["POST", at(`${PROJECT}/snapshots/[^/:]+/exports`), ({ state, name, body }) => ({ export: state.addExport(name.replace(/\/exports$/, ""), body["format"] as wire.ExportFormat, body["images"] as wire.ExportImages) })],
  ["GET", at(`${PROJECT}/exports`), listExports],
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
    if (path.endsWith(":watchCounts")) return events({ taskCounts: counts(state, path.replace(/:.*/, "")) });
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

/** One message and the end: the fake does not follow. */
function events(message: object): Response {
  const text = `data: ${JSON.stringify(message)}\n\nevent: end\ndata: {}\n\n`;
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

function listTasks({ state, project, query }: Call): Answer {
  state.project(project);
  const all = state.tasksOf(project, (query.get("state") as wire.TaskState | null) ?? undefined);
  const start = Number(query.get("pageToken") ?? 0);
  const size = Number(query.get("pageSize") ?? 50);
  const next = start + size < all.length ? { nextPageToken: String(start + size) } : {};
  return { tasks: all.slice(start, start + size), ...next };
}

function leaseNext({ state, project, body }: Call): Answer {
  const me = state.user();
  const open = [...state.tasks.values()].filter((one) => one.task.name!.startsWith(`${project}/`) && one.task.state === "STATE_OPEN");
  const free = open.filter((one) => !state.held(one)).slice(0, (body["maxTasks"] as number) || 1);
  return { tasks: free.map((one) => state.leaseTo(one, me)) };
}

function leaseOne({ state, name }: Call): Answer {
  const [entry, me] = [state.entry(name), state.user()];
  if (entry.task.annotations?.some((one) => one.annotator === me)) throw new Refusal(409, "ALREADY_ANNOTATED", { task: name });
  if (entry.task.state === "STATE_COMPLETED") throw new Refusal(409, "TASK_COMPLETED", { task: name });
  const holder = state.held(entry) ? entry.lease!.annotator! : me;
  if (holder !== me) throw new Refusal(409, "TASK_HELD", { task: name, holder });
  return { task: state.leaseTo(entry, me) };
}

function submit({ state, name, body }: Call): Answer {
  return state.submit(state.entry(name), String(body["leaseToken"]), body["result"] as wire.Result);
}

function revise({ state, name, body }: Call): Answer {
  const entry = state.entry(name.split("/").slice(0, 4).join("/"));
  const before = entry.task.annotations![0]!;
  if (before.version !== body["expectedVersion"]) throw new Refusal(409, "REVISION_CONFLICT");
  const annotation = { ...before, result: body["result"] as wire.Result, version: before.version! + 1, updateTime: state.time() };
  entry.task = { ...entry.task, annotations: [annotation] };
  return { annotation };
}

type LeaseKeys = { task: string; token: string }[];

function renewLeases({ state, body }: Call): Answer {
  const asked = (body["leases"] as LeaseKeys).map((key) => ({ key, lease: state.renew(state.entry(key.task), key.token) }));
  return { leases: asked.flatMap(({ lease }) => lease ?? []), lost: asked.filter(({ lease }) => !lease).map(({ key }) => key.task) };
}

function releaseLeases({ state, body }: Call): Answer {
  const held = (body["leases"] as LeaseKeys).filter(({ task, token }) => state.entry(task).lease?.token === token);
  for (const { task } of held) delete state.entry(task).lease;
  return { released: held.map(({ task }) => task) };
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

/** Each look makes a running export a third further. */
function listExports({ state, project }: Call): Answer {
  for (const one of state.exports) {
    const done = Number(one.progress?.done ?? 0) + Math.ceil(Number(one.progress?.total ?? 0) / 3);
    if (done >= Number(one.progress?.total ?? 0)) one.state = "STATE_COMPLETED";
    else one.progress = { ...one.progress, done: String(done) };
  }
  return { exports: state.exports.filter((one) => one.name!.startsWith(`${project}/`)).map((one) => ({ ...one })) };
}
