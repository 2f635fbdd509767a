import { expect, test } from "vitest";
import { found, rowOf, sorted } from "./rows";

const task = (path: string, more: object = {}) => ({ name: `projects/p/tasks/${path}`, state: "STATE_OPEN" as const, assets: [{ name: `projects/p/assets/${path}`, path }], ...more });

test("a row names who holds the task now, else who labelled it, and counts regions also where they lie elsewhere", () => {
  const annotations = [{ annotator: "users/yumi", result: { regions: [{}, {}] } }, { annotator: "users/suni", reference: { regionCount: 5 } }];
  expect(rowOf(task("a", { annotations }))).toMatchObject({ id: "a", annotator: "yumi, suni", held: false, regions: 7 });
  expect(rowOf(task("a", { annotations, leases: [{ annotator: "users/renga" }] }))).toMatchObject({ annotator: "renga", held: true });
});

test("names are found whatever their normal form and case", () => {
  const rows = [rowOf(task("사진/고양이.JPG")), rowOf(task("dog.jpg"))];
  expect(found(rows, "고양이.jpg".normalize("NFD"))).toEqual([rows[0]]);
  expect(found(rows, "  ")).toBe(rows);
});

test("file names are sorted as people count, both ways", () => {
  const rows = ["b10.jpg", "b9.jpg", "가.jpg"].map((path) => rowOf(task(path)));
  const paths = (descending: boolean) => sorted(rows, { column: "path", descending }, "ko").map((row) => row.path);
  expect(paths(false)).toEqual(paths(true).toReversed());
  expect(paths(false).indexOf("b9.jpg")).toBeLessThan(paths(false).indexOf("b10.jpg"));
  expect(sorted(rows, null, "ko")).toBe(rows);
});
