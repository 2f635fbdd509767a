/** What draws the regions of a document: SVG nodes, or one canvas where there are thousands. */

import type { Change, Region, Snapshot } from "./doc";
import type { Size } from "./geometry";
import type { View } from "./view";

export interface ShapeLayer {
  readonly element: Element;
  /** The document changed; `after` is what it is now. */
  apply(change: Change, after: Snapshot): void;
  setView(view: View, viewport: Size): void;
  /** The overlay draws these instead, while a gesture changes them. */
  hide(ids: ReadonlySet<string>): void;
  /** Colours changed: everything is drawn again. */
  repaint(): void;
  /** Puts on the screen what has changed since; free when nothing has. */
  flush(): void;
}

export interface Look {
  readonly colour: string;
  readonly name: string;
}

export type LookOf = (region: Region) => Look;

export const FILL_OPACITY = 0.06;
export const STROKE_PX = 2;
