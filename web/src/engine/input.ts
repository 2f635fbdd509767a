/** What a stage tells the editor of the pointer. */

import type { Point } from "./geometry";

export interface Modifiers {
  readonly shift: boolean;
  /** Ctrl, or Command on a Mac. */
  readonly ctrl: boolean;
}

export interface PointerInput extends Modifiers {
  /** CSS pixels from the stage's corner. */
  readonly at: Point;
  /** As in PointerEvent: 0 main, 1 middle. */
  readonly button: number;
}
