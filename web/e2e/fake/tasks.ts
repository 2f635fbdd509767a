/** Tasks of the fake gateway: the list, the queue, drafts and skips. */

import type * as wire from "../../src/lib/api/types.ts";
import type { Answer, Call } from "./server.ts";
import { Refusal } from "./refusal.ts";
import type { FakeState, FakeTask } from "./state.ts";

// The list

const ORDERS = new Set(["create_time", "update_time", "path", "region_count"]);
const NUMERIC = new Intl.Collator("ko", { numeric: true });
/** Small, so that one sees what is said then. */
const MOST_SEARCHED = 1_000;

export function list({ state, project, query }: Call): Answer {
  state.project(project);
  const matching = state.tasksOf(project).filter((task) => asked(task, query));
  const cut = query.get("search") !== null && matching.length > MOST_SEARCHED;
  const all = ordered(cut ? matching.slice(0, MOST_SEARCHED) : matching, query);
  const start = Number(query.get("pageToken") ?? 0);
  const size = Number(query.get("pageSize") ?? 50);
  const next = start + size < all.length ? { nextPageToken: String(start + size) } : {};
  return { tasks: all.slice(start, start + size).map(bare), ...next, ...(cut && { searchTruncated: true }) };
}

function asked(task: wire.Task, query: URLSearchParams): boolean {
  const [state, annotator, search] = [query.get("state"), query.get("annotator"), query.get("search")];
  if (state && task.state !== state) return false;
  if (query.get("skipped") === "true" && !task.skips?.length) return false;
  if (annotator && !peopleOf(task).includes(annotator)) return false;
  return search === null || found(task.assets?.[0]?.path ?? "", search);
}

const peopleOf = ({ leases = [], annotations = [] }: wire.Task): string[] => [...leases, ...annotations].map((one) => one.annotator ?? "");

const wordsOf = (text: string): string[] => text.normalize("NFC").toLowerCase().match(/\p{L}+|\d+/gu) ?? [];

function found(path: string, search: string): boolean {
  const wanted = wordsOf(search);
  if (!wanted.length) throw new Refusal(400, "INVALID_SEARCH");
  const words = wordsOf(path);
  return wanted.every((word) => words.some((one) => one.startsWith(word)));
}

function ordered(tasks: readonly wire.Task[], query: URLSearchParams): wire.Task[] {
  const only = query.has("annotator") || query.get("skipped") === "true";
  const [key = "", way] = (query.get("orderBy") || (only ? "update_time desc" : "create_time desc")).split(" ");
  if (!ORDERS.has(key) || (only && key !== "update_time")) throw new Refusal(400, "INVALID_ORDER_BY");
  const sorted = tasks.toSorted((a, b) => NUMERIC.compare(valueOf(a, key), valueOf(b, key)) || NUMERIC.compare(a.name!, b.name!));
  return way === "desc" ? sorted.toReversed() : sorted;
}

function valueOf(task: wire.Task, key: string): string {
  if (key === "path") return task.assets?.[0]?.path ?? "";
  if (key === "region_count") return String((task.annotations ?? []).reduce((sum, one) => sum + (one.regionCount ?? 0), 0));
  return (key === "create_time" ? task.createTime : task.updateTime) ?? "";
}

function bare(task: wire.Task): wire.Task {
  const annotations = task.annotations?.map((one) => {
    const copy = { ...one };
    delete copy.result;
    return copy;
  });
  return { ...task, ...(annotations && { annotations }) };
}

// The queue

export function leaseNext({ state, project, body }: Call): Answer {
  const me = state.user();
  const open = [...state.tasks.values()].filter((one) => one.task.name!.startsWith(`${project}/`) && one.task.state === "STATE_OPEN");
  const free = open.filter((one) => !state.held(one)).toSorted((a, b) => a.requeued - b.requeued);
  const mine = (one: FakeTask): boolean => one.task.skips?.some((skip) => skip.annotator === me) ?? false;
  const [others, skipped] = [free.filter((one) => !mine(one)), free.filter(mine)];
  const given = (others.length || !body["skippedToo"] ? others : skipped).slice(0, (body["maxTasks"] as number) || 1);
  return { tasks: given.map((one) => state.leaseTo(one, me)), skippedLeft: !others.length && skipped.length > 0 };
}

