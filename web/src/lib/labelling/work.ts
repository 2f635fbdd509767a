/** One task on the screen, and how it comes there: regions, photo, and the newest unsubmitted work. */

import { Doc, Editor, fromResult, toResult, type WireRegion, type WireResult } from "../../engine";
import type { Annotation, Lease, Task } from "../api";
import type { Draft } from "../drafts/drafts";

export interface Work {
  readonly task: Task;
  readonly editor: Editor;
  readonly photo: HTMLImageElement;
  /** Shapes that are not drawn here; they go back as they came. */
  readonly foreign: readonly WireRegion[];
  /** The caller's own annotation, where this is an update of it. */
  readonly annotation: Annotation | null;
  readonly lease: Lease | null;
  readonly startedAt: number;
}

/** What the server has of a task: an annotation, a draft that it kept, or nothing. */
export interface Opened {
  readonly task: Task;
  readonly photo: HTMLImageElement;
  /** The photo is its thumbnail: the browser does not show the format. */
  readonly coarse: boolean;
  readonly lease: Lease | null;
  readonly annotation: Annotation | null;
  readonly result: WireResult | undefined;
  /** When the server got the result. */
  readonly keptAt: string | undefined;
}

export function workOf(opened: Opened, draft: Draft | undefined, now: number): { work: Work; restored: boolean } {
  const { result, keptAt, coarse: _, ...rest } = opened;
  const { regions, foreign } = fromResult(result);
  const readOnly = !opened.lease && !opened.annotation;
  const editor = new Editor({ image: sizeOf(opened.task), doc: new Doc(regions), readOnly });
  const newer = !readOnly && draft !== undefined && draft.savedAt > (keptAt ? Date.parse(keptAt) : 0);
  if (newer) editor.doc.replace(fromResult(draft.result).regions);
  const restored = newer || (opened.lease !== null && regions.length > 0);
  return { work: { ...rest, editor, foreign, startedAt: now }, restored };
}

export const resultOf = (work: Work): WireResult => toResult(work.editor.doc.regions, work.foreign, work.editor.image);

function sizeOf(task: Task): { width: number; height: number } {
  const { width = 1, height = 1 } = task.assets?.[0] ?? {};
  return { width, height };
}
