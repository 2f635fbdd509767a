/** The labelling engine: no framework; a host element in, a document of regions out. */

export { Doc, type Region, type Snapshot } from "./doc";
export { Editor, type Aspect, type Brush, type Tool } from "./editor";
export type { Box, Size } from "./geometry";
export { inkOn } from "./overlay";
export { fromResult, toResult, type WireRegion, type WireResult } from "./result";
export type { Look } from "./shapes";
export { Stage } from "./stage";
