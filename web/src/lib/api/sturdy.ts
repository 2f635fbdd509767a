/** fetch that carries the CSRF token and an Idempotency-Key, and repeats what is safe to repeat. */

import { NETWORK, Problem, problemOf } from "./problem";

export type Fetch = (request: Request) => Promise<Response>;

export interface SturdyOptions {
  readonly fetch: Fetch;
  readonly cookies: () => string;
  readonly sleep?: (milliseconds: number) => Promise<void>;
  readonly newKey?: () => string;
  readonly attempts?: number;
}

const FIRST_WAIT_MILLISECONDS = 300;
const LONGEST_WAIT_MILLISECONDS = 5_000;
const CSRF_COOKIE = /(?:^|;\s*)(?:__Host-)?annostream_csrf=([^;]*)/;

/** Whether a session may be there. Nobody's is not asked for: each such answer is an error in the browser's console. */
export const mayBeLoggedIn = (cookies: string): boolean => CSRF_COOKIE.test(cookies);

/** Answers, or throws a Problem; an answer is always a success. */
export function sturdyFetch(options: SturdyOptions): Fetch {
  const { sleep = pause, newKey = () => crypto.randomUUID(), attempts = 3 } = options;
  return async (original) => {
    const request = await dressed(original, options.cookies(), newKey);
    for (let attempt = 1; ; attempt++) {
      const outcome = await tried(options.fetch, request.keepalive ? request : request.clone());
      if (!(outcome instanceof Problem)) return outcome;
      if (attempt >= attempts || !outcome.passing || !isRepeatable(request)) throw outcome;
      await sleep(waitAfter(attempt, outcome));
    }
  };
}

/** Log-in and sign-up count against the rate limit with each try; of API tokens and invitations a repeat would make two. */
const ONCE = /^\/api\/v1\/(?:auth:|apiTokens$|invitations$)/;

const isRepeatable = ({ keepalive, method, url }: Request): boolean => !keepalive && (method === "GET" || !ONCE.test(new URL(url).pathname));

/** The body is read once and sent as text: a streamed one could not be sent again over HTTP/1.1. */
async function dressed(request: Request, cookies: string, newKey: () => string): Promise<Request> {
  if (request.method === "GET") return request;
  const headers = new Headers(request.headers);
  const token = CSRF_COOKIE.exec(cookies)?.[1];
  if (token) headers.set("X-CSRF-Token", decodeURIComponent(token));
  if (!headers.has("Idempotency-Key")) headers.set("Idempotency-Key", newKey());
  const { method, signal } = request;
  // What is sent while the page is left must be on its way at once, and is sent once.
  if (request.keepalive) return new Request(request, { headers });
  return new Request(request.url, { method, headers, body: await request.text(), signal });
}

async function tried(fetch: Fetch, request: Request): Promise<Response | Problem> {
  try {
    const response = await fetch(request);
    return response.ok ? response : await problemOf(response);
  } catch (error) {
    if (request.signal.aborted) throw error;
    return new Problem(0, NETWORK, String(error));
  }
}

function waitAfter(attempt: number, problem: Problem): number {
  const grown = FIRST_WAIT_MILLISECONDS * 3 ** (attempt - 1);
  return Math.min(LONGEST_WAIT_MILLISECONDS, Math.max(grown, (problem.retryAfterSeconds ?? 0) * 1000));
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
