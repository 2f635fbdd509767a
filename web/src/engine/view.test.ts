import fc from "fast-check";
import { expect, test } from "vitest";
import { points, sizes } from "./arbitraries";
import { actualSize, fit, keepInSight, MAX_SCALE, toImage, toScreen, zoomAt, type View } from "./view";

const views: fc.Arbitrary<View> = fc.record({
  scale: fc.double({ min: 0.01, max: MAX_SCALE, noNaN: true }),
  x: fc.double({ min: -5000, max: 5000, noNaN: true }),
  y: fc.double({ min: -5000, max: 5000, noNaN: true }),
});

test("from the image to the screen and back is where it was, to a millionth of a pixel", () => {
  fc.assert(
    fc.property(views, points, (view, p) => {
      const back = toImage(view, toScreen(view, p));
      expect(Math.hypot(back.x - p.x, back.y - p.y)).toBeLessThan(1e-6);
    }),
  );
});

test("zooming keeps the image point under the cursor where it is", () => {
  fc.assert(
    fc.property(views, points, fc.double({ min: 0.1, max: 10, noNaN: true }), sizes, (view, at, factor, image) => {
      const still = toImage(view, at);
      const now = toScreen(zoomAt(view, at, factor, image), still);
      expect(Math.hypot(now.x - at.x, now.y - at.y)).toBeLessThan(1e-5);
    }),
  );
});

test("fit shows the whole image in the middle", () => {
  fc.assert(
    fc.property(sizes, (image) => {
      const viewport = { width: 900, height: 600 };
      const view = fit(image, viewport);
      const [a, b] = [toScreen(view, { x: 0, y: 0 }), toScreen(view, { x: image.width, y: image.height })];
      expect(a.x).toBeGreaterThanOrEqual(0);
      expect(b.y).toBeLessThanOrEqual(viewport.height);
      expect(a.x + b.x).toBeCloseTo(viewport.width);
      expect(a.y + b.y).toBeCloseTo(viewport.height);
    }),
  );
});

test("some of the image stays in sight however far it is moved", () => {
  fc.assert(
    fc.property(views, sizes, (view, image) => {
      const viewport = { width: 900, height: 600 };
      const kept = keepInSight(view, image, viewport);
      expect(kept.x).toBeLessThanOrEqual(viewport.width - 48);
      expect(kept.x + image.width * kept.scale).toBeGreaterThanOrEqual(48 - 1e-6);
    }),
  );
});

test("actual size is one image pixel to one pixel of the display", () => {
  expect(actualSize({ scale: 0.3, x: 5, y: 5 }, { width: 100, height: 100 }, 2).scale).toBe(0.5);
});
