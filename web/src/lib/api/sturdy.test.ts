import { expect, test } from "vitest";
import { asProblem, type Problem } from "./problem";
import { mayBeLoggedIn, sturdyFetch, type Fetch } from "./sturdy";

const refusal = (status: number, body: object, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers });

/** Answers in turn; keeps what was asked and how long was waited. */
function scripted(...answers: (Response | Error)[]) {
  const seen: Request[] = [];
  const waits: number[] = [];
  const fetch: Fetch = async (request) => {
    seen.push(request);
    const answer = answers.shift()!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  let keys = 0;
  const sturdy = sturdyFetch({ fetch, sleep, cookies: () => "a=b; __Host-annostream_csrf=x%2By", newKey: () => `k${keys++}` });
  return { seen, waits, ask: (url: string, init?: RequestInit) => sturdy(new Request(`http://test${url}`, init)) };
}

const POST = { method: "POST", body: "{}" };
const refused = (asking: Promise<Response>): Promise<Problem> => asking.then(() => Promise.reject(new Error("not refused")), asProblem);

test("a change carries the CSRF token and a key; a repeat carries the same key", async () => {
  const { seen, ask } = scripted(new TypeError("network"), refusal(503, {}), new Response("{}"));
  await ask("/api/v1/projects", POST);
  expect(seen.map((request) => request.headers.get("idempotency-key"))).toEqual(["k0", "k0", "k0"]);
  expect(seen[2]?.headers.get("x-csrf-token")).toBe("x+y");
});

test("a look carries neither", async () => {
  const { seen, ask } = scripted(new Response("{}"));
  await ask("/api/v1/projects");
  expect(seen[0]?.headers.get("idempotency-key")).toBeNull();
  expect(seen[0]?.headers.get("x-csrf-token")).toBeNull();
});

test("what is refused for good is not repeated, and keeps its reason", async () => {
  const body = { reason: "TASK_HELD", detail: "Held by suni.", metadata: { holder: "users/suni" } };
  const { seen, ask } = scripted(refusal(409, body));
  const problem = await refused(ask("/api/v1/projects/p/tasks/t:lease", POST));
  expect(problem).toMatchObject({ status: 409, reason: "TASK_HELD", message: "Held by suni.", metadata: { holder: "users/suni" } });
  expect(seen).toHaveLength(1);
});

test("Retry-After is waited for, and after three attempts the problem is told", async () => {
  const busy = () => refusal(429, { reason: "OUTBOX_FULL" }, { "retry-after": "2" });
  const { seen, waits, ask } = scripted(busy(), busy(), busy());
  expect((await refused(ask("/api/v1/projects", POST))).reason).toBe("OUTBOX_FULL");
  expect(seen).toHaveLength(3);
  expect(waits).toEqual([2000, 2000]);
});

test.each(["auth:logIn", "apiTokens", "invitations"])("%s is never repeated by itself", async (path) => {
  const { seen, ask } = scripted(refusal(503, {}));
  expect((await refused(ask(`/api/v1/${path}`, POST))).status).toBe(503);
  expect(seen).toHaveLength(1);
});

test("a list of API tokens is asked for again, and so is the end of one", async () => {
  const { seen, ask } = scripted(refusal(503, {}), new Response("{}"), refusal(503, {}), new Response("{}"));
  await ask("/api/v1/apiTokens");
  await ask("/api/v1/apiTokens/k1", { method: "DELETE" });
  expect(seen).toHaveLength(4);
});

test("an answer that is no problem document still has a reason", async () => {
  const { ask } = scripted(new Response("<html>", { status: 400 }));
  expect((await refused(ask("/api/v1/projects"))).reason).toBe("HTTP_400");
});

test("somebody may be logged in where there is a CSRF cookie, and nowhere else", () => {
  expect([mayBeLoggedIn("a=b; annostream_csrf=x"), mayBeLoggedIn("__Host-annostream_csrf=x")]).toEqual([true, true]);
  expect([mayBeLoggedIn(""), mayBeLoggedIn("not_annostream_csrf=x")]).toEqual([false, false]);
});
