/** What the app asks of the gateway. Names are resource names as in the contract: projects/p1/tasks/t1. */

import createClient, { type Client } from "openapi-fetch";
import { asProblem, Problem } from "./problem";
import type { paths } from "./schema";
import { sturdyFetch, type Fetch, type SturdyOptions } from "./sturdy";
import type { Annotation, ArrivedUpload, AssetUrls, Draft, Export, ExportFormat, ExportImages, FileUrl, Lease, LeasedTask, LinkedUpload, Loose, NewUpload, Project, LabelSchema, Result, Session, SignUpPolicy, SkipReason, Snapshot, SubmitAnswer, TakenUpload, Task, TaskState } from "./types";

export type * from "./types";
export { watch } from "./watch";
export { said } from "./types";
export { asProblem, Problem };

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string;
}

/** The last part of a resource name. */
export const idOf = (name: string | undefined): string => name?.split("/").at(-1) ?? "";

/** Tasks by state. The counters' keys are states without their prefix (OPEN), and 64-bit numbers come as text. */
export function countsOf({ taskCounts = {} }: { taskCounts?: Record<string, string> }): Record<TaskState, number> {
  const of = (state: string): number => Number(taskCounts[state] ?? 0);
  return { STATE_OPEN: of("OPEN"), STATE_COMPLETED: of("COMPLETED"), STATE_WITHDRAWN: of("WITHDRAWN") };
}

/** Of a list of tasks; what is left out does not narrow it. */
export interface TaskQuery {
  readonly state?: TaskState;
  /** users/yumi */
  readonly annotator?: string;
  readonly skipped?: true;
  readonly search?: string;
  /** As in the contract: "path", "update_time desc". */
  readonly orderBy?: string;
}

export interface TaskPage extends Page<Task> {
  /** The search did not look at everything. */
  readonly truncated: boolean;
}

const TASKS_A_PAGE = 200;
/** The most that assets:delete takes. */
const NAMES_A_CALL = 500;
/** Browsers send no more than 64 KiB for a page that is being left. */
const KEEPALIVE_CHARACTERS = 20_000;

const key = (requestId: string) => ({ headers: { "Idempotency-Key": requestId } });

export class Api {
  readonly #client: Client<paths>;

  constructor(fetch: Fetch, baseUrl: string, options: Partial<SturdyOptions> = {}) {
    const sturdy = sturdyFetch({ cookies: () => document.cookie, ...options, fetch });
    this.#client = createClient<paths>({ baseUrl, fetch: sturdy });
  }

  /** For calls that a few screens alone make. */
  get client(): Client<paths> {
    return this.#client;
  }

  // Identity

