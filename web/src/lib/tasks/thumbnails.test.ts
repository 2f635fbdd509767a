import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Thumbnails } from "./thumbnails.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const answering = () => vi.fn(async (_project: string, names: string[]) => names.map((name) => ({ name, thumbnailUrl: `/${name}.webp` })));

test("links are asked for once each, and many at a time", async () => {
  const assetUrls = answering();
  const thumbnails = new Thumbnails({ assetUrls }, "p");
  for (const name of ["a", "b", "a"]) thumbnails.want(name);
  await vi.runAllTimersAsync();
  thumbnails.want("a");
  await vi.runAllTimersAsync();
  expect(assetUrls.mock.calls).toEqual([["p", ["a", "b"]]]);
  expect(thumbnails.of("b")).toBe("/b.webp");
});

test("more than one call takes are asked for in the next one", async () => {
  const assetUrls = answering();
  const thumbnails = new Thumbnails({ assetUrls }, "p");
  for (let n = 0; n < 501; n++) thumbnails.want(`a${n}`);
  await vi.runAllTimersAsync();
  expect(assetUrls.mock.calls.map(([, names]) => names.length)).toEqual([500, 1]);
  expect(thumbnails.of("a500")).toBe("/a500.webp");
});

test("what failed is asked for again when it is wanted again", async () => {
  const assetUrls = answering().mockRejectedValueOnce(new Error("away"));
  const thumbnails = new Thumbnails({ assetUrls }, "p");
  thumbnails.want("a");
  await vi.runAllTimersAsync();
  thumbnails.want("a");
  await vi.runAllTimersAsync();
  expect(thumbnails.of("a")).toBe("/a.webp");
});
