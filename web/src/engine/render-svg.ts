/** Regions as SVG rectangles in image coordinates. Pan and zoom touch one attribute; a change touches its own nodes. */

import type { Change, Region, Snapshot } from "./doc";
import { FILL_OPACITY, STROKE_PX, type LookOf, type ShapeLayer } from "./shapes";
import type { View } from "./view";

export function svgElement<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number> = {},
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  setAttributes(element, attributes);
  return element;
}

export function setAttributes(element: Element, attributes: Record<string, string | number>): void {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
}

export class SvgShapes implements ShapeLayer {
  readonly element = svgElement("svg");
  readonly #group = svgElement("g", { "stroke-width": STROKE_PX, "fill-opacity": FILL_OPACITY });
  readonly #nodes = new Map<string, SVGRectElement>();
  #regions: Snapshot = [];
  #hidden: ReadonlySet<string> = new Set();

  constructor(
    regions: Snapshot,
    private readonly lookOf: LookOf,
  ) {
    this.element.append(this.#group);
    this.apply({ added: regions, changed: [], removed: [], reordered: false }, regions);
  }

  apply(change: Change, after: Snapshot): void {
    this.#regions = after;
    for (const region of change.removed) this.#drop(region.id);
    for (const region of change.changed) this.#paint(region);
    for (const region of change.added) this.#add(region);
    if (change.reordered) this.#group.append(...after.map((region) => this.#nodes.get(region.id)!));
  }

  setView(view: View): void {
    this.#group.setAttribute("transform", `matrix(${view.scale} 0 0 ${view.scale} ${view.x} ${view.y})`);
  }

  hide(ids: ReadonlySet<string>): void {
    for (const id of this.#hidden) if (!ids.has(id)) this.#nodes.get(id)?.removeAttribute("visibility");
    for (const id of ids) if (!this.#hidden.has(id)) this.#nodes.get(id)?.setAttribute("visibility", "hidden");
    this.#hidden = ids;
  }

  repaint(): void {
    for (const region of this.#regions) this.#paint(region);
  }

  flush(): void {
    // The browser draws what was touched.
  }

  #add(region: Region): void {
    const node = svgElement("rect", { "vector-effect": "non-scaling-stroke" });
    this.#nodes.set(region.id, node);
    this.#paint(region);
    this.#group.append(node);
  }

  #drop(id: string): void {
    this.#nodes.get(id)?.remove();
    this.#nodes.delete(id);
  }

  #paint(region: Region): void {
    const node = this.#nodes.get(region.id);
    const { x, y, width, height } = region.box;
    const { colour } = this.lookOf(region);
    if (node) setAttributes(node, { x, y, width, height, stroke: colour, fill: colour });
  }
}
