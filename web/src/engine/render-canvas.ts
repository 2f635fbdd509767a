/** Regions on one canvas, for thousands of them. What was only added is drawn on top; anything else draws all anew. */

import type { Change, Region, Snapshot } from "./doc";
import { overlaps, type Size } from "./geometry";
import { groupBy } from "./group-by";
import { FILL_OPACITY, STROKE_PX, type LookOf, type ShapeLayer } from "./shapes";
import { visibleBox, type View } from "./view";

export class CanvasShapes implements ShapeLayer {
  readonly element = document.createElement("canvas");
  readonly #context: CanvasRenderingContext2D;
  #regions: Snapshot;
  #view: View = { scale: 1, x: 0, y: 0 };
  #viewport: Size = { width: 0, height: 0 };
  #hidden: ReadonlySet<string> = new Set();
  #added: Region[] = [];
  #stale = true;

  constructor(
    regions: Snapshot,
    private readonly lookOf: LookOf,
  ) {
    const context = this.element.getContext("2d");
    if (!context) throw new Error("This browser has no 2D canvas.");
    this.#context = context;
    this.#regions = regions;
  }

  apply(change: Change, after: Snapshot): void {
    this.#regions = after;
    this.#added.push(...change.added);
    if (change.changed.length || change.removed.length || change.reordered) this.#stale = true;
  }

  setView(view: View, viewport: Size): void {
    this.#view = view;
    this.#viewport = viewport;
    this.#stale = true;
  }

  hide(ids: ReadonlySet<string>): void {
    const same = ids.size === this.#hidden.size && [...ids].every((id) => this.#hidden.has(id));
    this.#hidden = ids;
    if (!same) this.#stale = true;
  }

  repaint(): void {
    this.#stale = true;
  }

  flush(): void {
    if (!this.#stale && !this.#added.length) return;
    if (this.#stale) this.#clear();
    this.#draw(this.#stale ? this.#regions : this.#added);
    this.#added = [];
    this.#stale = false;
  }

  #clear(): void {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.#viewport.width * ratio);
    const height = Math.round(this.#viewport.height * ratio);
    // Setting the size clears it too, but allocates anew.
    if (this.element.width !== width) this.element.width = width;
    if (this.element.height !== height) this.element.height = height;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#context.clearRect(0, 0, this.#viewport.width, this.#viewport.height);
  }

  /** One path a colour: a few calls to the canvas instead of thousands. */
  #draw(regions: readonly Region[]): void {
    const visible = visibleBox(this.#view, this.#viewport);
    const shown = regions.filter((region) => overlaps(region.box, visible) && !this.#hidden.has(region.id));
    const context = this.#context;
    context.lineWidth = STROKE_PX;
    for (const [colour, group] of groupBy(shown, (region) => this.lookOf(region).colour)) {
      this.#trace(group);
      context.fillStyle = colour;
      context.globalAlpha = FILL_OPACITY;
      context.fill();
      context.strokeStyle = colour;
      context.globalAlpha = 1;
      context.stroke();
    }
  }

  #trace(regions: readonly Region[]): void {
    const { scale, x, y } = this.#view;
    this.#context.beginPath();
    for (const { box } of regions) {
      this.#context.rect(box.x * scale + x, box.y * scale + y, box.width * scale, box.height * scale);
    }
  }
}
