/** Keeps what is drawn, a moment after it is drawn. */

import type { Task } from "../api";
import type { Draft, Drafts } from "../drafts/drafts";
import type { Clock } from "./clock";
import { resultOf, type Work } from "./work";

const AFTER_MILLISECONDS = 300;

export class DraftKeeper {
  constructor(
    private readonly drafts: Drafts,
    private readonly user: string,
    private readonly clock: Clock,
  ) {}

  load(task: Task): Promise<Draft | undefined> {
    return this.drafts.load(this.#key(task));
  }

  /** Returns what ends it. */
  follow(work: Work): () => void {
    let forget: (() => void) | null = null;
    const stop = work.editor.doc.subscribe(() => {
      forget?.();
      forget = this.clock.after(AFTER_MILLISECONDS, () => void this.save(work));
    });
    return () => {
      stop();
      forget?.();
    };
  }

  /** A browser that keeps nothing is no reason to stop: the server gets the work at submit. */
  async save(work: Work | null): Promise<void> {
    if (!work || work.editor.readOnly || !work.editor.doc.dirty) return;
    const draft = { result: resultOf(work), savedAt: this.clock.now() };
    await this.drafts.save(this.#key(work.task), draft).catch(() => undefined);
  }

  async remove(task: Task): Promise<void> {
    await this.drafts.remove(this.#key(task)).catch(() => undefined);
  }

  #key(task: Task): string {
    return `${this.user}|${task.name}`;
  }
}
