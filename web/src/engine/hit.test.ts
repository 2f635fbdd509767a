import fc from "fast-check";
import { expect, test } from "vitest";
import { documents, points, steps } from "./arbitraries";
import { Doc } from "./doc";
import { contains, HANDLES, handlePoint } from "./geometry";
import { handleAt, SpatialIndex } from "./hit";
import { toScreen } from "./view";

test("the index finds what a look at each region finds, top-most first, after any changes", () => {
  const margins = fc.double({ min: 0, max: 50, noNaN: true });
  fc.assert(
    fc.property(documents, steps, points, margins, (start, all, p, margin) => {
      const doc = new Doc(start);
      const index = new SpatialIndex(start);
      doc.subscribe((change) => index.apply(change, doc.regions));
      for (const step of all) {
        if (step.kind === "put") doc.put(...step.regions);
        else if (step.kind === "remove") doc.remove(...step.regions.map((region) => region.id));
        else if (step.kind === "replace") doc.replace(step.regions);
        else doc[step.kind]();
      }
      const slow = doc.regions.filter((region) => contains(region.box, p, margin)).toReversed();
      expect(index.at(p, margin)).toEqual(slow);
      expect(index.size).toBe(doc.regions.length);
    }),
    { numRuns: 300 },
  );
});

test("handles are as large on the screen at each zoom", () => {
  const box = { x: 100, y: 100, width: 200, height: 100 };
  for (const scale of [0.5, 1, 8]) {
    const view = { scale, x: -30, y: 12 };
    for (const handle of HANDLES) {
      const { x, y } = toScreen(view, handlePoint(box, handle));
      expect(handleAt(view, box, { x: x + 6, y: y - 6 })).toBe(handle);
    }
    const { x, y } = toScreen(view, handlePoint(box, "e"));
    expect(handleAt(view, box, { x: x + 8, y })).toBeUndefined();
  }
});

test("where handles of a small box meet, corners win", () => {
  const view = { scale: 1, x: 0, y: 0 };
  expect(handleAt(view, { x: 0, y: 0, width: 8, height: 8 }, { x: 4, y: 0 })).toHaveLength(2);
});
