/** One file on its way into a project. */

import type { Problem } from "../api/problem";
import type { Upload } from "../api/types";
import type { Chosen } from "./dropped";

/**
 *     waiting -> sending -> checking -> done | duplicate | rejected
 *        ^          |           |
 *        +-- retry -+- failed <-+          cancelled: from any but the last three
 */
export type ItemState = "waiting" | "sending" | "checking" | "done" | "duplicate" | "rejected" | "failed" | "cancelled";

export class Item {
  state: ItemState = $state("waiting");
  sentBytes = $state(0);
  /** Why it was rejected or failed: stable, and a sentence of the server's where there is one. */
  reason: { readonly reason: string; readonly text: string } | null = $state.raw(null);
  readonly path: string;
  readonly file: File;
  /** Where it goes, once it is known; parts that have arrived. */
  upload: Upload | null = null;
  etags: string[] = [];
  arrived = false;
  stop = new AbortController();

  constructor(
    readonly id: number,
    readonly project: string,
    { path, file }: Chosen,
  ) {
    this.path = path;
    this.file = file;
  }

  /** Sent from its beginning when it is tried again. */
  restart(): void {
    [this.upload, this.etags, this.arrived, this.sentBytes] = [null, [], false, 0];
  }

  fail(problem: Problem): void {
    this.reason = { reason: problem.reason, text: problem.message };
    this.state = "failed";
  }
}
