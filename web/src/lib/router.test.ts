// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { match } from "./router.svelte";

test("names in a pattern stand for one part each", () => {
  expect(match("/projects/:project/label/:task", "/projects/p1/label/t%201")).toEqual({ project: "p1", task: "t 1" });
  expect(match("/projects/:project", "/projects/p1/")).toEqual({ project: "p1" });
});

test("other paths do not match", () => {
  expect(match("/projects/:project", "/projects")).toBeNull();
  expect(match("/projects/:project", "/projects/")).toBeNull();
  expect(match("/projects/new", "/projects/p1")).toBeNull();
});
