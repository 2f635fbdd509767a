/**
 * One person at work on the tasks of a project: leases, prefetches, keeps drafts, submits.
 *
 * Nobody's boxes are lost: every change goes to the drafts of the browser and of the server, a submit is repeated with
 * one request id until it is answered, and a lost lease is said and, if nobody has it, taken again.
 */

import { asProblem, Problem, type Annotation, type Api, type Lease, type SkipReason } from "../api";
import type { Drafts } from "../drafts/drafts";
import { Ahead } from "./ahead";
import { Clock, type Timer } from "./clock";
import { DraftKeeper } from "./draft-keeper.svelte";
import { holderOf } from "./holder";
import type { Notice } from "./notice";
import { Renewal } from "./renewal";
import { untilAnswered } from "./until-answered";
import { resultOf, workOf, type Opened, type Work } from "./work";

export type { Notice, Work };

export type Phase = "loading" | "labelling" | "submitting" | "skipping" | "done" | "failed";

export interface SessionPort {
  readonly api: Pick<Api, "leaseNext" | "lease" | "task" | "draft" | "saveDraft" | "submit" | "revise" | "skip" | "renew" | "release" | "assetUrls">;
  readonly drafts: Drafts;
  readonly loadPhoto: (url: string) => Promise<HTMLImageElement>;
  readonly user: string;
  readonly timer?: Timer;
}

export class LabellingSession {
  phase: Phase = $state("loading");
  notice: Notice | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  work: Work | null = $state.raw(null);
  /** Submitted since the page was opened. */
  finished = $state(0);

  readonly #port: SessionPort;
  readonly #project: string;
  readonly #clock: Clock;
  readonly #drafts: DraftKeeper;
  readonly #ahead: Ahead;
  readonly #renewal: Renewal;
  #stopped = false;

