/** What the fake gateway remembers. Only for development and unit tests: the real end-to-end tests have no fakes. */

import type * as wire from "../../src/lib/api/types.ts";
import { FakeIdentity } from "./identity.ts";
import { Refusal } from "./refusal.ts";

export interface Photo {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly url: string;
}

export interface FakeTask {
  task: wire.Task;
  lease?: wire.Lease & { until: number };
  drafts: Map<string, wire.Draft>;
  /** Skipped last: the queue comes to it last. */
  requeued: number;
}

export interface FakeOptions {
  readonly now?: () => number;
  readonly leaseMilliseconds?: number;
}

export class FakeState {
  readonly projects = new Map<string, wire.Project>();
  readonly tasks = new Map<string, FakeTask>();
  readonly photos = new Map<string, Photo>();
  readonly exports: wire.Export[] = [];
  readonly snapshots: wire.Snapshot[] = [];
  readonly accounts = new Map<string, { account: wire.Account; password: string }>();
  readonly identity = new FakeIdentity();
  /** Who is logged in; the fake has one browser at a time. */
  me: wire.Account | null = null;
  #token = 0;
  #requeued = 0;
  readonly now: () => number;
  readonly #leaseMilliseconds: number;

  constructor(options: FakeOptions = {}) {
    this.now = options.now ?? Date.now;
    this.#leaseMilliseconds = options.leaseMilliseconds ?? 600_000;
  }

  time(plus = 0): string {
    return new Date(this.now() + plus).toISOString();
  }

  addProject(displayName: string, labelSchema: wire.LabelSchema): wire.Project {
    const name = `projects/p${this.projects.size + 1}`;
    const project = { name, displayName, labelSchema: numbered(labelSchema), revision: "1", state: "STATE_ACTIVE" as const };
    const made = { ...project, annotationsPerTask: 1, createTime: this.time(), updateTime: this.time() };
    this.projects.set(name, made);
    return made;
  }

  addTask(project: string, photo: Photo): wire.Task {
    const id = `${this.tasks.size + 1}`.padStart(4, "0");
    const asset = `${project}/assets/a${id}`;
    this.photos.set(asset, photo);
    const { path, width, height } = photo;
    const name = `${project}/tasks/t${id}`;
    const task = { name, state: "STATE_OPEN" as const, assets: [{ name: asset, path, width, height }], annotationsRequired: 1 };
    this.tasks.set(name, { task: { ...task, createTime: this.time(), updateTime: this.time() }, drafts: new Map(), requeued: 0 });
    return task;
  }

  project(name: string): wire.Project {
    const project = this.projects.get(name);
    if (!project) throw new Refusal(404, "PROJECT_NOT_FOUND", { project: name });
    return project;
  }

  tasksOf(project: string, state?: wire.TaskState): wire.Task[] {
    const all = [...this.tasks.values()].filter(({ task }) => task.name!.startsWith(`${project}/`));
    return all.filter(({ task }) => !state || task.state === state).map((one) => this.shown(one));
  }

  entry(name: string): FakeTask {
    const entry = this.tasks.get(name);
    if (!entry) throw new Refusal(404, "TASK_NOT_FOUND", { task: name });
    return entry;
  }

  shown(entry: FakeTask): wire.Task {
    return { ...entry.task, ...(this.held(entry) && { leases: [entry.lease!] }) };
  }

  held(entry: FakeTask): boolean {
    return entry.lease !== undefined && entry.lease.until > this.now();
  }

  user(): string {
    if (!this.me?.name) throw new Refusal(401, "NOT_LOGGED_IN");
    return this.me.name;
  }

