import { expect, test } from "vitest";
import { countsOf } from ".";

test("counters are read by the names that the server gives them, and what is not counted is none", () => {
  expect(countsOf({ taskCounts: { OPEN: "15", COMPLETED: "1" } })).toEqual({ STATE_OPEN: 15, STATE_COMPLETED: 1, STATE_WITHDRAWN: 0 });
});
