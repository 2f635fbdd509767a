import fc from "fast-check";
import { expect, test } from "vitest";
import { movedBy, windowOf } from "./window";

test("every row in sight is in the window, and the window is small", () => {
  const sights = fc.record({
    count: fc.nat(100_000),
    rowHeight: fc.integer({ min: 20, max: 80 }),
    top: fc.nat(8_000_000),
    height: fc.nat(2_000),
  });
  fc.assert(
    fc.property(sights, (sight) => {
      const { first, end } = windowOf(sight);
      expect(first).toBeGreaterThanOrEqual(0);
      expect(end).toBeLessThanOrEqual(Math.max(first, sight.count));
      expect(end - first).toBeLessThanOrEqual(Math.ceil(sight.height / sight.rowHeight) + 14);
      const seen = Math.floor((sight.top + sight.height / 2) / sight.rowHeight);
      if (seen < sight.count) expect(first <= seen && seen < end).toBe(true);
    }),
  );
});

test("what is in sight stays there when rows come and go above it", () => {
  const moved = (before: string, after: string, place: number): number => movedBy([...before], [...after], String, place);
  expect(moved("abcdef", "xyabcdef", 2)).toBe(2);
  expect(moved("abcdef", "cdef", 2)).toBe(-2);
  expect(moved("abcdef", "xabde", 2)).toBe(0);
  expect(moved("abcdef", "xyabdef", 2)).toBe(1);
  expect(moved("abc", "xyz", 1)).toBe(0);
});
