/** Uploads of the fake gateway: links to itself, and what arrived becomes a task at once. */

import { createHash } from "node:crypto";
import type * as wire from "../../src/lib/api/types.ts";
import type { FakeState } from "./state.ts";

/** Small, so that a test sends parts without sending megabytes. */
export const PART_BYTES = 256 * 1024;
const LIFETIME_MILLISECONDS = 3_600_000;
/** Bytes by link: upload/part. */
const arrived = new Map<string, Buffer>();
const opened = new Map<string, { path: string; parts: number }>();
const known = new Set<string>();

export function createUploads(state: FakeState, project: string, uploads: wire.NewUpload[]): object {
  state.project(project);
  return { results: uploads.map((one) => linked(state, project, one)) };
}

function linked(state: FakeState, project: string, { path = "", sizeBytes, mediaType = "" }: wire.NewUpload): wire.LinkedUpload {
  const size = Number(sizeBytes);
  if (!size) return { rejection: { name: `${project}/rejections/r`, path, reason: "EMPTY_FILE" } };
  if (mediaType && !mediaType.startsWith("image/")) return { rejection: { name: `${project}/rejections/r`, path, reason: "UNSUPPORTED_TYPE" } };
  const id = `u${opened.size + 1}`;
  const parts = size > PART_BYTES ? Math.ceil(size / PART_BYTES) : 1;
  opened.set(id, { path, parts });
  const putUrls = Array.from({ length: parts }, (_, part) => `/fake/uploads/${id}/${part}`);
  return { upload: { name: `${project}/uploads/${id}`, putUrls, partSizeBytes: parts > 1 ? String(PART_BYTES) : "0", expireTime: state.time(LIFETIME_MILLISECONDS) } };
}

/** What S3 does. */
export function put(link: string, body: Buffer): string {
  arrived.set(link, body);
  return etagOf(body);
}

export function completeUploads(state: FakeState, project: string, uploads: wire.ArrivedUpload[]): object {
  return { results: uploads.map((one) => taken(state, project, one)) };
}

function taken(state: FakeState, project: string, { name = "", partEtags = [] }: wire.ArrivedUpload): wire.TakenUpload {
  const id = name.split("/").at(-1)!;
  const { path, parts } = opened.get(id)!;
  const bytes = Array.from({ length: parts }, (_, part) => arrived.get(`${id}/${part}`));
  if (bytes.some((one) => !one)) return { rejection: { path, reason: "NOTHING_ARRIVED" } };
  if (parts > 1 && bytes.some((one, part) => etagOf(one!) !== partEtags[part])) return { rejection: { path, reason: "PARTS_MISSING" } };
  const whole = Buffer.concat(bytes as Buffer[]);
  if (whole.includes("damaged")) return { rejection: { name: `${project}/rejections/r`, path, reason: "DAMAGED_IMAGE" } };
  const key = `${project} ${createHash("sha256").update(whole).digest("hex")}`;
  const duplicate = known.has(key);
  known.add(key);
  if (!duplicate) state.addTask(project, { path, width: 600, height: 400, url: "/fake/samples/coffee.jpg" });
  return { taken: { asset: {}, duplicate } };
}

const etagOf = (body: Buffer): string => `"${createHash("md5").update(body).digest("hex")}"`;
