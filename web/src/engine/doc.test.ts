import fc from "fast-check";
import { expect, test } from "vitest";
import { documents, IMAGE, steps, type Step } from "./arbitraries";
import { Doc, type Region, type Snapshot } from "./doc";
import { fromResult, toResult } from "./result";

function take(doc: Doc, step: Step): void {
  if (step.kind === "put") doc.put(...step.regions);
  else if (step.kind === "remove") doc.remove(...step.regions.map((region) => region.id));
  else if (step.kind === "replace") doc.replace(step.regions);
  else doc[step.kind]();
}

test("undo leads back through every snapshot, and redo forward again", () => {
  fc.assert(
    fc.property(documents, steps, (start, all) => {
      const doc = new Doc(start);
      const seen: Snapshot[] = [doc.regions];
      for (const step of all.filter((one) => one.kind !== "undo" && one.kind !== "redo")) {
        take(doc, step);
        if (doc.regions !== seen.at(-1)) seen.push(doc.regions);
      }
      for (const snapshot of seen.toReversed().slice(1)) {
        doc.undo();
        expect(doc.regions).toBe(snapshot);
      }
      expect(doc.canUndo).toBe(false);
      for (const snapshot of seen.slice(1)) {
        doc.redo();
        expect(doc.regions).toBe(snapshot);
      }
      expect(doc.canRedo).toBe(false);
    }),
  );
});

test("one who applies every change has the document, in its order", () => {
  fc.assert(
    fc.property(documents, steps, (start, all) => {
      const doc = new Doc(start);
      let mirror: Region[] = [...start];
      doc.subscribe((change) => {
        const gone = new Set(change.removed.map((region) => region.id));
        const news = new Map(change.changed.map((region) => [region.id, region]));
        mirror = mirror.filter((region) => !gone.has(region.id)).map((region) => news.get(region.id) ?? region);
        mirror.push(...change.added);
        if (change.reordered) mirror = doc.regions.map((region) => mirror.find((other) => other.id === region.id)!);
        expect(mirror).toEqual(doc.regions);
      });
      for (const step of all) take(doc, step);
      expect(mirror).toEqual(doc.regions);
    }),
  );
});

test("a snapshot never changes", () => {
  const doc = new Doc([{ id: "a", controlId: "c", labelIds: ["l"], box: { x: 1, y: 1, width: 2, height: 2 } }]);
  const before = doc.regions;
  const copy = structuredClone(before);
  doc.put({ ...before[0]!, box: { x: 9, y: 9, width: 1, height: 1 } });
  doc.remove("a");
  expect(before).toEqual(copy);
});

test("what is saved is clean, and undo back to it is clean again", () => {
  const doc = new Doc();
  const region = { id: "a", controlId: "c", labelIds: ["l"], box: { x: 1, y: 1, width: 2, height: 2 } };
  doc.put(region);
  const kept = doc.regions;
  doc.remove("a");
  expect(doc.regions).not.toBe(kept);
  doc.undo();
  expect(doc.regions).toBe(kept);
});

test("a result comes back as it went, with shapes that this editor does not draw", () => {
  const foreign = [{ id: "p", controlId: "polygons", labelIds: ["x"], polygon: { points: [0, 0, 5, 0, 5, 5] } }];
  fc.assert(
    fc.property(documents, (regions) => {
      const drawn = regions.filter(({ box }) => box.width > 1 && box.height > 1);
      const parsed = fromResult(JSON.parse(JSON.stringify(toResult(drawn, foreign, IMAGE))));
      expect(parsed.foreign).toEqual(foreign);
      expect(parsed.regions.map((region) => region.id)).toEqual(drawn.map((region) => region.id));
      parsed.regions.forEach((region, place) => {
        for (const key of ["x", "y", "width", "height"] as const) expect(region.box[key]).toBeCloseTo(drawn[place]!.box[key], 6);
      });
    }),
  );
});

test("zeroes that protobuf's JSON leaves out are read as zeroes", () => {
  const { regions } = fromResult({ regions: [{ id: "a", controlId: "c", labelIds: ["l"], box: { width: 4, height: 5 } }] });
  expect(regions[0]?.box).toEqual({ x: 0, y: 0, width: 4, height: 5 });
});
