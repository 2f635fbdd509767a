/** Which rows of a long list are in sight, with a few around them. */

const SPARE_ROWS = 6;

export interface Sight {
  readonly count: number;
  readonly rowHeight: number;
  readonly top: number;
  readonly height: number;
}

export function windowOf({ count, rowHeight, top, height }: Sight): { first: number; end: number } {
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight)) - SPARE_ROWS);
  const end = Math.min(count, Math.ceil((top + height) / rowHeight) + SPARE_ROWS);
  return { first, end: Math.max(first, end) };
}

/** By how many places the row at `place`, else the first one after it that is still there, has moved. */
export function movedBy<T>(before: readonly T[], after: readonly T[], key: (item: T) => string, place: number): number {
  const places = new Map(after.map((item, now) => [key(item), now]));
  for (let old = place; old < before.length; old++) {
    const now = places.get(key(before[old]!));
    if (now !== undefined) return now - old;
  }
  return 0;
}
