/** What the app asks of the gateway. Names are resource names as in the contract: projects/p1/tasks/t1. */

import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./schema";
import { sturdyFetch, type Fetch, type SturdyOptions } from "./sturdy";
import type { Annotation, ArrivedUpload, AssetUrls, Export, ExportFormat, ExportImages, FileUrl, Lease, LeasedTask, LinkedUpload, Loose, NewUpload, Project, LabelSchema, Result, Session, SignUpPolicy, SubmitAnswer, TakenUpload, Task, TaskState } from "./types";

export type * from "./types";
export { watch } from "./watch";
export { said } from "./types";
export { asProblem, Problem } from "./problem";

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

export const TASKS_A_PAGE = 200;

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

  async tasks(project: string, state: TaskState | undefined, pageToken = ""): Promise<Page<Task>> {
    const query = { pageSize: TASKS_A_PAGE, ...(state && { state }), ...token(pageToken) };
    const answer = took(await this.#client.GET("/api/v1/projects/{project}/tasks", { params: { path: { project }, query } }));
    return { items: answer.tasks ?? [], next: answer.nextPageToken ?? "" };
  }

  async task(name: string): Promise<Task> {
    const params = { path: pathOf(name), query: { withResults: true } };
    return took(await this.#client.GET("/api/v1/projects/{project}/tasks/{task}", { params })).task ?? {};
  }

  async leaseNext(project: string, maxTasks: number, requestId: string): Promise<LeasedTask[]> {
    const params = { path: { project } };
    const sent = { params, body: { maxTasks }, ...key(requestId) };
    return took(await this.#client.POST("/api/v1/projects/{project}/tasks:lease", sent)).tasks ?? [];
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
    const sent = { params: { path: { project } }, body: { names } };
    took(await this.#client.POST("/api/v1/projects/{project}/assets:delete", sent));
  }

  // Exports

  async exports(project: string): Promise<Export[]> {
    const params = { path: { project }, query: { pageSize: 50 } };
    return took(await this.#client.GET("/api/v1/projects/{project}/exports", { params })).exports ?? [];
  }

  async createExport(project: string, format: ExportFormat, images: ExportImages, requestId: string): Promise<Export> {
    const snapshots = { params: { path: { project } }, body: {}, ...key(`${requestId}-snapshot`) };
    const { snapshot } = took(await this.#client.POST("/api/v1/projects/{project}/snapshots", snapshots));
    const path = { project, snapshot: idOf(snapshot?.name) };
    const route = "/api/v1/projects/{project}/snapshots/{snapshot}/exports";
    const answer = await this.#client.POST(route, { params: { path }, body: { format, images }, ...key(requestId) });
    return took(answer).export ?? {};
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
