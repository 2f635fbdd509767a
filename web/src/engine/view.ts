/** Between image and screen: screen = image × scale + offset. Pure. Screen points are CSS pixels from the stage's corner. */

import { clamp, type Box, type Point, type Size } from "./geometry";

export interface View {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export const MAX_SCALE = 64;
const SMALLEST_IMAGE_PX = 32;

export const toScreen = (view: View, p: Point): Point => ({ x: p.x * view.scale + view.x, y: p.y * view.scale + view.y });

export const toImage = (view: View, p: Point): Point => ({ x: (p.x - view.x) / view.scale, y: (p.y - view.y) / view.scale });

export function boxToScreen(view: View, box: Box): Box {
  return { ...toScreen(view, box), width: box.width * view.scale, height: box.height * view.scale };
}

/** The part of image space that the viewport shows. */
export function visibleBox(view: View, viewport: Size): Box {
  return { ...toImage(view, { x: 0, y: 0 }), width: viewport.width / view.scale, height: viewport.height / view.scale };
}

export const panBy = (view: View, dx: number, dy: number): View => ({ ...view, x: view.x + dx, y: view.y + dy });

/** The whole image, centred, with `margin` screen pixels around; small images are enlarged up to twice. */
export function fit(image: Size, viewport: Size, margin = 24): View {
  const room = { width: Math.max(1, viewport.width - 2 * margin), height: Math.max(1, viewport.height - 2 * margin) };
  const scale = Math.min(room.width / image.width, room.height / image.height, 2);
  return centred(image, viewport, scale);
}

/** One image pixel to one pixel of the display, about the viewport's centre. */
export function actualSize(view: View, viewport: Size, devicePixelRatio = 1): View {
  const centre = { x: viewport.width / 2, y: viewport.height / 2 };
  return scaleTo(view, centre, 1 / devicePixelRatio);
}

/** Zooms so that the image point under `at` (screen) stays there. */
export function zoomAt(view: View, at: Point, factor: number, image: Size): View {
  const smallest = Math.min(1, SMALLEST_IMAGE_PX / Math.max(image.width, image.height));
  return scaleTo(view, at, clamp(view.scale * factor, smallest, MAX_SCALE));
}

/** Keeps a part of the image in sight, so that nobody loses it. */
export function keepInSight(view: View, image: Size, viewport: Size, visiblePx = 48): View {
  const x = clamp(view.x, visiblePx - image.width * view.scale, viewport.width - visiblePx);
  const y = clamp(view.y, visiblePx - image.height * view.scale, viewport.height - visiblePx);
  return x === view.x && y === view.y ? view : { ...view, x, y };
}

function scaleTo(view: View, at: Point, scale: number): View {
  const still = toImage(view, at);
  return { scale, x: at.x - still.x * scale, y: at.y - still.y * scale };
}

function centred(image: Size, viewport: Size, scale: number): View {
  return { scale, x: (viewport.width - image.width * scale) / 2, y: (viewport.height - image.height * scale) / 2 };
}
