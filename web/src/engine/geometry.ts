/** Points and boxes. Pure; units are pixels of whatever space the caller is in. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** x and y: the left upper corner. */
export interface Box extends Point, Size {}

export type Handle = "nw" | "n" | "ne" | "e" | "se" | "s" | "sw" | "w";
export const HANDLES: readonly Handle[] = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

export const clampPoint = (p: Point, size: Size): Point => ({ x: clamp(p.x, 0, size.width), y: clamp(p.y, 0, size.height) });

export function boxFromCorners(a: Point, b: Point): Box {
  return { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) };
}

/** The part of the box that lies in the image; without area when none does. */
export function clampBox(box: Box, size: Size): Box {
  const corner = clampPoint(box, size);
  const opposite = clampPoint({ x: box.x + box.width, y: box.y + box.height }, size);
  return boxFromCorners(corner, opposite);
}

/** Moves the box by (dx, dy), stopping at the image's edges; its size stays. */
export function moveBox(box: Box, dx: number, dy: number, size: Size): Box {
  return {
    ...box,
    x: clamp(box.x + dx, 0, Math.max(0, size.width - box.width)),
    y: clamp(box.y + dy, 0, Math.max(0, size.height - box.height)),
  };
}

/** Where a handle sits on a box. */
export function handlePoint(box: Box, handle: Handle): Point {
  const left = handle.includes("w");
  const right = handle.includes("e");
  const top = handle.includes("n");
  const bottom = handle.includes("s");
  return {
    x: box.x + (left ? 0 : right ? box.width : box.width / 2),
    y: box.y + (top ? 0 : bottom ? box.height : box.height / 2),
  };
}

/** Drags a handle to a point of the image. Past the opposite edge the box turns over; it never leaves the image. */
export function resizeBox(box: Box, handle: Handle, to: Point, size: Size): Box {
  const target = clampPoint(to, size);
  let [x0, y0, x1, y1] = [box.x, box.y, box.x + box.width, box.y + box.height];
  if (handle.includes("w")) x0 = target.x;
  if (handle.includes("e")) x1 = target.x;
  if (handle.includes("n")) y0 = target.y;
  if (handle.includes("s")) y1 = target.y;
  return boxFromCorners({ x: x0, y: y0 }, { x: x1, y: y1 });
}

export function contains(box: Box, p: Point, margin = 0): boolean {
  return (
    p.x >= box.x - margin &&
    p.y >= box.y - margin &&
    p.x <= box.x + box.width + margin &&
    p.y <= box.y + box.height + margin
  );
}

/** Whether the point is within `margin` of the box's outline. */
export function onOutline(box: Box, p: Point, margin: number): boolean {
  const inner = { x: box.x + margin, y: box.y + margin, width: box.width - 2 * margin, height: box.height - 2 * margin };
  return contains(box, p, margin) && !(inner.width > 0 && inner.height > 0 && contains(inner, p));
}

export function overlaps(a: Box, b: Box): boolean {
  return a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height;
}

export const sameBox = (a: Box, b: Box): boolean =>
  a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;

export const hasArea = (box: Box): boolean => box.width > 0 && box.height > 0;
