/**
 * The editor: document, view, tool and selection of one task. It knows no DOM; a stage feeds it pointers and draws it.
 * What a drag would do is a preview; the document changes once, when the drag ends.
 */

import { Doc, type Region } from "./doc";
import { moveBox, sameBox, type Box, type Point, type Size } from "./geometry";
import { begin, cursorAt, type Gesture } from "./gestures";
import { OUTLINE_REACH_PX, SpatialIndex } from "./hit";
import type { Modifiers, PointerInput } from "./input";
import { actualSize, fit, keepInSight, panBy, toImage, zoomAt, type View } from "./view";

export type Tool = "draw" | "select" | "pan";
export type Aspect = "doc" | "view" | "selection" | "hover" | "preview" | "tool" | "pointer";

export interface Brush {
  readonly controlId: string;
  readonly labelId: string;
}

export interface EditorOptions {
  readonly image: Size;
  readonly doc?: Doc;
  readonly readOnly?: boolean;
  readonly newId?: () => string;
}

const DUPLICATE_OFFSET_PX = 12;

export class Editor {
  readonly doc: Doc;
  readonly image: Size;
  readonly index: SpatialIndex;
  /** Nothing can be changed: another's work, or while it is being submitted. */
  readOnly: boolean;
  readonly newId: () => string;

  view: View = { scale: 1, x: 0, y: 0 };
  viewport: Size = { width: 1, height: 1 };
  tool: Tool = "draw";
  brush: Brush | null = null;
  selection: ReadonlySet<string> = new Set();
  hover: string | null = null;
  /** What the gesture under way would make of regions, by id. */
  preview: ReadonlyMap<string, Region> = new Map();
  /** Where the pointer is on the stage; null when it is elsewhere. */
  pointer: Point | null = null;
  spaceHeld = false;

  #gesture: Gesture | null = null;
  /** The box that was drawn last: selected to be resized, not picked. */
  #drawn: string | null = null;
  #fitted = false;
  readonly #listeners = new Set<(aspect: Aspect) => void>();

  constructor(options: EditorOptions) {
    this.image = options.image;
    this.doc = options.doc ?? new Doc();
    this.readOnly = options.readOnly ?? false;
    this.newId = options.newId ?? (() => crypto.randomUUID());
    this.index = new SpatialIndex(this.doc.regions);
    this.doc.subscribe((change) => {
      this.index.apply(change, this.doc.regions);
      this.#forget(change.removed);
      this.tell("doc");
    });
  }

