/**
 * The document: what has been drawn on one task.
 *
 * A snapshot is an immutable array of immutable regions, bottom first; snapshots share their regions, so that undo
 * costs pointers only, and what was kept is known by being the same one. Every change is told to listeners as what was added, changed and removed.
 */

import type { Box } from "./geometry";

/** Who drew it, by the contract's names. */
export type Origin = `ORIGIN_${"UNSPECIFIED" | "HUMAN" | "PREDICTION" | "CONSENSUS" | "RULE" | "NATURAL"}`;

export interface Region {
  readonly id: string;
  readonly controlId: string;
  readonly labelIds: readonly string[];
  readonly box: Box;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly score?: number;
  readonly origin?: Origin;
}

export type Snapshot = readonly Region[];

export interface Change {
  readonly added: readonly Region[];
  readonly changed: readonly Region[];
  readonly removed: readonly Region[];
  /** Regions that stay have other neighbours below them than before. */
  readonly reordered: boolean;
}

export type Listener = (change: Change) => void;

const UNDO_STEPS = 200;

export class Doc {
  #now: Snapshot;
  #past: Snapshot[] = [];
  #future: Snapshot[] = [];
  #byId: Map<string, Region> | null = null;
  readonly #listeners = new Set<Listener>();

  constructor(regions: Snapshot = []) {
    this.#now = regions;
  }

  get regions(): Snapshot {
    return this.#now;
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  get(id: string): Region | undefined {
    this.#byId ??= new Map(this.#now.map((region) => [region.id, region]));
    return this.#byId.get(id);
  }

  /** Adds regions on top; one whose id is there already replaces it, where it is. */
  put(...regions: readonly Region[]): void {
    if (!regions.length) return;
    const news = new Map(regions.map((region) => [region.id, region]));
    const added = [...news.values()].filter((region) => !this.get(region.id));
    const changed = [...news.values()].filter((region) => this.get(region.id));
    const kept = changed.length ? this.#now.map((region) => news.get(region.id) ?? region) : this.#now;
    this.#commit([...kept, ...added], { added, changed, removed: [], reordered: false });
  }

  remove(...ids: readonly string[]): void {
    const gone = new Set(ids);
    const removed = this.#now.filter((region) => gone.has(region.id));
    if (!removed.length) return;
    this.#commit(this.#now.filter((region) => !gone.has(region.id)), { added: [], changed: [], removed, reordered: false });
  }

  undo(): void {
    this.#travel(this.#past, this.#future);
  }

  redo(): void {
    this.#travel(this.#future, this.#past);
  }

  /** A draft or another version takes the place of everything; it can be undone. */
  replace(regions: Snapshot): void {
    this.#commit(regions, difference(this.#now, regions));
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #commit(next: Snapshot, change: Change): void {
    this.#past.push(this.#now);
    if (this.#past.length > UNDO_STEPS) this.#past.shift();
    this.#future = [];
    this.#become(next, change);
  }

  #travel(from: Snapshot[], to: Snapshot[]): void {
    const next = from.pop();
    if (!next) return;
    to.push(this.#now);
    this.#become(next, difference(this.#now, next));
  }

  #become(next: Snapshot, change: Change): void {
    this.#now = next;
    this.#byId = null;
    for (const listener of this.#listeners) listener(change);
  }
}

/** What leads from one snapshot to another. */
export function difference(before: Snapshot, after: Snapshot): Change {
  const old = new Map(before.map((region) => [region.id, region]));
  const kept = new Set(after.map((region) => region.id));
  const added = after.filter((region) => !old.has(region.id));
  const changed = after.filter((region) => old.has(region.id) && old.get(region.id) !== region);
  const removed = before.filter((region) => !kept.has(region.id));
  return { added, changed, removed, reordered: isReordered(before, after, kept, old) };
}

function isReordered(before: Snapshot, after: Snapshot, kept: Set<string>, old: Map<string, Region>): boolean {
  const stayed = before.filter((region) => kept.has(region.id));
  // Only when those that stay come first, in their old order, can a renderer append what is new.
  return stayed.some((region, place) => after[place]?.id !== region.id) || after.slice(stayed.length).some((r) => old.has(r.id));
}
