/** What a press begins: drawing, moving, resizing, panning or a click. Pointers are screen points; boxes image pixels. */

import type { Region } from "./doc";
import type { Editor } from "./editor";
import {
  boxFromCorners,
  clampPoint,
  hasArea,
  moveBox,
  onOutline,
  resizeBox,
  sameBox,
  type Handle,
  type Point,
} from "./geometry";
import { handleAt, OUTLINE_REACH_PX } from "./hit";
import type { PointerInput } from "./input";
import { panBy, toImage } from "./view";

export interface Gesture {
  readonly cursor: string;
  move(at: Point): void;
  end(): void;
}

/** The id that a box has in the preview until it is one. */
export const DRAWING = "drawing";

/** Below this a press is a click. */
const CLICK_SLOP_PX = 3;

const RESIZE_CURSORS: Record<Handle, string> = {
  nw: "nwse-resize",
  se: "nwse-resize",
  ne: "nesw-resize",
  sw: "nesw-resize",
  n: "ns-resize",
  s: "ns-resize",
  e: "ew-resize",
  w: "ew-resize",
};

export function begin(editor: Editor, press: PointerInput): Gesture | null {
  if (press.button === 1 || (press.button === 0 && panning(editor))) return pan(editor, press.at);
  if (press.button !== 0) return null;
  if (editor.readOnly) return orClick(editor, press, pan(editor, press.at));
  const handle = grabbedHandle(editor, press.at);
  if (handle) return resize(editor, handle.region, handle.handle, press.at);
  const grabbed = grabbedRegion(editor, press);
  if (grabbed) return orClick(editor, press, move(editor, grabbed, press));
  if (editor.tool === "draw" && !press.ctrl && editor.brush) return orClick(editor, press, draw(editor, press.at));
  return orClick(editor, press, pan(editor, press.at));
}

/** What a press here would do, told by the cursor. */
export function cursorAt(editor: Editor, at: Point): string {
  if (panning(editor)) return "grab";
  if (editor.readOnly) return "default";
  const handle = grabbedHandle(editor, at);
  if (handle) return RESIZE_CURSORS[handle.handle];
  if (grabbedRegion(editor, { at, button: 0, shift: false, ctrl: false })) return "move";
  return editor.tool === "draw" ? "crosshair" : "default";
}

const panning = (editor: Editor): boolean => editor.spaceHeld || editor.tool === "pan";

function grabbedHandle(editor: Editor, at: Point): { region: Region; handle: Handle } | undefined {
  const region = editor.only;
  const handle = region && handleAt(editor.view, region.box, at);
  return handle && { region, handle };
}

/** While drawing only the outline of what is selected moves it, so that boxes can be drawn within boxes. */
function grabbedRegion(editor: Editor, press: PointerInput): Region | undefined {
  if (editor.tool === "draw" && !press.ctrl) {
    const at = toImage(editor.view, press.at);
    return editor.selected.find((region) => onOutline(region.box, at, OUTLINE_REACH_PX / editor.view.scale));
  }
  const hits = editor.under(press.at);
  return hits.find((region) => editor.selection.has(region.id)) ?? hits[0];
}

/** The drag starts when the pointer has left the slop; until then, letting go is a click. */
function orClick(editor: Editor, press: PointerInput, drag: Gesture): Gesture {
  let dragging = false;
  return {
    get cursor() {
      return dragging ? drag.cursor : cursorAt(editor, press.at);
    },
    move(at) {
      dragging ||= Math.hypot(at.x - press.at.x, at.y - press.at.y) >= CLICK_SLOP_PX;
      if (dragging) drag.move(at);
    },
    end() {
      if (dragging) drag.end();
      else editor.pick(press.at, press.shift);
    },
  };
}

function pan(editor: Editor, from: Point): Gesture {
  const before = editor.view;
  return {
    cursor: "grabbing",
    move: (at) => editor.setView(panBy(before, at.x - from.x, at.y - from.y)),
    end: () => undefined,
  };
}

function draw(editor: Editor, from: Point): Gesture {
  const start = clampPoint(toImage(editor.view, from), editor.image);
  return {
    cursor: "crosshair",
    move(at) {
      const end = clampPoint(toImage(editor.view, at), editor.image);
      // The label may change while one draws.
      const { controlId, labelId } = editor.brush!;
      editor.setPreview([{ id: DRAWING, controlId, labelIds: [labelId], box: boxFromCorners(start, end) }]);
    },
    end() {
      const box = editor.preview.get(DRAWING)?.box;
      editor.setPreview([]);
      if (box && hasArea(box)) editor.addBox(box);
    },
  };
}

function move(editor: Editor, grabbed: Region, press: PointerInput): Gesture {
  const from = toImage(editor.view, press.at);
  const moved = editor.selection.has(grabbed.id) ? editor.selected : [grabbed];
  return {
    cursor: "move",
    move(at) {
      const to = toImage(editor.view, at);
      if (!editor.selection.has(grabbed.id)) editor.select(grabbed.id);
      editor.setPreview(
        moved.map((region) => ({ ...region, box: moveBox(region.box, to.x - from.x, to.y - from.y, editor.image) })),
      );
    },
    end: () => commit(editor),
  };
}

function resize(editor: Editor, region: Region, handle: Handle, from: Point): Gesture {
  const { box } = region;
  const start = toImage(editor.view, from);
  // The handle keeps its distance from the pointer, so that a press without a drag changes nothing.
  const anchor = {
    x: (handle.includes("w") ? box.x : box.x + box.width) - start.x,
    y: (handle.includes("n") ? box.y : box.y + box.height) - start.y,
  };
  return {
    cursor: RESIZE_CURSORS[handle],
    move(at) {
      const to = toImage(editor.view, at);
      const resized = resizeBox(box, handle, { x: to.x + anchor.x, y: to.y + anchor.y }, editor.image);
      editor.setPreview([{ ...region, box: resized }]);
    },
    end: () => commit(editor),
  };
}

/** The preview becomes the document; boxes that lost their area stay as they were. */
function commit(editor: Editor): void {
  const changed = [...editor.preview.values()].filter((region) => {
    const before = editor.doc.get(region.id);
    return before && hasArea(region.box) && !sameBox(before.box, region.box);
  });
  editor.setPreview([]);
  editor.doc.put(...changed);
}
