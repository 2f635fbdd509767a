import { expect, test } from "vitest";
import { Problem } from "./api";
import { Resource } from "./resource.svelte";

test("the answer to the last question counts, however late the first one comes", async () => {
  const answers: ((value: string) => void)[] = [];
  const resource = new Resource(() => new Promise<string>((resolve) => void answers.push(resolve)));
  const [first, second] = [resource.load(), resource.load()];
  answers[1]!("new");
  answers[0]!("old");
  await Promise.all([first, second]);
  expect(resource.value).toBe("new");
  expect(resource.loading).toBe(false);
});

test("a problem leaves what was there, and a success takes the problem away", async () => {
  let fails = false;
  const resource = new Resource(async () => {
    if (fails) throw new Problem(503, "DEPENDENCY_AWAY", "");
    return 1;
  });
  await resource.load();
  fails = true;
  await resource.load();
  expect([resource.value, resource.problem?.reason]).toEqual([1, "DEPENDENCY_AWAY"]);
  fails = false;
  await resource.load();
  expect(resource.problem).toBeNull();
});
