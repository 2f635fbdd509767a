/**
 * What is under the pointer.
 *
 * The index is a stack of grids: a box lies on the level whose cells are at least as large as the box, so in at most
 * four cells, however large or many boxes are. A query looks at a few cells of each level.
 */

import type { Change, Region, Snapshot } from "./doc";
import { contains, HANDLES, handlePoint, overlaps, type Box, type Handle, type Point } from "./geometry";
import { boxToScreen, type View } from "./view";

export const HANDLE_REACH_PX = 7;
export const OUTLINE_REACH_PX = 5;

const SMALLEST_CELL_PX = 32;
const LEVELS = 16;

interface Entry {
  region: Region;
  order: number;
}

export class SpatialIndex {
  readonly #levels: Map<string, Set<Entry>>[] = Array.from({ length: LEVELS }, () => new Map());
  readonly #entries = new Map<string, Entry>();
  #next = 0;

  constructor(regions: Snapshot = []) {
    for (const region of regions) this.#add(region, this.#next++);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `after` is the snapshot that the change leads to. */
  apply(change: Change, after: Snapshot): void {
    for (const region of change.removed) this.#drop(region.id);
    for (const region of change.changed) this.#add(region, this.#drop(region.id));
    for (const region of change.added) this.#add(region, this.#next++);
    if (change.reordered) this.#renumber(after);
  }

  /** Regions whose box touches the area, top-most first. */
  search(area: Box): Region[] {
    const found = new Set<Entry>();
    this.#levels.forEach((cells, level) => {
      if (!cells.size) return;
      for (const entry of candidates(cells, area, level)) if (overlaps(entry.region.box, area)) found.add(entry);
    });
    return [...found].toSorted((a, b) => b.order - a.order).map((entry) => entry.region);
  }

  /** Regions under a point of the image, top-most first; `margin` in image pixels. */
  at(p: Point, margin = 0): Region[] {
    const area = { x: p.x - margin, y: p.y - margin, width: 2 * margin, height: 2 * margin };
    return this.search(area).filter((region) => contains(region.box, p, margin));
  }

  #add(region: Region, order: number): void {
    const entry = { region, order };
    this.#entries.set(region.id, entry);
    const level = levelOf(region.box);
    const cells = this.#levels[level]!;
    for (const key of keysOf(region.box, level)) {
      const cell = cells.get(key);
      if (cell) cell.add(entry);
      else cells.set(key, new Set([entry]));
    }
  }

  /** The place in the order that it had. */
  #drop(id: string): number {
    const entry = this.#entries.get(id);
    if (!entry) return this.#next++;
    this.#entries.delete(id);
    const level = levelOf(entry.region.box);
    const cells = this.#levels[level]!;
    for (const key of keysOf(entry.region.box, level)) {
      const cell = cells.get(key);
      cell?.delete(entry);
      if (!cell?.size) cells.delete(key);
    }
    return entry.order;
  }

  #renumber(regions: Snapshot): void {
    regions.forEach((region, order) => {
      const entry = this.#entries.get(region.id);
      if (entry) entry.order = order;
    });
    this.#next = regions.length;
  }
}

/** The handle of a box under a point of the screen; corners before edges. */
export function handleAt(view: View, box: Box, screen: Point): Handle | undefined {
  const onScreen = boxToScreen(view, box);
  const near = HANDLES.filter((handle) => {
    const at = handlePoint(onScreen, handle);
    return Math.abs(at.x - screen.x) <= HANDLE_REACH_PX && Math.abs(at.y - screen.y) <= HANDLE_REACH_PX;
  });
  return near.find((handle) => handle.length === 2) ?? near[0];
}

function* candidates(cells: Map<string, Set<Entry>>, area: Box, level: number): Iterable<Entry> {
  const range = rangeOf(area, level);
  const count = (range.x1 - range.x0 + 1) * (range.y1 - range.y0 + 1);
  if (count > cells.size) {
    // A large area has more cells than are occupied: look at those.
    for (const cell of cells.values()) yield* cell;
    return;
  }
  for (const key of keysOf(area, level)) yield* cells.get(key) ?? [];
}

const cellSize = (level: number): number => SMALLEST_CELL_PX * 2 ** level;

function levelOf(box: Box): number {
  const largest = Math.max(box.width, box.height, 1);
  return Math.min(LEVELS - 1, Math.max(0, Math.ceil(Math.log2(largest / SMALLEST_CELL_PX))));
}

function rangeOf(box: Box, level: number): { x0: number; y0: number; x1: number; y1: number } {
  const cell = cellSize(level);
  return {
    x0: Math.floor(box.x / cell),
    y0: Math.floor(box.y / cell),
    x1: Math.floor((box.x + box.width) / cell),
    y1: Math.floor((box.y + box.height) / cell),
  };
}

function* keysOf(box: Box, level: number): Iterable<string> {
  const { x0, y0, x1, y1 } = rangeOf(box, level);
  for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) yield `${x},${y}`;
}
