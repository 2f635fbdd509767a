/** Between the document and the contract's JSON `Result` (protobuf's JSON mapping: zeroes may be missing). */

import { clampBox, hasArea, type Box, type Size } from "./geometry";
import type { Origin, Region, Snapshot } from "./doc";

export interface WireRegion {
  id?: string;
  controlId?: string;
  labelIds?: string[];
  box?: Partial<Box>;
  polygon?: { points?: number[] };
  attributes?: Record<string, string>;
  score?: number;
  origin?: Origin;
}

export interface WireResult {
  regions?: WireRegion[];
}

export interface Parsed {
  readonly regions: Snapshot;
  /** Shapes that this editor does not draw; they go back untouched. */
  readonly foreign: readonly WireRegion[];
}

export function fromResult(result: WireResult | undefined): Parsed {
  const all = result?.regions ?? [];
  return { regions: all.filter((region) => region.box).map(toRegion), foreign: all.filter((region) => !region.box) };
}

/** Every box lies in the image and has an area. */
export function toResult(regions: Snapshot, foreign: readonly WireRegion[], image: Size): WireResult {
  const inside = regions.map((region) => ({ ...region, box: clampBox(region.box, image) }));
  return { regions: [...inside.filter((region) => hasArea(region.box)).map(toWire), ...foreign] };
}

function toRegion(wire: WireRegion): Region {
  const { x = 0, y = 0, width = 0, height = 0 } = wire.box ?? {};
  return {
    id: wire.id ?? "",
    controlId: wire.controlId ?? "",
    labelIds: wire.labelIds ?? [],
    box: { x, y, width, height },
    ...(wire.attributes && { attributes: wire.attributes }),
    ...(wire.score !== undefined && { score: wire.score }),
    ...(wire.origin !== undefined && { origin: wire.origin }),
  };
}

function toWire(region: Region): WireRegion {
  return {
    id: region.id,
    controlId: region.controlId,
    labelIds: [...region.labelIds],
    box: { ...region.box },
    ...(region.attributes && { attributes: { ...region.attributes } }),
    ...(region.score !== undefined && { score: region.score }),
    origin: region.origin ?? "ORIGIN_HUMAN",
  };
}
