/** One task on the screen, and how it comes there: regions, photo, and the newest unsubmitted work. */

import { Doc, Editor, fromResult, toResult, type WireRegion, type WireResult } from "../../engine";
import type { Annotation, Draft as ServerDraft, Lease, Task } from "../api";
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

/** What the server has of a task. */
export interface Opened {
  readonly task: Task;
  readonly photo: HTMLImageElement;
  /** The photo is its thumbnail: the browser does not show the format. */
  readonly coarse: boolean;
  readonly lease: Lease | null;
  readonly annotation: Annotation | null;
  /** What was submitted: by the caller, or by whom it is shown. */
  readonly result: WireResult | undefined;
  /** What the caller has not submitted. */
  readonly draft: ServerDraft | undefined;
}

/** Where unsubmitted work came from. */
export type Restored = "browser" | "server";

export interface Begun {
  readonly work: Work;
  readonly restored: Restored | null;
  /** When the server had the newest that it has; milliseconds since 1970. */
  readonly serverTime: number;
}

/** With the newer of the browser's and the server's unsubmitted work, as a step that can be undone. */
export function workOf(opened: Opened, local: Draft | undefined, now: number): Begun {
  const { result, draft, coarse: _, ...rest } = opened;
  const submitted = fromResult(result);
  const readOnly = !opened.lease && !opened.annotation;
  const editor = new Editor({ image: sizeOf(opened.task), doc: new Doc(submitted.regions), readOnly });
  const serverTime = timeOf((draft ?? opened.annotation)?.updateTime);
  const begun = { ...rest, editor, foreign: submitted.foreign, startedAt: now };
  const newest = !readOnly && local && local.savedAt > serverTime ? local.result : draft?.result;
  if (readOnly || !newest) return { work: begun, restored: null, serverTime };
  const { regions, foreign } = fromResult(newest);
  editor.doc.replace(regions);
  return { work: { ...begun, foreign }, restored: newest === draft?.result ? "server" : "browser", serverTime };
}

export const resultOf = (work: Work): WireResult => toResult(work.editor.doc.regions, work.foreign, work.editor.image);

const timeOf = (time: string | undefined): number => (time ? Date.parse(time) : 0);

function sizeOf(task: Task): { width: number; height: number } {
  const { width = 1, height = 1 } = task.assets?.[0] ?? {};
  return { width, height };
}
