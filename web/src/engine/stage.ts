/**
 * The stage: an <img> moved by a CSS transform, the regions above it, the overlay above those. It feeds pointers to the
 * editor and draws at most once a frame, and in no frame when nothing has changed.
 */

import "./stage.css";
import type { Change } from "./doc";
import type { Aspect, Editor } from "./editor";
import type { Point } from "./geometry";
import { Overlay } from "./overlay";
import { CanvasShapes } from "./render-canvas";
import { SvgShapes } from "./render-svg";
import type { LookOf, ShapeLayer } from "./shapes";

/** Above this many regions a canvas draws them; back to SVG a little below, so that one box more or less does not flap. */
export const CANVAS_ABOVE = 2000;
const SVG_BELOW = 1800;
const MAGNIFIED_FROM = 4;
const WHEEL_ZOOM = 0.0015;
const PINCH_ZOOM = 0.01;
const LINE_PX = 16;

export interface StageOptions {
  readonly editor: Editor;
  /** Decoded already, or still loading; it is shown at the size that the editor's image has. */
  readonly photo: HTMLImageElement;
  readonly lookOf: LookOf;
}

export class Stage {
  readonly #host: HTMLElement;
  readonly #editor: Editor;
  readonly #photo: HTMLImageElement;
  readonly #lookOf: LookOf;
  readonly #overlay: Overlay;
  readonly #ends = new AbortController();
  readonly #stops: (() => void)[] = [];
  readonly #stale = new Set<Aspect>();
  #shapes: ShapeLayer;
  #frame = 0;
  #corner: Point = { x: 0, y: 0 };

  constructor(host: HTMLElement, options: StageOptions) {
    this.#host = host;
    this.#editor = options.editor;
    this.#photo = options.photo;
    this.#lookOf = options.lookOf;
    this.#overlay = new Overlay(options.editor, options.lookOf);
    this.#shapes = this.#makeShapes();
    this.#mount();
    this.#listen();
    this.#stops.push(
      this.#editor.doc.subscribe((change) => this.#change(change)),
      this.#editor.subscribe((aspect) => this.#schedule(aspect)),
    );
  }

  /** Which renderer is at work. */
  get renderer(): "svg" | "canvas" {
    return this.#shapes instanceof CanvasShapes ? "canvas" : "svg";
  }

  /** Colours or names changed. */
  repaint(): void {
    this.#shapes.repaint();
    this.#schedule("doc");
  }

  destroy(): void {
    this.#ends.abort();
    for (const stop of this.#stops) stop();
    cancelAnimationFrame(this.#frame);
    this.#host.replaceChildren();
    this.#host.classList.remove("stage");
  }

  #mount(): void {
    const { width, height } = this.#editor.image;
    this.#photo.width = width;
    this.#photo.height = height;
    this.#photo.draggable = false;
    this.#photo.alt = "";
    this.#host.classList.add("stage");
    this.#host.replaceChildren(this.#photo, this.#shapes.element, this.#overlay.svg, this.#overlay.tags);
    this.#measure();
    const observer = new ResizeObserver(() => this.#measure());
    observer.observe(this.#host);
    this.#stops.push(() => observer.disconnect());
  }

  #measure(): void {
    const { left, top, width, height } = this.#host.getBoundingClientRect();
    this.#corner = { x: left, y: top };
    if (width && height) this.#editor.setViewport({ width, height });
    this.#schedule("view");
  }

  // Input

  #listen(): void {
    const on = <K extends keyof HTMLElementEventMap>(name: K, act: (event: HTMLElementEventMap[K]) => void): void =>
      this.#host.addEventListener(name, act, { signal: this.#ends.signal, passive: false });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#editor.pointerMove(this.#pointer(event)));
    on("pointerup", () => this.#editor.pointerUp());
    on("pointercancel", () => this.#editor.pointerCancel());
    on("pointerleave", () => this.#editor.pointerLeave());
    on("wheel", (event) => this.#wheel(event));
    // The middle button would start the browser's own scrolling.
    on("mousedown", (event) => event.button === 1 && event.preventDefault());
    on("contextmenu", (event) => event.preventDefault());
  }

  #down(event: PointerEvent): void {
    // The page may have scrolled since the stage was measured.
    const { left, top } = this.#host.getBoundingClientRect();
    this.#corner = { x: left, y: top };
    this.#host.focus({ preventScroll: true });
    this.#host.setPointerCapture(event.pointerId);
    this.#editor.pointerDown({ ...this.#pointer(event), button: event.button });
  }

  #pointer(event: MouseEvent) {
    const at = { x: event.clientX - this.#corner.x, y: event.clientY - this.#corner.y };
    return { at, shift: event.shiftKey, ctrl: event.ctrlKey || event.metaKey };
  }

  /** Wheel and pinch (which browsers send as Ctrl + wheel) zoom; with Shift the wheel moves sideways. */
  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
    const { view } = this.#editor;
    if (event.shiftKey) this.#editor.setView({ ...view, x: view.x - (event.deltaX || event.deltaY) * unit });
    else this.#editor.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? PINCH_ZOOM : WHEEL_ZOOM)), this.#pointer(event).at);
  }

  // Drawing

  #change(change: Change): void {
    const count = this.#editor.doc.regions.length;
    const wanted = count > CANVAS_ABOVE ? "canvas" : count < SVG_BELOW ? "svg" : this.renderer;
    if (wanted === this.renderer) this.#shapes.apply(change, this.#editor.doc.regions);
    else this.#swapShapes();
    this.#schedule("doc");
  }

  #swapShapes(): void {
    const old = this.#shapes.element;
    this.#shapes = this.#makeShapes();
    old.replaceWith(this.#shapes.element);
    this.#schedule("view");
  }

  #makeShapes(): ShapeLayer {
    const { regions } = this.#editor.doc;
    return regions.length > CANVAS_ABOVE ? new CanvasShapes(regions, this.#lookOf) : new SvgShapes(regions, this.#lookOf);
  }

  #schedule(aspect: Aspect): void {
    this.#stale.add(aspect);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#frame = 0;
    const stale = new Set(this.#stale);
    this.#stale.clear();
    if (stale.has("view")) this.#drawView();
    if (stale.has("preview") || stale.has("doc")) this.#shapes.hide(this.#replaced());
    this.#shapes.flush();
    if (stale.size > 1 || !stale.has("pointer")) this.#overlay.drawMarks();
    this.#overlay.drawCrosshair();
    const { cursor } = this.#editor;
    if (this.#host.style.cursor !== cursor) this.#host.style.cursor = cursor;
  }

  /** Regions that a gesture is changing. A box that is being drawn is none: nothing of it is to be hidden. */
  #replaced(): ReadonlySet<string> {
    const { preview, doc } = this.#editor;
    return new Set([...preview.keys()].filter((id) => doc.get(id)));
  }

  #drawView(): void {
    const { view, viewport } = this.#editor;
    this.#photo.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    this.#photo.classList.toggle("magnified", view.scale >= MAGNIFIED_FROM);
    this.#shapes.setView(view, viewport);
  }
}