  subscribe(listener: (aspect: Aspect) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(aspect: Aspect): void {
    for (const listener of this.#listeners) listener(aspect);
  }

  // Pointer

  pointerDown(input: PointerInput): void {
    this.pointerCancel();
    this.#gesture = begin(this, input);
    this.pointAt(null);
  }

  pointerMove(input: Modifiers & { readonly at: Point }): void {
    this.pointer = input.at;
    if (this.#gesture) this.#gesture.move(input.at);
    else this.pointAt(this.under(input.at)[0]?.id ?? null);
    this.tell("pointer");
  }

  pointerUp(): void {
    const gesture = this.#gesture;
    this.#gesture = null;
    gesture?.end();
    this.tell("pointer");
  }

  /** The gesture never was. */
  pointerCancel(): void {
    this.#gesture = null;
    this.setPreview([]);
  }

  pointerLeave(): void {
    this.pointer = null;
    this.pointAt(null);
    this.tell("pointer");
  }

  get busy(): boolean {
    return this.#gesture !== null;
  }

  get cursor(): string {
    return this.#gesture?.cursor ?? (this.pointer ? cursorAt(this, this.pointer) : "default");
  }

  // View

  setView(view: View): void {
    this.view = keepInSight(view, this.image, this.viewport);
    this.tell("view");
  }

  /** The first size fits the image; later ones keep what is in the middle. */
  setViewport(viewport: Size): void {
    const [dx, dy] = [(viewport.width - this.viewport.width) / 2, (viewport.height - this.viewport.height) / 2];
    this.viewport = viewport;
    if (this.#fitted) this.setView(panBy(this.view, dx, dy));
    else this.fit();
    this.#fitted = true;
  }

  zoom(factor: number, at: Point = { x: this.viewport.width / 2, y: this.viewport.height / 2 }): void {
    this.setView(zoomAt(this.view, at, factor, this.image));
  }

  fit(): void {
    this.setView(fit(this.image, this.viewport));
  }

  actualSize(devicePixelRatio = 1): void {
    this.setView(actualSize(this.view, this.viewport, devicePixelRatio));
  }

  // Selection

  get selected(): Region[] {
    return [...this.selection].flatMap((id) => this.doc.get(id) ?? []);
  }

  /** The one region that is selected, if it is one. */
  get only(): Region | undefined {
    return this.selection.size === 1 ? this.selected[0] : undefined;
  }

  /** Whether somebody has chosen what is selected; a box that was just drawn is selected by itself. */
  get picked(): boolean {
    return this.selection.size > 0 && !(this.#drawn !== null && this.selection.has(this.#drawn));
  }

  select(...ids: readonly string[]): void {
    this.#drawn = null;
    this.selection = new Set(ids);
    this.tell("selection");
  }

  toggle(id: string): void {
    const rest = [...this.selection].filter((other) => other !== id);
    this.select(...(rest.length < this.selection.size ? rest : [...rest, id]));
  }

  /** Regions under a point of the screen, top-most first. */
  under(screen: Point): Region[] {
    return this.index.at(toImage(this.view, screen), OUTLINE_REACH_PX / this.view.scale);
  }

  /** A click: the top-most; again, the one beneath it; beside all, none. */
  pick(screen: Point, add: boolean): void {
    const hits = this.under(screen);
    const current = hits.findIndex((region) => this.selection.has(region.id));
    const next = hits[(current + 1) % Math.max(1, hits.length)];
    if (add && hits[0]) this.toggle(hits[0].id);
    else this.select(...(next ? [next.id] : []));
  }

  step(by: 1 | -1): void {
    const { regions } = this.doc;
    if (!regions.length) return;
    const current = regions.findIndex((region) => this.selection.has(region.id));
    const start = current < 0 && by < 0 ? 0 : current;
    this.select(regions[(start + by + regions.length) % regions.length]!.id);
  }

  // Changes

  setTool(tool: Tool): void {
    this.tool = tool;
    this.tell("tool");
  }

  setBrush(brush: Brush): void {
    this.brush = brush;
    this.tell("tool");
  }

  undo(): void {
    if (!this.readOnly) this.doc.undo();
  }

  redo(): void {
    if (!this.readOnly) this.doc.redo();
  }

  remove(...ids: readonly string[]): void {
    if (!this.readOnly) this.doc.remove(...ids);
  }

  removeSelected(): void {
    this.remove(...this.selection);
  }

  /** For the next box, and for what is picked: a box that was just drawn keeps its label. */
  useLabel(brush: Brush): void {
    this.setBrush(brush);
    if (this.busy) return;
    if (this.picked) this.relabelSelected(brush);
    else this.select();
  }

  relabelSelected(brush: Brush): void {
    this.#edit((region) => ({ ...region, controlId: brush.controlId, labelIds: [brush.labelId] }));
  }

  /** By image pixels. */
  nudge(dx: number, dy: number): void {
    this.#edit((region) => {
      const box = moveBox(region.box, dx, dy, this.image);
      return sameBox(box, region.box) ? region : { ...region, box };
    });
  }

  duplicateSelected(): void {
    if (this.readOnly) return;
    const offset = DUPLICATE_OFFSET_PX / this.view.scale;
    const copies = this.selected.map((region) => ({ ...region, id: this.newId(), box: moveBox(region.box, offset, offset, this.image) }));
    this.doc.put(...copies);
    this.select(...copies.map((copy) => copy.id));
  }

  addBox(box: Box): void {
    if (this.readOnly || !this.brush) return;
    const region = { id: this.newId(), controlId: this.brush.controlId, labelIds: [this.brush.labelId], box };
    this.doc.put(region);
    this.select(region.id);
    this.#drawn = region.id;
  }

  setPreview(regions: readonly Region[]): void {
    if (!regions.length && !this.preview.size) return;
    this.preview = new Map(regions.map((region) => [region.id, region]));
    this.tell("preview");
  }

  #edit(change: (region: Region) => Region): void {
    if (this.readOnly) return;
    this.doc.put(...this.selected.map((region) => [region, change(region)] as const).flatMap(([old, now]) => (old === now ? [] : now)));
  }

  /** What is pointed at, on the stage or in a list beside it. */
  pointAt(id: string | null): void {
    if (id === this.hover) return;
    this.hover = id;
    this.tell("hover");
  }

  #forget(removed: readonly Region[]): void {
    if (!removed.length) return;
    const gone = new Set(removed.map((region) => region.id));
    if (this.hover && gone.has(this.hover)) this.pointAt(null);
    const left = [...this.selection].filter((id) => !gone.has(id));
    if (left.length < this.selection.size) this.select(...left);
  }
}

