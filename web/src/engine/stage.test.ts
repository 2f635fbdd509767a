// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Doc, type Region } from "./doc";
import { Editor } from "./editor";
import { CANVAS_ABOVE, Stage } from "./stage";

const region = (n: number): Region => ({ id: `r${n}`, controlId: "c", labelIds: ["l"], box: { x: n % 90, y: 1, width: 5, height: 5 } });
const many = (count: number): Region[] => Array.from({ length: count }, (_, n) => region(n));

let frames: FrameRequestCallback[];
let stage: Stage;
let host: HTMLElement;

function mount(regions: Region[]): Editor {
  const editor = new Editor({ image: { width: 100, height: 80 }, doc: new Doc(regions) });
  editor.setViewport({ width: 400, height: 300 });
  stage = new Stage(host, { editor, photo: new Image(), lookOf: () => ({ colour: "#ff0000", name: "cat" }) });
  draw();
  return editor;
}

function draw(): void {
  const due = frames;
  frames = [];
  for (const frame of due) frame(0);
}

beforeEach(() => {
  frames = [];
  host = document.createElement("div");
  document.body.append(host);
  vi.stubGlobal("requestAnimationFrame", (frame: FrameRequestCallback) => frames.push(frame));
  // A canvas without a picture: happy-dom has none.
  const context = new Proxy({}, { get: () => () => undefined, set: () => true });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
});

afterEach(() => {
  stage.destroy();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const shapes = (): Element => host.children[1]!;

test("a change touches the nodes of what changed, and no others", async () => {
  const editor = mount(many(50));
  const seen: MutationRecord[] = [];
  const observer = new MutationObserver((records) => seen.push(...records));
  observer.observe(shapes(), { subtree: true, attributes: true, childList: true });
  editor.doc.put({ ...region(7), box: { x: 1, y: 2, width: 3, height: 4 } });
  editor.doc.put(region(50));
  editor.doc.remove("r3");
  await Promise.resolve();
  const touched = new Set(seen.filter((record) => record.type === "attributes").map((record) => record.target));
  expect(touched.size).toBe(1);
  const nodes = seen.flatMap((record) => [...record.addedNodes, ...record.removedNodes]);
  expect(nodes).toHaveLength(2);
});

test("pan and zoom touch one attribute of the shapes, however many there are", async () => {
  const editor = mount(many(50));
  const seen: MutationRecord[] = [];
  const observer = new MutationObserver((records) => seen.push(...records));
  observer.observe(shapes(), { subtree: true, attributes: true, childList: true });
  editor.zoom(1.5);
  draw();
  await Promise.resolve();
  expect(seen.map((record) => record.attributeName)).toEqual(["transform"]);
});

test("no frame is asked for when nothing changes, and one for many changes", () => {
  const editor = mount(many(3));
  expect(frames).toHaveLength(0);
  for (let n = 10; n < 20; n++) editor.doc.put(region(n));
  editor.zoom(2);
  expect(frames).toHaveLength(1);
  draw();
  expect(frames).toHaveLength(0);
});

test("a canvas takes over above two thousand regions, and SVG again well below", () => {
  const editor = mount(many(CANVAS_ABOVE));
  expect(stage.renderer).toBe("svg");
  editor.doc.put(region(CANVAS_ABOVE));
  expect(stage.renderer).toBe("canvas");
  expect(shapes().tagName.toLowerCase()).toBe("canvas");
  editor.doc.undo();
  expect(stage.renderer).toBe("canvas");
  editor.doc.replace(many(100));
  expect(stage.renderer).toBe("svg");
  expect(shapes().querySelectorAll("rect")).toHaveLength(100);
});

test("a box that is drawn among thousands costs itself, not all of them", () => {
  const rects = vi.fn();
  const context = new Proxy({}, { get: (_, name) => (name === "rect" ? rects : () => undefined), set: () => true });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  const editor = mount(many(CANVAS_ABOVE + 1));
  expect(rects).toHaveBeenCalledTimes(CANVAS_ABOVE + 1);
  rects.mockClear();
  editor.setBrush({ controlId: "c", labelId: "l" });
  const at = (x: number, y: number) => ({ at: { x, y }, button: 0, shift: false, ctrl: false });
  editor.pointerDown(at(150, 100));
  editor.pointerMove(at(200, 150));
  draw();
  editor.pointerUp();
  draw();
  expect(editor.doc.regions).toHaveLength(CANVAS_ABOVE + 2);
  expect(rects).toHaveBeenCalledTimes(1);
});

test("what a gesture changes is hidden beneath its preview, and back after it", () => {
  const editor = mount(many(3));
  editor.setPreview([{ ...region(1), box: { x: 9, y: 9, width: 9, height: 9 } }]);
  draw();
  const rect = shapes().querySelectorAll("rect")[1]!;
  expect(rect.getAttribute("visibility")).toBe("hidden");
  editor.setPreview([]);
  draw();
  expect(rect.getAttribute("visibility")).toBeNull();
});

test("a stage that is gone listens no more", () => {
  const editor = mount(many(1));
  stage.destroy();
  editor.doc.put(region(5));
  expect(frames).toHaveLength(0);
});
