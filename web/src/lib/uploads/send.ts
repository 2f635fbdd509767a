/** Bytes to S3 by presigned links: whole, or in parts several at a time. A file is read as it is sent, never whole. */

import { NETWORK, Problem } from "../api/problem";
import type { Upload } from "../api/types";

/** Resolves with the ETag of what was put; throws a Problem. `told` gets the bytes sent so far. */
export type Put = (url: string, body: Blob, told: (bytes: number) => void, signal: AbortSignal) => Promise<string>;

/** So many at once, the rest in turn. */
export class Slots {
  readonly #waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async run<T>(act: () => Promise<T>): Promise<T> {
    if (this.free) this.free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}

export interface Sending {
  readonly put: Put;
  readonly slots: Slots;
  readonly signal: AbortSignal;
  /** Bytes of the file that have arrived or are on their way. */
  readonly told: (bytes: number) => void;
  readonly pause: (milliseconds: number) => Promise<void>;
}

const ATTEMPTS = 3;
const WAIT_MILLISECONDS = 1_000;

/** Sends what `etags` does not have yet, and fills it in: a repeat goes on where the last one ended. */
export async function send(file: Blob, upload: Upload, etags: string[], sending: Sending): Promise<void> {
  const urls = upload.putUrls ?? [];
  const size = Number(upload.partSizeBytes ?? 0) || file.size;
  const sent = urls.map((_, part) => (etags[part] ? sizeOf(file, part, size) : 0));
  const tell = (part: number, bytes: number): void => {
    sent[part] = bytes;
    sending.told(sent.reduce((sum, one) => sum + one, 0));
  };
  const parts = urls.map((url, part) => async () => {
    if (etags[part] || sending.signal.aborted) return;
    const body = file.slice(part * size, (part + 1) * size);
    etags[part] = await repeated(() => sending.put(url, body, (bytes) => tell(part, bytes), sending.signal), sending);
    tell(part, body.size);
  });
  const outcomes = await Promise.allSettled(parts.map((part) => sending.slots.run(part)));
  const failed = outcomes.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
  sending.signal.throwIfAborted();
}

const sizeOf = (file: Blob, part: number, size: number): number => Math.min(size, file.size - part * size);

async function repeated<T>(act: () => Promise<T>, { pause, signal }: Sending): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (attempt >= ATTEMPTS || signal.aborted || !(error instanceof Problem && (error.passing || error.status === 500))) throw error;
      await pause(WAIT_MILLISECONDS * 3 ** (attempt - 1));
    }
  }
}

/** fetch tells nothing of what it has sent. */
export const putByXhr: Put = (url, body, told, signal) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = (): void => request.abort();
    const fail = (problem: unknown) => (): void => reject(problem);
    request.open("PUT", url);
    request.upload.addEventListener("progress", (event) => told(event.loaded));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.getResponseHeader("ETag") ?? "");
      else reject(new Problem(request.status, request.status === 403 ? "UPLOAD_EXPIRED" : "STORAGE_REFUSED", `${request.status}`));
    });
    request.addEventListener("error", fail(new Problem(0, NETWORK, "The storage cannot be reached.")));
    request.addEventListener("abort", fail(signal.reason));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", abort));
    signal.addEventListener("abort", abort);
    request.send(body);
  });
