/**
 * Types of the REST API, in the form that openapi-typescript writes them. By hand until the gateway's OpenAPI document
 * is in the tree; `OPENAPI=address npm run api` then writes this file.
 */

type Json<T> = { content: { "application/json": T } };
type Answers<T> = { 200: Json<T>; default: { content: { "application/problem+json": ProblemBody } } };
type In<Path> = [Path] extends [Nothing] ? { path?: never } : { path: Path };
type Get<Path, Query, Answer> = { parameters: In<Path> & { query?: Query }; responses: Answers<Answer> };
type Post<Path, Body, Answer> = { parameters: In<Path>; requestBody: Json<Body>; responses: Answers<Answer> };
type Nothing = Record<string, never>;
type Page = { pageSize?: number; pageToken?: string };
type InProject = { project: string };
type InTask = InProject & { task: string };

export interface ProblemBody {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  reason?: string;
  metadata?: Record<string, string>;
  traceId?: string;
  retryAfterSeconds?: number;
}

export interface components {
  schemas: {
    Account: { name?: string; login?: string; displayName?: string; role?: Role };
    SessionAnswer: { account?: components["schemas"]["Account"]; role?: Role };
    SignUpPolicy: {
      access?: "ACCESS_OPEN" | "ACCESS_INVITATION" | "ACCESS_CLOSED";
      firstAccount?: boolean;
      minPasswordCharacters?: number;
    };
    Label: { id?: string; name?: string; colour?: string; hotkey?: string; classIndex?: number; retired?: boolean };
    Control: {
      id?: string;
      boxes?: { labels?: components["schemas"]["Label"][] };
      polygons?: { labels?: components["schemas"]["Label"][] };
    };
    LabelSchema: { version?: number; controls?: components["schemas"]["Control"][] };
    Project: {
      name?: string;
      displayName?: string;
      state?: "STATE_ACTIVE" | "STATE_ARCHIVED";
      labelSchema?: components["schemas"]["LabelSchema"];
      annotationsPerTask?: number;
      revision?: string;
      createTime?: string;
      updateTime?: string;
    };
    Region: {
      id?: string;
      controlId?: string;
      labelIds?: string[];
      box?: { x?: number; y?: number; width?: number; height?: number };
      polygon?: { points?: number[] };
      attributes?: Record<string, string>;
      score?: number;
      origin?: string;
    };
    Result: { regions?: components["schemas"]["Region"][] };
    Annotation: {
      name?: string;
      annotator?: string;
      result?: components["schemas"]["Result"];
      reference?: { regionCount?: number };
      version?: number;
      updateTime?: string;
    };
    Lease: { task?: string; slot?: number; annotator?: string; token?: string; expireTime?: string };
    Task: {
      name?: string;
      state?: TaskState;
      assets?: { name?: string; path?: string; width?: number; height?: number }[];
      annotations?: components["schemas"]["Annotation"][];
      annotationsRequired?: number;
      leases?: components["schemas"]["Lease"][];
      revision?: string;
      updateTime?: string;
    };
    Draft: { task?: string; result?: components["schemas"]["Result"]; updateTime?: string };
    LeasedTask: {
      task?: components["schemas"]["Task"];
      lease?: components["schemas"]["Lease"];
      draft?: components["schemas"]["Draft"];
    };
    SubmitAnswer: {
      annotation?: components["schemas"]["Annotation"];
      draftKept?: { draft?: components["schemas"]["Draft"]; reason?: string; holder?: string };
      taskState?: TaskState;
    };
    AssetUrls: { name?: string; imageUrl?: string; thumbnailUrl?: string };
    Progress: { phase?: string; done?: string; total?: string };
    Snapshot: { name?: string; state?: string; itemCount?: string; regionCount?: string; createTime?: string };
    Export: {
      name?: string;
      snapshot?: string;
      state?: "STATE_PENDING" | "STATE_RUNNING" | "STATE_COMPLETED" | "STATE_FAILED";
      format?: ExportFormat;
      images?: ExportImages;
      itemCount?: string;
      regionCount?: string;
      sizeBytes?: string;
      progress?: components["schemas"]["Progress"];
      failure?: { reason?: string; message?: string };
      createTime?: string;
    };
    FileUrl: { path?: string; url?: string; sizeBytes?: string };
  };
}

