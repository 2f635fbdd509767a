/** Above the regions, in screen pixels: what is selected or pointed at, handles, the preview, the crosshair, name tags. */

import type { Region } from "./doc";
import type { Editor } from "./editor";
import { DRAWING } from "./gestures";
import { HANDLES, handlePoint, type Box } from "./geometry";
import { setAttributes, svgElement } from "./render-svg";
import type { LookOf } from "./shapes";
import { boxToScreen } from "./view";

const HANDLE_PX = 8;
const TAGS_AT_MOST = 12;

export class Overlay {
  readonly svg = svgElement("svg");
  readonly tags = document.createElement("div");
  readonly #boxes = svgElement("g", { class: "strong" });
  readonly #handles = svgElement("g", { class: "handles" });
  readonly #cross = svgElement("path", { class: "cross" });
  readonly #crossShade = svgElement("path", { class: "cross-shade" });

  constructor(
    private readonly editor: Editor,
    private readonly lookOf: LookOf,
  ) {
    this.tags.className = "tags";
    this.svg.append(this.#crossShade, this.#cross, this.#boxes, this.#handles);
    this.#handles.append(...HANDLES.map(() => svgElement("rect", { width: HANDLE_PX, height: HANDLE_PX, rx: 1.5 })));
  }

  /** What is marked: selection, hover and preview. */
  drawMarks(): void {
    const marked = this.#marked();
    fill(this.#boxes, marked.length, () => svgElement("rect"));
    marked.forEach((region, place) => this.#drawBox(this.#boxes.children[place]!, region));
    this.#drawTags(marked.slice(0, TAGS_AT_MOST));
    this.#drawHandles();
  }

  drawCrosshair(): void {
    const { pointer, tool, viewport, busy, cursor } = this.editor;
    const shown = pointer && tool === "draw" && (busy ? this.editor.preview.has(DRAWING) : cursor === "crosshair");
    const path = shown ? `M0 ${pointer.y}H${viewport.width}M${pointer.x} 0V${viewport.height}` : "";
    for (const line of [this.#cross, this.#crossShade]) if (line.getAttribute("d") !== path) line.setAttribute("d", path);
  }

  #marked(): Region[] {
    const { doc, selection, hover, preview } = this.editor;
    const ids = new Set([...selection, ...preview.keys(), ...(hover ? [hover] : [])]);
    return [...ids].flatMap((id) => preview.get(id) ?? doc.get(id) ?? []);
  }

  #drawBox(node: Element, region: Region): void {
    const { colour } = this.lookOf(region);
    const selected = this.editor.selection.has(region.id) || this.editor.preview.has(region.id);
    setAttributes(node, { ...rectangle(boxToScreen(this.editor.view, region.box)), stroke: colour, fill: colour });
    node.classList.toggle("selected", selected);
  }

  #drawHandles(): void {
    const { only, readOnly, view, preview } = this.editor;
    const region = only && (preview.get(only.id) ?? only);
    const shown = region && !readOnly && !preview.has(DRAWING);
    this.#handles.setAttribute("visibility", shown ? "visible" : "hidden");
    if (!shown) return;
    const box = boxToScreen(view, region.box);
    this.#handles.setAttribute("stroke", this.lookOf(region).colour);
    HANDLES.forEach((handle, place) => {
      const at = handlePoint(box, handle);
      setAttributes(this.#handles.children[place]!, { x: at.x - HANDLE_PX / 2, y: at.y - HANDLE_PX / 2 });
    });
  }

  #drawTags(marked: readonly Region[]): void {
    fill(this.tags, marked.length, () => document.createElement("span"));
    marked.forEach((region, place) => {
      const tag = this.tags.children[place] as HTMLElement;
      const box = boxToScreen(this.editor.view, region.box);
      const { colour, name } = this.lookOf(region);
      const size = `${Math.round(region.box.width)} × ${Math.round(region.box.height)}`;
      const text = this.editor.preview.has(region.id) ? `${name} ${size}` : name;
      if (tag.textContent !== text) tag.textContent = text;
      tag.style.transform = `translate(${box.x - 1}px, ${Math.max(0, box.y - 22)}px)`;
      tag.style.backgroundColor = colour;
      tag.style.color = inkOn(colour);
    });
  }
}

const rectangle = ({ x, y, width, height }: Box) => ({ x, y, width, height });

function fill(parent: Element, count: number, make: () => Element): void {
  while (parent.children.length > count) parent.lastElementChild!.remove();
  while (parent.children.length < count) parent.append(make());
}

/** Black or white, whichever reads better on #rrggbb. */
export function inkOn(colour: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => linear(Number.parseInt(colour.slice(at, at + 2), 16) / 255));
  const luminance = 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
  return luminance > 0.179 ? "#000000" : "#ffffff";
}

const linear = (channel: number): number => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
