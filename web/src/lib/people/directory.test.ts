import { expect, test, vi } from "vitest";
import { Directory } from "./directory.svelte";

const NAMES: Record<string, string> = { "users/yumi": "유미", "users/suni": "순이" };

function asked() {
  return vi.fn(async (users: readonly string[]) => Object.fromEntries(users.flatMap((user) => (NAMES[user] ? [[user, NAMES[user]]] : []))));
}

test("people go by the end of their name until the answer is there, then by the name that they chose", async () => {
  const directory = new Directory(asked());
  expect(directory.nameOf("users/yumi")).toBe("yumi");
  await vi.waitFor(() => expect(directory.nameOf("users/yumi")).toBe("유미"));
});

test("who is shown at once is asked for at once, and each once only, known or not", async () => {
  const ask = asked();
  const directory = new Directory(ask);
  const show = () => ["users/yumi", "users/suni", "users/nobody", "users/yumi", "serviceAccounts/ingest", ""].map((user) => directory.nameOf(user));
  show();
  await vi.waitFor(() => expect(show()).toEqual(["유미", "순이", "nobody", "유미", "ingest", ""]));
  await new Promise((resolve) => setTimeout(resolve));
  expect(ask.mock.calls).toEqual([[["users/yumi", "users/suni", "users/nobody"]]]);
});

test("many are asked for in parts", async () => {
  const ask = asked();
  const directory = new Directory(ask);
  for (let n = 0; n < 250; n++) directory.nameOf(`users/u${n}`);
  await vi.waitFor(() => expect(ask.mock.calls.map(([users]) => users.length)).toEqual([100, 100, 50]));
});

test("names that could not be fetched are asked for again when they are next shown", async () => {
  const ask = asked().mockRejectedValueOnce(new Error("away"));
  const directory = new Directory(ask);
  directory.nameOf("users/yumi");
  await vi.waitFor(() => expect(ask.mock.settledResults[0]?.type).toBe("rejected"));
  await vi.waitFor(() => expect(directory.nameOf("users/yumi")).toBe("유미"));
  expect(ask).toHaveBeenCalledTimes(2);
});

test("who an answer named by the way is not asked for, and goes by the newest name", async () => {
  const ask = asked();
  const directory = new Directory(ask);
  directory.learn([{ name: "users/yumi", displayName: "유미" }, { name: "users/suni" }]);
  directory.learn([{ name: "users/yumi", displayName: "김유미" }]);
  expect(directory.nameOf("users/yumi")).toBe("김유미");
  await new Promise((resolve) => setTimeout(resolve));
  expect(ask).not.toHaveBeenCalled();
});