  leaseTo(entry: FakeTask, annotator: string): wire.LeasedTask {
    const until = this.now() + this.#leaseMilliseconds;
    const lease = { task: entry.task.name!, annotator, token: String(++this.#token), expireTime: new Date(until).toISOString() };
    entry.lease = { ...lease, until };
    const draft = this.draftOf(entry, annotator);
    return { task: this.shown(entry), lease, ...(draft && { draft }) };
  }

  /** An outdated one is handed out no more. */
  draftOf(entry: FakeTask, annotator: string): wire.Draft | undefined {
    const draft = entry.drafts.get(annotator);
    return draft && (draft.annotationVersion ?? 0) === this.versionOf(entry, annotator) ? draft : undefined;
  }

  versionOf(entry: FakeTask, annotator: string): number {
    return entry.task.annotations?.find((one) => one.annotator === annotator)?.version ?? 0;
  }

  giveBack(entry: FakeTask): void {
    delete entry.lease;
    entry.requeued = ++this.#requeued;
  }

  renew(entry: FakeTask, token: string): wire.Lease | undefined {
    if (!this.held(entry) || entry.lease!.token !== token) return undefined;
    const until = this.now() + this.#leaseMilliseconds;
    entry.lease = { ...entry.lease!, until, expireTime: new Date(until).toISOString() };
    return entry.lease;
  }

  submit(entry: FakeTask, token: string, result: wire.Result): wire.SubmitAnswer {
    const me = this.user();
    if (!this.held(entry) || entry.lease!.token !== token || entry.lease!.annotator !== me) return this.#keep(entry, me, result);
    const regionCount = result.regions?.length ?? 0;
    const annotation = { name: `${entry.task.name}/annotations/n1`, annotator: me, result, regionCount, version: 1, updateTime: this.time() };
    const skips = (entry.task.skips ?? []).filter((skip) => skip.annotator !== me);
    entry.task = { ...entry.task, state: "STATE_COMPLETED", annotations: [annotation], skips, updateTime: this.time() };
    entry.drafts.delete(me);
    delete entry.lease;
    return { annotation, taskState: "STATE_COMPLETED" };
  }

  #keep(entry: FakeTask, me: string, result: wire.Result): wire.SubmitAnswer {
    const draft = { task: entry.task.name!, result, updateTime: this.time() };
    entry.drafts.set(me, draft);
    const taken = this.held(entry);
    const reason = entry.task.state === "STATE_COMPLETED" ? "TASK_COMPLETED" : taken ? "LEASE_TAKEN" : "LEASE_EXPIRED";
    return { draftKept: { draft, reason, ...(taken && { holder: entry.lease!.annotator! }) }, taskState: entry.task.state! };
  }

  addSnapshot(project: string): wire.Snapshot {
    const done = this.tasksOf(project, "STATE_COMPLETED");
    const regions = done.reduce((sum, task) => sum + (task.annotations?.[0]?.regionCount ?? 0), 0);
    const version = this.snapshots.filter((one) => one.name!.startsWith(`${project}/`)).length + 1;
    const counts = { itemCount: String(done.length), annotationCount: String(done.length), regionCount: String(regions), sizeBytes: String(900 + regions * 120) };
    const snapshot = { name: `${project}/snapshots/v${version}`, state: "STATE_PUBLISHED" as const, contentDigest: "4f0c".repeat(16), ...counts, createTime: this.time(), publishTime: this.time() };
    this.snapshots.unshift(snapshot);
    return snapshot;
  }

  addExport(snapshot: string, format: wire.ExportFormat, images: wire.ExportImages): wire.Export {
    const project = snapshot.split("/").slice(0, 2).join("/");
    const { itemCount, regionCount } = this.snapshots.find((one) => one.name === snapshot) ?? {};
    const name = `${project}/exports/e${this.exports.length + 1}`;
    const sizeBytes = String(2048 + Number(regionCount) * 160);
    const made = { name, snapshot, state: "STATE_RUNNING" as const, format, images, ...(itemCount && { itemCount }), ...(regionCount && { regionCount }), sizeBytes, createTime: this.time() };
    this.exports.unshift({ ...made, progress: { phase: "items", done: "0", total: itemCount ?? "0" } });
    return this.exports[0]!;
  }
}

/** Labels get ids and class indexes, as annotate gives them. */
function numbered(schema: wire.LabelSchema): wire.LabelSchema {
  let index = 0;
  const controls = (schema.controls ?? []).map((control) => ({
    ...control,
    boxes: { labels: (control.boxes?.labels ?? []).map((label) => ({ ...label, id: label.id ?? `l${index}`, classIndex: index++ })) },
  }));
  return { version: (schema.version ?? 0) + 1, controls };
}
