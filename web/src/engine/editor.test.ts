import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { IMAGE, points } from "./arbitraries";
import { Editor } from "./editor";
import type { Box, Point } from "./geometry";
import { toScreen } from "./view";
import type { PointerInput } from "./input";

const VIEWPORT = { width: 800, height: 600 };
let editor: Editor;

function make(readOnly = false): Editor {
  let count = 0;
  const made = new Editor({ image: IMAGE, readOnly, newId: () => `n${count++}` });
  made.setViewport(VIEWPORT);
  made.setBrush({ controlId: "boxes", labelId: "cat" });
  return made;
}

const press = (at: Point, more: Partial<PointerInput> = {}): PointerInput => ({ at, button: 0, shift: false, ctrl: false, ...more });

/** From and to in pixels of the image. */
function drag(from: Point, to: Point, more: Partial<PointerInput> = {}): void {
  const [a, b] = [toScreen(editor.view, from), toScreen(editor.view, to)];
  editor.pointerDown(press(a, more));
  editor.pointerMove(press({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }));
  editor.pointerMove(press(b));
  editor.pointerUp();
}

function click(at: Point, more: Partial<PointerInput> = {}): void {
  editor.pointerDown(press(toScreen(editor.view, at), more));
  editor.pointerUp();
}

function expectBox(box: Box | undefined, [x, y, width, height]: [number, number, number, number]): void {
  expect(box?.x).toBeCloseTo(x, 6);
  expect(box?.y).toBeCloseTo(y, 6);
  expect(box?.width).toBeCloseTo(width, 6);
  expect(box?.height).toBeCloseTo(height, 6);
}

beforeEach(() => {
  editor = make();
});

describe("drawing", () => {
  test("a drag makes one box, in pixels of the image, selected, of the brush's label, in one step of undo", () => {
    drag({ x: 300, y: 200 }, { x: 100, y: 50 });
    expectBox(editor.only?.box, [100, 50, 200, 150]);
    expect(editor.only).toMatchObject({ controlId: "boxes", labelIds: ["cat"] });
    editor.doc.undo();
    expect(editor.doc.regions).toEqual([]);
    expect(editor.doc.canUndo).toBe(false);
    expect(editor.selection.size).toBe(0);
  });

  test("however one drags and zooms, a box lies in the image and has an area", () => {
    fc.assert(
      fc.property(points, points, fc.double({ min: 0.2, max: 5, noNaN: true }), (from, to, zoom) => {
        editor = make();
        editor.zoom(zoom);
        drag(from, to);
        for (const { box } of editor.doc.regions) {
          expect(box.width * box.height).toBeGreaterThan(0);
          expect(box.x >= 0 && box.y >= 0).toBe(true);
          expect(box.x + box.width).toBeLessThanOrEqual(IMAGE.width + 1e-9);
          expect(box.y + box.height).toBeLessThanOrEqual(IMAGE.height + 1e-9);
        }
      }),
    );
  });

  test("a press that hardly moves draws nothing", () => {
    editor.pointerDown(press({ x: 400, y: 300 }));
    editor.pointerMove(press({ x: 401, y: 301 }));
    editor.pointerUp();
    expect(editor.doc.regions).toEqual([]);
  });

  test("boxes are drawn within a selected box, and its outline moves it", () => {
    drag({ x: 100, y: 100 }, { x: 400, y: 400 });
    drag({ x: 200, y: 200 }, { x: 300, y: 300 });
    expect(editor.doc.regions).toHaveLength(2);
    drag({ x: 230, y: 200 }, { x: 240, y: 210 });
    expectBox(editor.only?.box, [210, 210, 100, 100]);
  });

  test("a drag that is cancelled never was", () => {
    editor.pointerDown(press({ x: 300, y: 300 }));
    editor.pointerMove(press({ x: 400, y: 400 }));
    editor.pointerCancel();
    editor.pointerUp();
    expect(editor.doc.regions).toEqual([]);
    expect(editor.preview.size).toBe(0);
  });

  test("nothing is drawn or changed on a read-only document", () => {
    editor = make(true);
    drag({ x: 100, y: 100 }, { x: 200, y: 200 });
    editor.addBox({ x: 1, y: 1, width: 2, height: 2 });
    expect(editor.doc.regions).toEqual([]);
  });
});

