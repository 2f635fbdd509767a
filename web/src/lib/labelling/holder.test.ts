import { expect, test } from "vitest";
import { holderOf } from "./holder";

const lease = (annotator: string) => ({ annotator });

test.each<[string, Parameters<typeof holderOf>[0], string | undefined]>([
  ["free", { annotationsRequired: 1 }, undefined],
  ["held by another", { annotationsRequired: 1, leases: [lease("users/suni")] }, "users/suni"],
  ["held by oneself", { annotationsRequired: 1, leases: [lease("users/yumi")] }, undefined],
  ["held by another, with room for one more", { annotationsRequired: 2, leases: [lease("users/suni")] }, undefined],
  ["half done, and held", { annotationsRequired: 2, annotations: [{}], leases: [lease("users/suni")] }, "users/suni"],
])("a task that is %s", (_what, task, holder) => {
  expect(holderOf(task, "users/yumi")).toBe(holder);
});
