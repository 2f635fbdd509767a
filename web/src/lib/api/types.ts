/** Messages of the contract by the names that the app uses. `schema.ts` is written from the gateway's OpenAPI document. */

import type { components } from "./schema";

/** Every field may be missing: an older gateway does not send it, and protobuf leaves out what is not set. */
type Loose<T> = T extends readonly (infer U)[]
  ? Loose<U>[]
  : T extends object
    ? string extends keyof T
      ? T
      : { [K in keyof T]?: Loose<T[K]> }
    : T;

/** A value of an enum that says something. */
export type Said<T extends string> = Exclude<T, `${string}_UNSPECIFIED`>;

/** What is unspecified or missing counts as `otherwise`. */
export function said<T extends string>(value: T | undefined, otherwise: Said<T>): Said<T> {
  return value === undefined || value.endsWith("_UNSPECIFIED") ? otherwise : (value as Said<T>);
}

type Schemas = components["schemas"];
type Of<Name extends keyof Schemas> = Loose<Schemas[Name]>;

export type Account = Of<"Account">;
export type Session = Of<"GetSessionResponse">;
export type Role = Said<Schemas["Role"]>;
export type BrowserSession = Of<"Session">;
export type ApiToken = Of<"ApiToken">;
export type Invitation = Of<"Invitation">;
export type SignUpPolicy = Of<"GetSignUpPolicyResponse">;
export type Label = Of<"Label">;
export type LabelSchema = Of<"LabelSchema">;
export type Project = Of<"Project">;
export type Task = Of<"Task">;
export type TaskState = Said<Schemas["TaskState"]>;
export type Lease = Of<"Lease">;
export type LeasedTask = Of<"LeasedTask">;
export type Annotation = Of<"Annotation">;
export type Draft = Of<"Draft">;
export type Result = Of<"Result">;
export type SubmitAnswer = Of<"SubmitAnnotationResponse">;
export type AssetUrls = Of<"GetAssetUrlsResponseAssetUrls">;
export type Upload = Of<"Upload">;
export type NewUpload = Of<"CreateUploadsRequestNewUpload">;
export type ArrivedUpload = Of<"CompleteUploadsRequestArrivedUpload">;
export type LinkedUpload = Of<"CreateUploadsResponseResult">;
export type TakenUpload = Of<"CompleteUploadsResponseResult">;
export type Skip = Of<"Skip">;
export type SkipReason = Said<Schemas["SkipReason"]>;
export type Snapshot = Of<"Snapshot">;
export type Export = Of<"Export">;
export type ExportFormat = Said<Schemas["ExportFormat"]>;
export type ExportImages = Said<Schemas["ExportImages"]>;
export type Counts = Of<"WatchCountsResponse">;
export type FileUrl = Of<"GetExportUrlsResponseFileUrl">;
export type ProblemBody = Of<"Problem">;
export type { Loose };
