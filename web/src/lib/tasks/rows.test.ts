import { expect, test } from "vitest";
import { rowOf } from "./rows";

const task = { name: "projects/p/tasks/t1", state: "STATE_OPEN" as const, assets: [{ name: "projects/p/assets/a1", path: "사진/1.jpg" }] };

test("a row names who holds the task now, else who labelled it, and counts everybody's regions", () => {
  const annotations = [{ annotator: "users/yumi", regionCount: 2 }, { annotator: "users/suni", regionCount: 5 }];
  expect(rowOf({ ...task, annotations })).toMatchObject({ id: "t1", path: "사진/1.jpg", annotators: ["users/yumi", "users/suni"], held: false, regions: 7 });
  expect(rowOf({ ...task, annotations, leases: [{ annotator: "users/renga" }] })).toMatchObject({ annotators: ["users/renga"], held: true });
});

test("a row says who skipped the task", () => {
  const skips = [{ annotator: "users/suni", reason: "REASON_UNCLEAR" as const }];
  expect(rowOf({ ...task, skips }).skips).toEqual(skips);
  expect(rowOf(task).skips).toEqual([]);
});
