/** What the server refuses, or that it cannot be reached. */

import type { ProblemBody } from "./types";

export const NETWORK = "NETWORK";

const AWAY = new Set([0, 502, 503, 504]);

export class Problem extends Error {
  constructor(
    /** HTTP status; 0: no answer came. */
    readonly status: number,
    /** Stable, upper case: TASK_HELD. */
    readonly reason: string,
    detail: string,
    readonly metadata: Readonly<Record<string, string>> = {},
    readonly retryAfterSeconds?: number,
  ) {
    super(detail);
    this.name = "Problem";
  }

  /** Repeating may help: nothing was wrong with the request. */
  get passing(): boolean {
    return AWAY.has(this.status) || this.status === 429 || this.reason === "TASK_BUSY";
  }

  /** The server cannot be reached. */
  get away(): boolean {
    return AWAY.has(this.status);
  }
}

export async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as ProblemBody;
  const seconds = body.retryAfterSeconds ?? (Number(response.headers.get("retry-after")) || undefined);
  const reason = body.reason ?? `HTTP_${response.status}`;
  return new Problem(response.status, reason, body.detail ?? body.title ?? response.statusText, body.metadata, seconds);
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(-1, "UNEXPECTED", String(error));
}