describe("selecting and changing", () => {
  beforeEach(() => {
    drag({ x: 100, y: 100 }, { x: 300, y: 300 });
    editor.select();
    drag({ x: 150, y: 150 }, { x: 350, y: 350 });
    editor.select();
  });

  test("a click takes the top-most, the next click the one beneath, a click beside all none", () => {
    click({ x: 200, y: 200 });
    expect(editor.only?.id).toBe("n1");
    click({ x: 200, y: 200 });
    expect(editor.only?.id).toBe("n0");
    click({ x: 200, y: 200 });
    expect(editor.only?.id).toBe("n1");
    click({ x: 600, y: 30 });
    expect(editor.selection.size).toBe(0);
  });

  test("Shift adds to the selection and takes from it", () => {
    click({ x: 110, y: 110 });
    click({ x: 340, y: 340 }, { shift: true });
    expect([...editor.selection]).toEqual(["n0", "n1"]);
    click({ x: 340, y: 340 }, { shift: true });
    expect([...editor.selection]).toEqual(["n0"]);
  });

  test("the select tool moves what is pressed, Ctrl does so while drawing", () => {
    editor.setTool("select");
    drag({ x: 120, y: 120 }, { x: 130, y: 125 });
    expectBox(editor.doc.get("n0")?.box, [110, 105, 200, 200]);
    editor.setTool("draw");
    drag({ x: 340, y: 340 }, { x: 350, y: 350 }, { ctrl: true });
    expectBox(editor.doc.get("n1")?.box, [160, 160, 200, 200]);
    expect(editor.doc.regions).toHaveLength(2);
  });

  test("a move stops at the image's edge and keeps the size", () => {
    editor.setTool("select");
    drag({ x: 120, y: 120 }, { x: -900, y: 120 });
    expectBox(editor.doc.get("n0")?.box, [0, 100, 200, 200]);
  });

  test("each handle resizes, also past the opposite edge; a press alone changes nothing", () => {
    editor.select("n0");
    drag({ x: 300, y: 300 }, { x: 320, y: 310 });
    expectBox(editor.only?.box, [100, 100, 220, 210]);
    drag({ x: 100, y: 205 }, { x: 400, y: 20 });
    expectBox(editor.only?.box, [320, 100, 80, 210]);
    const before = editor.doc.regions;
    drag({ x: 320, y: 100 }, { x: 320, y: 100 });
    expect(editor.doc.regions).toBe(before);
  });

  test("duplicate, nudge, relabel, delete and steps through the regions", () => {
    editor.select("n0");
    editor.duplicateSelected();
    const copy = editor.only!;
    expect(copy.id).not.toBe("n0");
    expect(copy.box.x).toBeGreaterThan(100);
    editor.nudge(-1000, 3);
    expectBox(editor.only?.box, [0, copy.box.y + 3, 200, 200]);
    editor.relabelSelected({ controlId: "boxes", labelId: "dog" });
    expect(editor.only?.labelIds).toEqual(["dog"]);
    editor.removeSelected();
    expect(editor.doc.regions.map((region) => region.id)).toEqual(["n0", "n1"]);
    editor.step(1);
    editor.step(1);
    expect(editor.only?.id).toBe("n1");
    editor.step(1);
    expect(editor.only?.id).toBe("n0");
    editor.step(-1);
    expect(editor.only?.id).toBe("n1");
  });

  test("a label is for the next box; a box is given it only when it was picked", () => {
    const dog = { controlId: "boxes", labelId: "dog" };
    editor.setBrush({ controlId: "boxes", labelId: "cat" });
    editor.addBox({ x: 1, y: 1, width: 2, height: 2 });
    const drawn = editor.only!.id;
    editor.useLabel(dog);
    expect(editor.doc.get(drawn)?.labelIds).toEqual(["cat"]);
    expect([editor.brush, editor.selection.size]).toEqual([dog, 0]);
    editor.select(drawn);
    editor.useLabel(dog);
    expect(editor.doc.get(drawn)?.labelIds).toEqual(["dog"]);
  });

  test("a nudge against the edge is no step of undo", () => {
    editor.select("n0");
    editor.nudge(-1000, -1000);
    const before = editor.doc.regions;
    editor.nudge(-1, 0);
    expect(editor.doc.regions).toBe(before);
  });
});

describe("the view", () => {
  test("space, the middle button and the pan tool move the image and draw nothing", () => {
    const moves = [
      () => drag({ x: 10, y: 10 }, { x: 20, y: 30 }, { button: 1 }),
      () => {
        editor.spaceHeld = true;
        drag({ x: 10, y: 10 }, { x: 20, y: 30 });
        editor.spaceHeld = false;
      },
      () => {
        editor.setTool("pan");
        drag({ x: 10, y: 10 }, { x: 20, y: 30 });
      },
    ];
    for (const act of moves) {
      const before = editor.view;
      act();
      expect(editor.view.x - before.x).toBeCloseTo(10 * before.scale);
      expect(editor.view.y - before.y).toBeCloseTo(20 * before.scale);
    }
    expect(editor.doc.regions).toEqual([]);
  });

  test("a larger stage keeps what is in its middle", () => {
    const before = editor.view;
    editor.setViewport({ width: 1000, height: 700 });
    expect(editor.view).toEqual({ scale: before.scale, x: before.x + 100, y: before.y + 50 });
  });

  test("the cursor tells what a press would do", () => {
    drag({ x: 100, y: 100 }, { x: 300, y: 300 });
    const over = (p: Point): string => {
      editor.pointerMove(press(toScreen(editor.view, p)));
      return editor.cursor;
    };
    expect(over({ x: 300, y: 300 })).toBe("nwse-resize");
    expect(over({ x: 150, y: 100 })).toBe("move");
    expect(over({ x: 200, y: 150 })).toBe("crosshair");
    editor.spaceHeld = true;
    expect(over({ x: 200, y: 150 })).toBe("grab");
  });
});