  session = async (): Promise<Session> => took(await this.#client.GET("/api/v1/auth/session", {}));

  signUpPolicy = async (): Promise<SignUpPolicy> => took(await this.#client.GET("/api/v1/auth/signUpPolicy", {}));

  /** Logs in at once. */
  signUp = async (body: { login: string; password: string; displayName?: string; invitation?: string }): Promise<void> =>
    void took(await this.#client.POST("/api/v1/auth:signUp", { body }));

  logIn = async (login: string, password: string): Promise<void> =>
    void took(await this.#client.POST("/api/v1/auth:logIn", { body: { login, password } }));

  logOut = async (): Promise<void> => void (await this.#client.POST("/api/v1/auth:logOut", { body: {} }));

  /** By users/{user}; who has no account is left out. */
  displayNames = async (users: readonly string[]): Promise<Record<string, string>> =>
    took(await this.#client.GET("/api/v1/users:displayNames", { params: { query: { names: [...users] } } })).displayNames ?? {};

  // Projects

  async projects(pageToken = ""): Promise<Page<Project>> {
    const answer = took(await this.#client.GET("/api/v1/projects", { params: { query: { pageSize: 100, ...token(pageToken) } } }));
    return { items: answer.projects ?? [], next: answer.nextPageToken ?? "" };
  }

  async project(project: string): Promise<{ project: Project; counts: Record<TaskState, number> }> {
    const answer = took(await this.#client.GET("/api/v1/projects/{project}", { params: { path: { project } } }));
    return { project: answer.project ?? {}, counts: countsOf(answer) };
  }

  async createProject(displayName: string, labelSchema: LabelSchema, requestId: string): Promise<Project> {
    const body = { displayName, labelSchema };
    return took(await this.#client.POST("/api/v1/projects", { body, ...key(requestId) })).project ?? {};
  }

  async updateProject(project: Project, change: { displayName?: string; labelSchema?: LabelSchema }): Promise<Project> {
    const fields = { displayName: "display_name", labelSchema: "label_schema" } as const;
    const updateFields = (Object.keys(change) as (keyof typeof fields)[]).map((field) => fields[field]);
    const body = { project: change, updateFields, ...(project.revision && { expectedRevision: project.revision }) };
    const params = { path: { project: idOf(project.name) } };
    return took(await this.#client.PATCH("/api/v1/projects/{project}", { params, body })).project ?? {};
  }

  // Tasks

  async tasks(project: string, wanted: TaskQuery, pageToken: string, signal: AbortSignal): Promise<TaskPage> {
    const query = { pageSize: TASKS_A_PAGE, withoutResults: true, ...wanted, ...token(pageToken) };
    const answer = took(await this.#client.GET("/api/v1/projects/{project}/tasks", { params: { path: { project }, query }, signal }));
    return { items: answer.tasks ?? [], next: answer.nextPageToken ?? "", truncated: answer.searchTruncated ?? false };
  }

  async task(name: string): Promise<Task> {
    const params = { path: pathOf(name), query: { withResults: true } };
    return took(await this.#client.GET("/api/v1/projects/{project}/tasks/{task}", { params })).task ?? {};
  }

  /** With `skippedToo`, also what the caller has skipped, once nothing else is left. */
  async leaseNext(project: string, skippedToo: boolean, requestId: string): Promise<{ leased: LeasedTask | undefined; skippedLeft: boolean }> {
    const params = { path: { project } };
    const sent = { params, body: { maxTasks: 1, ...(skippedToo && { skippedToo }) }, ...key(requestId) };
    const answer = took(await this.#client.POST("/api/v1/projects/{project}/tasks:lease", sent));
    return { leased: answer.tasks?.[0], skippedLeft: answer.skippedLeft ?? false };
  }

  async lease(task: string, requestId: string): Promise<LeasedTask> {
    const sent = { params: { path: pathOf(task) }, body: {}, ...key(requestId) };
    return took(await this.#client.POST("/api/v1/projects/{project}/tasks/{task}:lease", sent)).task ?? {};
  }

  async submit(task: string, lease: Lease, result: Result, working: number, requestId: string): Promise<SubmitAnswer> {
    const body = { leaseToken: lease.token ?? "0", result, workingMilliseconds: String(Math.round(working)) };
    const sent = { params: { path: pathOf(task) }, body, ...key(requestId) };
    return took(await this.#client.POST("/api/v1/projects/{project}/tasks/{task}:submit", sent));
  }

  async revise(annotation: Annotation, result: Result, working: number, requestId: string): Promise<Annotation> {
    const path = { ...pathOf(annotation.name ?? ""), annotation: idOf(annotation.name) };
    const body = { result, expectedVersion: annotation.version ?? 0, workingMilliseconds: String(Math.round(working)) };
    const route = "/api/v1/projects/{project}/tasks/{task}/annotations/{annotation}:revise";
    return took(await this.#client.POST(route, { params: { path }, body, ...key(requestId) })).annotation ?? {};
  }

  async skip(task: string, lease: Lease, reason: SkipReason, comment: string): Promise<void> {
    const body = { leaseToken: lease.token ?? "0", reason, comment };
    took(await this.#client.POST("/api/v1/projects/{project}/tasks/{task}:skip", { params: { path: pathOf(task) }, body }));
  }

  /** Returns when the server kept it. `leaving`: the page is, and the request outlives it where it is not too large. */
  async saveDraft(task: string, result: Result, annotationVersion: number, options: { signal?: AbortSignal; leaving?: boolean }): Promise<string> {
    const keepalive = options.leaving === true && JSON.stringify(result).length <= KEEPALIVE_CHARACTERS;
    const more = { ...(options.signal && { signal: options.signal }), ...(keepalive && { keepalive }) };
    const sent = { params: { path: pathOf(task) }, body: { result, annotationVersion }, ...more };
    return took(await this.#client.POST("/api/v1/projects/{project}/tasks/{task}:saveDraft", sent)).updateTime ?? "";
  }

  async draft(task: string): Promise<Draft | undefined> {
    try {
      const params = { path: pathOf(task) };
      return took(await this.#client.GET("/api/v1/projects/{project}/tasks/{task}/draft", { params })).draft;
    } catch (error) {
      if (asProblem(error).reason === "DRAFT_NOT_FOUND") return undefined;
      throw error;
    }
  }

  async renew(project: string, leases: readonly Lease[]): Promise<{ leases: Lease[]; lost: string[] }> {
    const sent = { params: { path: { project } }, body: { leases: leases.map(keyOf) } };
    const answer = took(await this.#client.POST("/api/v1/projects/{project}/tasks:renewLeases", sent));
    return { leases: answer.leases ?? [], lost: answer.lost ?? [] };
  }

  async release(project: string, leases: readonly Lease[]): Promise<void> {
    const sent = { params: { path: { project } }, body: { leases: leases.map(keyOf) }, keepalive: true };
    took(await this.#client.POST("/api/v1/projects/{project}/tasks:releaseLeases", sent));
  }

  // Assets

  async assetUrls(project: string, names: string[]): Promise<AssetUrls[]> {
    const sent = { params: { path: { project } }, body: { names } };
    return took(await this.#client.POST("/api/v1/projects/{project}/assets:urls", sent)).urls ?? [];
  }

  /** Links to send files by: an answer for each, in order. */
  async createUploads(project: string, uploads: NewUpload[]): Promise<LinkedUpload[]> {
    const sent = { params: { path: { project } }, body: { uploads } };
    return took(await this.#client.POST("/api/v1/projects/{project}/uploads:create", sent)).results ?? [];
  }

  /** Makes assets of what has arrived: an answer for each, in order. */
  async completeUploads(project: string, uploads: ArrivedUpload[]): Promise<TakenUpload[]> {
    const sent = { params: { path: { project } }, body: { uploads } };
    return took(await this.#client.POST("/api/v1/projects/{project}/uploads:complete", sent)).results ?? [];
  }

  async deleteAssets(project: string, names: string[]): Promise<void> {
    for (let start = 0; start < names.length; start += NAMES_A_CALL) {
      const sent = { params: { path: { project } }, body: { names: names.slice(start, start + NAMES_A_CALL) } };
      took(await this.#client.POST("/api/v1/projects/{project}/assets:delete", sent));
    }
  }

  // Exports

  /** Newest first. */
  async exports(project: string, pageToken = ""): Promise<Page<Export>> {
    const params = { path: { project }, query: { pageSize: 50, ...token(pageToken) } };
    const answer = took(await this.#client.GET("/api/v1/projects/{project}/exports", { params }));
    return { items: answer.exports ?? [], next: answer.nextPageToken ?? "" };
  }

  /** Newest first. */
  async snapshots(project: string, pageToken = ""): Promise<Page<Snapshot>> {
    const params = { path: { project }, query: { pageSize: 50, ...token(pageToken) } };
    const answer = took(await this.#client.GET("/api/v1/projects/{project}/snapshots", { params }));
    return { items: answer.snapshots ?? [], next: answer.nextPageToken ?? "" };
  }

  /** Of what is finished now, or of an earlier snapshot, by its name. */
  async createExport(project: string, format: ExportFormat, images: ExportImages, requestId: string, earlier?: string): Promise<Export> {
    const snapshot = idOf(earlier || (await this.#snapshot(project, requestId)));
    const route = "/api/v1/projects/{project}/snapshots/{snapshot}/exports";
    const answer = await this.#client.POST(route, { params: { path: { project, snapshot } }, body: { format, images }, ...key(requestId) });
    return took(answer).export ?? {};
  }

  async #snapshot(project: string, requestId: string): Promise<string> {
    const sent = { params: { path: { project } }, body: {}, ...key(`${requestId}-snapshot`) };
    return took(await this.#client.POST("/api/v1/projects/{project}/snapshots", sent)).snapshot?.name ?? "";
  }

  async exportUrls(name: string): Promise<FileUrl[]> {
    const [, project = "", , id = ""] = name.split("/");
    const params = { path: { project, export: id } };
    return took(await this.#client.GET("/api/v1/projects/{project}/exports/{export}:urls", { params })).urls ?? [];
  }
}

const token = (pageToken: string) => (pageToken ? { pageToken } : {});

const keyOf = (lease: Lease) => ({ task: lease.task ?? "", token: lease.token ?? "0" });

function pathOf(task: string): { project: string; task: string } {
  const [, project = "", , id = ""] = task.split("/");
  return { project, task: id };
}

/** The fetch beneath throws for everything but success. */
export function took<T>(answer: { data?: T }): Loose<NonNullable<T>> {
  return (answer.data ?? {}) as Loose<NonNullable<T>>;
}