  constructor(project: string, port: SessionPort) {
    this.#project = project;
    this.#port = port;
    this.#clock = new Clock(port.timer);
    const outdated = (): void => void (this.notice = { kind: "draftOutdated" });
    this.#drafts = new DraftKeeper({ ...port, clock: this.#clock, outdated });
    this.#ahead = new Ahead(project, port, (lease) => this.#isOwn(lease));
    this.#renewal = new Renewal(project, port.api, this.#clock, {
      leases: () => this.#leases,
      renewed: (lease) => this.#setLease(lease),
      lost: (tasks) => this.#lose(tasks),
      away: () => (this.notice = { kind: "offline" }),
      back: () => this.#isBack(),
    });
  }

  get kept(): DraftKeeper["kept"] {
    return this.#drafts.kept;
  }

  /** Nothing is left but what this person has skipped. */
  get skippedLeft(): boolean {
    return this.#ahead.skippedLeft;
  }

  /** The chosen task, or the next one; with `skippedToo`, also one that this person has skipped. */
  async start(task?: string, { skippedToo = false } = {}): Promise<void> {
    this.phase = "loading";
    this.#ahead.skippedToo ||= skippedToo;
    if (skippedToo) this.#ahead.passed.clear();
    await this.#attempt(async () => {
      if (task) await this.#open(task);
      else await this.#advance();
    });
    this.#renewal.begin();
  }

  /** What is drawn goes to the server now: nobody knows when the page comes in sight again. */
  async keep(): Promise<void> {
    this.#drafts.saveAtOnce();
    await Promise.all([this.#drafts.save(), this.#drafts.send(true)]);
  }

  /** Gives back what was not begun. What was drawn on stays held until its lease ends: a reload goes on with it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ahead.stop();
    this.#clock.stop();
    // All begin at once: a page that is being left runs no further than its first wait.
    const begun = this.#drafts.kept === "none" ? undefined : this.work?.task.name;
    const leases = this.#leases.filter((lease) => lease.task !== begun);
    const released = leases.length ? this.#port.api.release(this.#project, leases).catch(() => undefined) : undefined;
    const kept = this.keep();
    this.#drafts.end();
    await Promise.all([kept, released]);
  }

  /** Submits, or updates one's own annotation, and goes on to the next task. */
  async submit(): Promise<void> {
    const { work } = this;
    if (!work || this.phase !== "labelling" || work.editor.readOnly) return;
    work.editor.pointerCancel();
    this.phase = "submitting";
    // What would be drawn now would not be in what is on its way, and a draft that comes after it is none.
    work.editor.readOnly = true;
    this.#drafts.hold();
    await this.#drafts.save();
    await this.#attempt(() => (work.annotation ? this.#update(work, work.annotation) : this.#submitNew(work)));
    work.editor.readOnly = false;
    this.#drafts.release();
  }

  /** On to another task; this one goes to others, its draft stays. */
  async skip(reason: SkipReason, comment = ""): Promise<void> {
    const { work } = this;
    if (!work?.lease || this.phase !== "labelling") return;
    this.phase = "skipping";
    await Promise.all([this.#drafts.save(), this.#attempt(() => this.#skip(work, work.lease ?? {}, reason, comment))]);
  }

  dismiss(): void {
    this.notice = null;
  }

  // Opening

  async #advance(): Promise<void> {
    const next = await this.#ahead.take();
    this.#drafts.end();
    if (next) {
      await this.#show(next);
      this.#ahead.begin();
    } else {
      this.work = null;
      this.phase = "done";
    }
  }

  /** The task on the screen is dealt with: what fails now is the way to the next one. */
  async #goOn(notice: Notice): Promise<void> {
    try {
      await this.#advance();
    } catch (error) {
      this.work = null;
      throw error;
    }
    this.notice ??= notice;
  }

  /** What is not there to be leased is not asked for: each refusal is an error in the browser's console. */
  async #open(name: string): Promise<void> {
    const task = await this.#port.api.task(name);
    const own = task.annotations?.some((one) => one.annotator === this.#port.user);
    if (own || task.state === "STATE_COMPLETED") return this.#show(await this.#ahead.openFinished(task, this.#port.user));
    const holder = holderOf(task, this.#port.user);
    if (holder) throw new Problem(409, "TASK_HELD", name, { holder });
    await this.#show(await this.#ahead.open(await this.#port.api.lease(name, crypto.randomUUID())));
  }

  async #show(opened: Opened): Promise<void> {
    const { work, restored, serverTime } = workOf(opened, await this.#drafts.load(opened.task), this.#clock.now());
    this.work = work;
    this.notice = restored ? { kind: "restored" } : opened.coarse ? { kind: "coarse" } : null;
    this.phase = "labelling";
    this.#drafts.follow(work, restored, serverTime);
  }

  // Leases

  /** Of the task on the screen and of the one after it. */
  get #leases(): Lease[] {
    return [this.work?.lease, this.#ahead.lease].filter((lease) => lease !== null && lease !== undefined);
  }

  async #lose(tasks: readonly string[]): Promise<void> {
    if (tasks.includes(this.#ahead.lease?.task ?? "")) this.#ahead.drop();
    if (tasks.includes(this.work?.task.name ?? "")) await this.#regain();
  }

  #isBack(): void {
    if (this.notice?.kind === "offline") this.notice = null;
  }

  #setLease(lease: Lease): void {
    if (this.#ahead.lease?.task === lease.task) this.#ahead.lease = lease;
    if (this.work?.task.name === lease.task) this.work = { ...this.work, lease } as Work;
  }

  #isOwn(lease: Lease): boolean {
    const own = lease.task === this.work?.task.name;
    if (own) this.#setLease(lease);
    return own;
  }

  /** Takes a lost lease again, where nobody else has the task; returns whether it did. */
  async #regain(): Promise<boolean> {
    const name = this.work?.task.name ?? "";
    try {
      const { lease } = await this.#port.api.lease(name, crypto.randomUUID());
      if (lease) this.#setLease(lease);
      return lease !== undefined;
    } catch (error) {
      const problem = asProblem(error);
      if (problem.away) throw error;
      this.notice = { kind: "leaseLost", holder: problem.metadata["holder"] ?? "" };
      return false;
    }
  }

  // Submitting

  async #submitNew(work: Work): Promise<void> {
    const [requestId, result, working] = [crypto.randomUUID(), resultOf(work), this.#clock.now() - work.startedAt];
    const lease = this.work?.lease ?? work.lease ?? {};
    const answer = await this.#untilAnswered(() => this.#port.api.submit(work.task.name ?? "", lease, result, working, requestId));
    if (answer.draftKept) return this.#kept(answer.draftKept.reason ?? "", answer.draftKept.holder ?? "");
    await this.#finish(work, { kind: "submitted" });
  }

  /** The lease was lost in the meantime: the server has the work as a draft. If nobody holds the task, it is ours again. */
  async #kept(reason: string, holder: string): Promise<void> {
    this.phase = "labelling";
    const ours = reason === "LEASE_EXPIRED" || holder === this.#port.user;
    const regained = ours && (await this.#regain());
    if (regained && this.work) return this.#submitAgain(this.work);
    this.notice = { kind: "draftKept", reason, holder };
  }

  async #submitAgain(work: Work): Promise<void> {
    this.phase = "submitting";
    await this.#submitNew(work);
  }

  async #update(work: Work, annotation: Annotation): Promise<void> {
    const [requestId, result, working] = [crypto.randomUUID(), resultOf(work), this.#clock.now() - work.startedAt];
    const revised = await this.#untilAnswered(() => this.#port.api.revise(annotation, result, working, requestId));
    work.editor.readOnly = false;
    this.work = { ...work, annotation: { ...annotation, ...revised } };
    this.#drafts.follow(this.work, null, Date.parse(revised.updateTime ?? "") || 0);
    await this.#drafts.remove(work.task);
    this.phase = "labelling";
    this.notice = { kind: "updated" };
  }

  async #finish(work: Work, notice: Notice): Promise<void> {
    this.#drafts.end();
    await this.#drafts.remove(work.task);
    this.finished += 1;
    await this.#goOn(notice);
  }

  // Skipping

  async #skip(work: Work, lease: Lease, reason: SkipReason, comment: string): Promise<void> {
    void this.#drafts.send();
    try {
      await this.#port.api.skip(work.task.name ?? "", lease, reason, comment);
    } catch (error) {
      // It is not this person's any more: there is nothing to give back.
      if (!["LEASE_LOST", "TASK_NOT_FOUND"].includes(asProblem(error).reason)) throw error;
    }
    this.#ahead.passed.add(work.task.name ?? "");
    await this.#goOn({ kind: "skipped" });
  }

  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    const answer = await untilAnswered(ask, this.#clock, (problem) => {
      if (problem.away) this.notice = { kind: "offline" };
      return !this.#stopped;
    });
    this.#isBack();
    return answer;
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const problem = asProblem(error);
      if (this.work && this.phase !== "loading") {
        this.phase = "labelling";
        this.notice = { kind: "problem", problem };
      } else {
        this.phase = "failed";
        this.problem = problem;
      }
    }
  }
}
