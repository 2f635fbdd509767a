/** Keeps what is drawn: in the browser a moment after it is drawn, on the server soon after. */

import type { Snapshot } from "../../engine/doc";
import type { Api, Task } from "../api";
import type { Draft, Drafts } from "../drafts/drafts";
import type { Clock } from "./clock";
import { DraftSender } from "./draft-sender";
import { resultOf, type Restored, type Work } from "./work";

const AFTER_MILLISECONDS = 300;

export interface DraftKeeperPort {
  readonly drafts: Drafts;
  readonly api: Pick<Api, "saveDraft">;
  readonly user: string;
  readonly clock: Clock;
  readonly outdated: () => void;
}

export class DraftKeeper {
  /** How far what is on the screen is kept; "none": there is nothing to keep. */
  kept: "none" | "unsaved" | "saved" = $state("none");

  readonly #port: DraftKeeperPort;
  #work: Work | null = null;
  #sender: DraftSender | null = null;
  /** What the browser was given to keep, and what it has for sure. */
  #local: Snapshot | null = null;
  #written: Snapshot | null = null;
  /** The server's clock, when it last had all: what is drawn later is newer, whatever the clock here says. */
  #serverTime = 0;
  #leave: () => void = () => undefined;

  constructor(port: DraftKeeperPort) {
    this.#port = port;
  }

  load(task: Task): Promise<Draft | undefined> {
    return this.#port.drafts.load(this.#key(task));
  }

  /** From now on this is the work that is kept. */
  follow(work: Work, restored: Restored | null, serverTime: number): void {
    this.end();
    if (work.editor.readOnly) return;
    [this.#work, this.#serverTime] = [work, serverTime];
    this.#local = this.#written = work.editor.doc.regions;
    const { api, clock, outdated } = this.#port;
    const sender = new DraftSender(work, restored !== "browser", { api, clock, outdated, kept: (time) => void this.#arrived(sender, time) });
    this.#sender = sender;
    this.kept = restored === null ? "none" : restored === "server" ? "saved" : "unsaved";
    sender.plan();
    this.#leave = this.#listen(work, sender);
  }

  #listen(work: Work, sender: DraftSender): () => void {
    let forget: (() => void) | null = null;
    const stop = work.editor.doc.subscribe(() => {
      this.kept = sender.unsent ? "unsaved" : "saved";
      sender.plan();
      forget?.();
      forget = this.#port.clock.after(AFTER_MILLISECONDS, () => void this.save());
    });
    return () => {
      stop();
      forget?.();
    };
  }

  end(): void {
    this.#leave();
    this.#sender?.end();
    this.#leave = () => undefined;
    [this.#work, this.#sender, this.kept] = [null, null, "none"];
  }

  /** In the browser, now. One that keeps nothing is no reason to stop: the server gets the work. */
  async save(): Promise<void> {
    const work = this.#work;
    const regions = work?.editor.doc.regions ?? null;
    if (!work || regions === this.#local) return;
    this.#local = regions;
    await this.#put(work, this.#now);
  }

  /** In the browser, before it returns: a page that is being left may do nothing after it. */
  saveAtOnce(): void {
    const work = this.#work;
    if (!work || work.editor.doc.regions === this.#written) return;
    this.#port.drafts.saveAtOnce(this.#key(work.task), { result: resultOf(work), savedAt: this.#now });
  }

  /** Later than the newest that the server has. */
  get #now(): number {
    return Math.max(this.#port.clock.now(), this.#serverTime + 1);
  }

  /** On the server, now. */
  async send(leaving = false): Promise<void> {
    await this.#sender?.send(leaving);
  }

  hold(): void {
    this.#sender?.hold();
  }

  release(): void {
    this.#sender?.release();
  }

  async remove(task: Task): Promise<void> {
    await this.#port.drafts.remove(this.#key(task)).catch(() => undefined);
  }

  /** The browser's draft takes the server's time: another browser may draw on, by another clock. */
  async #arrived(sender: DraftSender, time: string): Promise<void> {
    if (sender !== this.#sender || !this.#work) return;
    this.#serverTime = Date.parse(time) || this.#serverTime;
    if (sender.unsent) return;
    this.kept = "saved";
    this.#local = this.#work.editor.doc.regions;
    await this.#put(this.#work, this.#serverTime);
  }

  async #put(work: Work, savedAt: number): Promise<void> {
    const { regions } = work.editor.doc;
    const kept = await this.#port.drafts.save(this.#key(work.task), { result: resultOf(work), savedAt }).then(() => true, () => false);
    if (kept && work === this.#work) this.#written = regions;
  }

  #key(task: Task): string {
    return `${this.#port.user}|${task.name}`;
  }
}
