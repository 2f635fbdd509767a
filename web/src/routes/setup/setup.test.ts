import fc from "fast-check";
import { expect, test } from "vitest";
import { addLines, faultIn, fromSchema, PALETTE, toSchema, withHotkey } from "./setup";

const named = (text: string) => addLines([], text).labels;

test("labels are added one a line, each with a colour and a key of its own", () => {
  const labels = named("순이\n\n  유미 \n렝가");
  expect(labels.map((label) => label.name)).toEqual(["순이", "유미", "렝가"]);
  expect(new Set(labels.map((label) => label.colour)).size).toBe(3);
  expect(labels.map((label) => label.hotkey)).toEqual(["1", "2", "3"]);
});

test("a name that is there already is said, also in another normal form", () => {
  const { labels, duplicates } = addLines(named("고양이"), "고양이".normalize("NFD") + "\n개");
  expect(labels).toHaveLength(2);
  expect(duplicates).toEqual(["고양이"]);
});

test("however many are added, no two share a key, and each has a colour of the palette", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 40 }), (names) => {
      const labels = named(names.join("\n"));
      const keys = labels.map((label) => label.hotkey).filter(Boolean);
      expect(new Set(keys).size).toBe(keys.length);
      expect(labels.every((label) => PALETTE.includes(label.colour))).toBe(true);
      expect(faultIn(labels)).toBeUndefined();
    }),
  );
});

test("a key belongs to one label", () => {
  const labels = withHotkey(named("a\nb"), 1, "1");
  expect(labels.map((label) => label.hotkey)).toEqual(["", "1"]);
});

test("two labels of one name, or none, are a fault", () => {
  const [a, b] = named("a\nb");
  expect(faultIn([a!, { ...b!, name: " a " }])).toBe("a");
  expect(faultIn([{ ...a!, name: "  " }])).toBe("");
});

test("ids stay, new labels have none, and other controls are kept", () => {
  const polygons = { id: "polygons", polygons: { labels: [] } };
  const before = { controls: [{ id: "b1", boxes: { labels: [{ id: "x", name: "cat", colour: "#111111", hotkey: "1" }, { id: "y", name: "old", retired: true }] } }, polygons] };
  const labels = addLines(fromSchema(before), "dog").labels;
  const after = toSchema(labels, before);
  expect(after.controls?.[0]).toMatchObject({ id: "b1", boxes: { labels: [{ id: "x", name: "cat" }, { name: "dog" }] } });
  expect(after.controls?.[0]?.boxes?.labels?.[1]).not.toHaveProperty("id");
  expect(after.controls?.[1]).toEqual(polygons);
});
