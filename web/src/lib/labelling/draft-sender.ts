/** Brings unsubmitted work to the server: the newest, one request at a time, not too often, and quietly. */

import type { Snapshot } from "../../engine/doc";
import { asProblem, type Api, type Problem } from "../api";
import type { Clock } from "./clock";
import { resultOf, type Work } from "./work";

const FIRST_MILLISECONDS = 1_000;
const BETWEEN_MILLISECONDS = 3_000;
const LONGEST_MILLISECONDS = 60_000;

export interface DraftSenderPort {
  readonly api: Pick<Api, "saveDraft">;
  readonly clock: Clock;
  /** The server kept it at this time of its own. */
  readonly kept: (time: string) => void;
  /** The server has a newer annotation of the same person: it takes no more. */
  readonly outdated: () => void;
}

export class DraftSender {
  readonly #work: Work;
  readonly #port: DraftSenderPort;
  #sent: Snapshot | null;
  #between = BETWEEN_MILLISECONDS;
  #lastAt = -Infinity;
  #unplan: (() => void) | null = null;
  #request: AbortController | null = null;
  #held = false;

  /** `known`: the server has what is on the screen. */
  constructor(work: Work, known: boolean, port: DraftSenderPort) {
    this.#work = work;
    this.#port = port;
    this.#sent = known ? work.editor.doc.regions : null;
  }

  get unsent(): boolean {
    return this.#work.editor.doc.regions !== this.#sent;
  }

  plan(): void {
    if (this.#held || this.#unplan || this.#request || !this.unsent) return;
    const wait = Math.max(FIRST_MILLISECONDS, this.#lastAt + this.#between - this.#port.clock.now());
    this.#unplan = this.#port.clock.after(wait, () => void this.send());
  }

  /** Now. What is left of the page lasts no longer than a first wait: `leaving` does not ask for the end of another request. */
  async send(leaving = false): Promise<void> {
    this.#forget();
    if (this.#held || !this.unsent || (this.#request && !leaving)) return;
    const request = (this.#request = new AbortController());
    this.#lastAt = this.#port.clock.now();
    try {
      await this.#put(request.signal, leaving);
    } catch (error) {
      if (!request.signal.aborted) this.#failed(asProblem(error));
    } finally {
      if (this.#request === request) this.#request = null;
      this.plan();
    }
  }

  /** Nothing goes out until `release`: what would come after a submit is no draft. */
  hold(): void {
    this.#held = true;
    this.#forget();
    this.#request?.abort();
  }

  release(): void {
    this.#held = false;
    this.plan();
  }

  /** What is on its way may arrive. */
  end(): void {
    this.#held = true;
    this.#forget();
  }

  async #put(signal: AbortSignal, leaving: boolean): Promise<void> {
    const { task, annotation, editor } = this.#work;
    const { regions } = editor.doc;
    const time = await this.#port.api.saveDraft(task.name ?? "", resultOf(this.#work), annotation?.version ?? 0, { signal, leaving });
    this.#sent = regions;
    this.#between = BETWEEN_MILLISECONDS;
    this.#port.kept(time);
  }

  #failed(problem: Problem): void {
    // What cannot be kept as it is may be when more is drawn, or taken away.
    this.#between = problem.passing ? Math.min(this.#between * 2, LONGEST_MILLISECONDS) : LONGEST_MILLISECONDS;
    if (problem.reason !== "DRAFT_OUTDATED") return;
    this.end();
    this.#port.outdated();
  }

  #forget(): void {
    this.#unplan?.();
    this.#unplan = null;
  }
}