export function leaseOne({ state, name }: Call): Answer {
  const [entry, me] = [state.entry(name), state.user()];
  if (entry.task.annotations?.some((one) => one.annotator === me)) throw new Refusal(409, "ALREADY_ANNOTATED", { task: name });
  if (entry.task.state === "STATE_COMPLETED") throw new Refusal(409, "TASK_COMPLETED", { task: name });
  const holder = state.held(entry) ? entry.lease!.annotator! : me;
  if (holder !== me) throw new Refusal(409, "TASK_HELD", { task: name, holder });
  return { task: state.leaseTo(entry, me) };
}

export function submit({ state, name, body }: Call): Answer {
  return state.submit(state.entry(name), String(body["leaseToken"]), body["result"] as wire.Result);
}

export function revise({ state, name, body }: Call): Answer {
  const entry = state.entry(name.split("/").slice(0, 4).join("/"));
  const before = entry.task.annotations![0]!;
  if (before.version !== body["expectedVersion"]) throw new Refusal(409, "REVISION_CONFLICT");
  const result = body["result"] as wire.Result;
  const annotation = { ...before, result, regionCount: result.regions?.length ?? 0, version: before.version! + 1, updateTime: state.time() };
  entry.task = { ...entry.task, annotations: [annotation] };
  entry.drafts.delete(state.user());
  return { annotation };
}

export function skip({ state, name, body }: Call): Answer {
  const [entry, me] = [state.entry(name), state.user()];
  if (!state.held(entry) || entry.lease!.token !== String(body["leaseToken"])) throw new Refusal(409, "LEASE_LOST", { task: name });
  const [reason, comment] = [body["reason"] as wire.SkipReason, (body["comment"] as string | undefined) ?? ""];
  const made = { annotator: me, reason, comment, skipTime: state.time() };
  const others = (entry.task.skips ?? []).filter((one) => one.annotator !== me);
  entry.task = { ...entry.task, skips: [...others, made], updateTime: state.time() };
  state.giveBack(entry);
  return { skip: made };
}

type LeaseKeys = { task: string; token: string }[];

export function renewLeases({ state, body }: Call): Answer {
  const wanted = (body["leases"] as LeaseKeys).map((key) => ({ key, lease: state.renew(state.entry(key.task), key.token) }));
  return { leases: wanted.flatMap(({ lease }) => lease ?? []), lost: wanted.filter(({ lease }) => !lease).map(({ key }) => key.task) };
}

export function releaseLeases({ state, body }: Call): Answer {
  const held = (body["leases"] as LeaseKeys).filter(({ task, token }) => state.entry(task).lease?.token === token);
  for (const { task } of held) delete state.entry(task).lease;
  return { released: held.map(({ task }) => task) };
}

// Drafts

export function saveDraft({ state, name, body }: Call): Answer {
  const [entry, me] = [state.entry(name), state.user()];
  const version = (body["annotationVersion"] as number | undefined) ?? 0;
  refuseOutdated(state, entry, me, version);
  entry.drafts.set(me, { task: name, annotator: me, result: body["result"] as wire.Result, updateTime: state.time(), annotationVersion: version });
  return { updateTime: state.time() };
}

function refuseOutdated(state: FakeState, entry: FakeTask, me: string, version: number): void {
  const now = state.versionOf(entry, me);
  if (now !== version) throw new Refusal(409, "DRAFT_OUTDATED", { task: entry.task.name!, version: String(now) });
}

export function getDraft({ state, name }: Call): Answer {
  const task = name.replace(/\/draft$/, "");
  const draft = state.draftOf(state.entry(task), state.user());
  if (!draft) throw new Refusal(404, "DRAFT_NOT_FOUND", { task });
  return { draft };
}