type S = components["schemas"];
export type Role = "ROLE_VIEWER" | "ROLE_ANNOTATOR" | "ROLE_REVIEWER" | "ROLE_MANAGER" | "ROLE_OWNER";
export type TaskState = "STATE_OPEN" | "STATE_COMPLETED" | "STATE_WITHDRAWN";
export type ExportFormat = "FORMAT_COCO" | "FORMAT_YOLO" | "FORMAT_JSONL";
export type ExportImages = "IMAGES_COPIES" | "IMAGES_REFERENCES";
type LeaseKeys = { leases: { task: string; token: string }[] };

export interface paths {
  "/api/v1/auth/session": { get: Get<Nothing, Nothing, S["SessionAnswer"]> };
  "/api/v1/auth/signUpPolicy": { get: Get<Nothing, Nothing, S["SignUpPolicy"]> };
  "/api/v1/auth:signUp": {
    post: Post<Nothing, { login: string; password: string; displayName?: string; invitation?: string }, S["SessionAnswer"]>;
  };
  "/api/v1/auth:logIn": { post: Post<Nothing, { login: string; password: string }, S["SessionAnswer"]> };
  "/api/v1/auth:logOut": { post: Post<Nothing, Nothing, Nothing> };
  "/api/v1/projects": {
    get: Get<Nothing, Page, { projects?: S["Project"][]; nextPageToken?: string }>;
    post: Post<Nothing, { displayName: string; labelSchema: S["LabelSchema"] }, { project?: S["Project"] }>;
  };
  "/api/v1/projects/{project}": {
    get: Get<InProject, Nothing, { project?: S["Project"]; taskCounts?: Record<string, string> }>;
    patch: Post<
      InProject,
      { project: Partial<S["Project"]>; updateFields: string[]; expectedRevision?: string },
      { project?: S["Project"] }
    >;
  };
  "/api/v1/projects/{project}/tasks": {
    get: Get<InProject, Page & { state?: TaskState }, { tasks?: S["Task"][]; nextPageToken?: string }>;
  };
  "/api/v1/projects/{project}/tasks/{task}": { get: Get<InTask, { withResults?: boolean }, { task?: S["Task"] }> };
  "/api/v1/projects/{project}/tasks:lease": { post: Post<InProject, { maxTasks: number }, { tasks?: S["LeasedTask"][] }> };
  "/api/v1/projects/{project}/tasks/{task}:lease": { post: Post<InTask, Nothing, { task?: S["LeasedTask"] }> };
  "/api/v1/projects/{project}/tasks/{task}:submit": {
    post: Post<InTask, { leaseToken: string; result: S["Result"]; workingMilliseconds: string }, S["SubmitAnswer"]>;
  };
  "/api/v1/projects/{project}/tasks/{task}/annotations/{annotation}:revise": {
    post: Post<
      InTask & { annotation: string },
      { result: S["Result"]; expectedVersion: number; workingMilliseconds: string },
      { annotation?: S["Annotation"] }
    >;
  };
  "/api/v1/projects/{project}/tasks:renewLeases": {
    post: Post<InProject, LeaseKeys, { leases?: S["Lease"][]; lost?: string[] }>;
  };
  "/api/v1/projects/{project}/tasks:releaseLeases": { post: Post<InProject, LeaseKeys, { released?: string[] }> };
  "/api/v1/projects/{project}/assets:urls": { post: Post<InProject, { names: string[] }, { urls?: S["AssetUrls"][] }> };
  "/api/v1/projects/{project}/assets:delete": { post: Post<InProject, { names: string[] }, Nothing> };
  "/api/v1/projects/{project}/snapshots": {
    get: Get<InProject, Page, { snapshots?: S["Snapshot"][]; nextPageToken?: string }>;
    post: Post<InProject, Nothing, { snapshot?: S["Snapshot"] }>;
  };
  "/api/v1/projects/{project}/snapshots/{snapshot}/exports": {
    post: Post<InProject & { snapshot: string }, { format: ExportFormat; images: ExportImages }, { export?: S["Export"] }>;
  };
  "/api/v1/projects/{project}/exports": { get: Get<InProject, Page, { exports?: S["Export"][]; nextPageToken?: string }> };
  "/api/v1/projects/{project}/exports/{export}": { get: Get<InProject & { export: string }, Nothing, { export?: S["Export"] }> };
  "/api/v1/projects/{project}/exports/{export}:urls": {
    get: Get<InProject & { export: string }, Page, { urls?: S["FileUrl"][]; nextPageToken?: string }>;
  };
}
