/** What property tests draw from: images, points, boxes, documents and changes to them. */

import fc from "fast-check";
import type { Region } from "./doc";
import type { Box, Point, Size } from "./geometry";

const coordinate = (limit: number) => fc.double({ min: 0, max: limit, noNaN: true });

export const sizes: fc.Arbitrary<Size> = fc.record({ width: fc.integer({ min: 1, max: 8000 }), height: fc.integer({ min: 1, max: 8000 }) });

export const points: fc.Arbitrary<Point> = fc.record({
  x: fc.double({ min: -9000, max: 9000, noNaN: true }),
  y: fc.double({ min: -9000, max: 9000, noNaN: true }),
});

export const boxesIn = ({ width, height }: Size): fc.Arbitrary<Box> =>
  fc.tuple(coordinate(width), coordinate(width), coordinate(height), coordinate(height)).map(([x0, x1, y0, y1]) => ({
    x: Math.min(x0, x1),
    y: Math.min(y0, y1),
    width: Math.abs(x1 - x0),
    height: Math.abs(y1 - y0),
  }));

export const IMAGE: Size = { width: 640, height: 480 };

/** Few ids, so that changes meet each other. */
export const regions: fc.Arbitrary<Region> = fc.record({
  id: fc.integer({ min: 0, max: 11 }).map((n) => `r${n}`),
  controlId: fc.constant("boxes"),
  labelIds: fc.constantFrom(["cat"], ["dog"]),
  box: boxesIn(IMAGE),
});

export const documents: fc.Arbitrary<Region[]> = fc.uniqueArray(regions, { selector: (region) => region.id, maxLength: 12 });

export type Step = { kind: "put" | "remove" | "replace"; regions: Region[] } | { kind: "undo" | "redo" };

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("put" as const, "remove" as const), regions: fc.array(regions, { maxLength: 3 }) }),
    fc.record({ kind: fc.constant("replace" as const), regions: documents }),
    fc.record({ kind: fc.constantFrom("undo" as const, "redo" as const) }),
  ),
  { maxLength: 30 },
);
