import { expect, test } from "vitest";
import { lastSeen, type Seen } from "./last-seen";

test("the table as it was left is there for the same person and project alone", () => {
  const seen = { user: "users/yumi", project: "p1", search: "?show=mine", top: 40 } as Seen;
  lastSeen.set(seen);
  expect(lastSeen.of("users/yumi", "p1")).toBe(seen);
  expect([lastSeen.of("users/suni", "p1"), lastSeen.of("users/yumi", "p2")]).toEqual([null, null]);
});
