import fc from "fast-check";
import { expect, test } from "vitest";
import { boxesIn, points, sizes } from "./arbitraries";
import { clampBox, HANDLES, handlePoint, moveBox, resizeBox, type Box, type Size } from "./geometry";

const TINY = 1e-6;
const inImages = sizes.chain((size) => fc.record({ size: fc.constant(size), box: boxesIn(size), to: points }));

function liesIn(box: Box, size: Size): boolean {
  return (
    box.x >= -TINY && box.y >= -TINY && box.width >= 0 && box.height >= 0 &&
    box.x + box.width <= size.width + TINY && box.y + box.height <= size.height + TINY
  );
}

test("whatever is resized, moved or clamped lies in the image", () => {
  fc.assert(
    fc.property(inImages, fc.constantFrom(...HANDLES), ({ size, box, to }, handle) => {
      expect(liesIn(resizeBox(box, handle, to, size), size)).toBe(true);
      expect(liesIn(moveBox(box, to.x, to.y, size), size)).toBe(true);
      expect(liesIn(clampBox({ ...box, x: to.x, y: to.y }, size), size)).toBe(true);
    }),
  );
});

test("moving keeps the size of a box", () => {
  fc.assert(
    fc.property(inImages, ({ size, box, to }) => {
      const moved = moveBox(box, to.x, to.y, size);
      expect([moved.width, moved.height]).toEqual([box.width, box.height]);
    }),
  );
});

test("a handle dragged to where it is changes nothing, and an edge handle leaves the other axis alone", () => {
  fc.assert(
    fc.property(inImages, fc.constantFrom(...HANDLES), ({ size, box, to }, handle) => {
      const same = resizeBox(box, handle, handlePoint(box, handle), size);
      for (const key of ["x", "y", "width", "height"] as const) expect(same[key]).toBeCloseTo(box[key], 6);
      const wide = resizeBox(box, "e", to, size);
      expect([wide.y, wide.height]).toEqual([box.y, box.y + box.height - box.y]);
    }),
  );
});

test("a handle dragged past the opposite edge turns the box over", () => {
  const box = { x: 100, y: 100, width: 50, height: 50 };
  expect(resizeBox(box, "w", { x: 200, y: 0 }, { width: 640, height: 480 })).toEqual({ x: 150, y: 100, width: 50, height: 50 });
});
