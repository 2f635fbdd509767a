import { expect, test } from "vitest";
import { classesOf, lookIn } from "./classes";

const schema = {
  controls: [
    { id: "boxes", boxes: { labels: [{ id: "a", name: "cat", colour: "#ff0000" }, { id: "b", name: "dog", hotkey: "1" }, { id: "c", name: "old", retired: true }, { id: "d", name: "cow" }] } },
    { id: "polygons", polygons: { labels: [{ id: "e", name: "road" }] } },
  ],
};

test("labels without a key get the next digit that is free; retired ones none", () => {
  expect(classesOf(schema).map((one) => [one.labelId, one.hotkey])).toEqual([["a", "2"], ["b", "1"], ["c", ""], ["d", "3"]]);
});

test("a region looks as its label, also as a retired one, and grey when nobody knows it", () => {
  const look = lookIn(classesOf(schema));
  expect(look({ labelIds: ["a"] })).toMatchObject({ name: "cat", colour: "#ff0000" });
  expect(look({ labelIds: ["c"] }).name).toBe("old");
  expect(look({ labelIds: ["zz"] })).toEqual({ name: "?", colour: "#808080" });
});
