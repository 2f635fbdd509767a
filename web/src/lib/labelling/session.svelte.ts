/**
 * One person at work on the tasks of a project: leases, prefetches, keeps drafts, submits.
 *
 * Nobody's boxes are lost: every change goes to the drafts of the browser until the server has the result, a submit is
 * repeated with one request id until it is answered, and a lost lease is said and, if nobody has it, taken again.
 */

import { asProblem, Problem, type Annotation, type Api, type Lease } from "../api";
import type { Drafts } from "../drafts/drafts";
import { Ahead } from "./ahead";
import { Clock, type Timer } from "./clock";
import { DraftKeeper } from "./draft-keeper";
import { resultOf, workOf, type Opened, type Work } from "./work";

export type { Work };

export type Notice =
  | { kind: "offline" }
  | { kind: "leaseLost"; holder: string }
  | { kind: "draftKept"; reason: string; holder: string }
  | { kind: "restored" | "coarse" }
  | { kind: "submitted" | "updated" | "skipped" }
  | { kind: "problem"; problem: Problem };

export type Phase = "loading" | "labelling" | "submitting" | "done" | "failed";

export interface SessionPort {
  readonly api: Pick<Api, "leaseNext" | "lease" | "task" | "submit" | "revise" | "renew" | "release" | "assetUrls">;
  readonly drafts: Drafts;
  readonly loadPhoto: (url: string) => Promise<HTMLImageElement>;
  readonly user: string;
  readonly timer?: Timer;
}

const RETRY_MILLISECONDS = 2_000;
const SHORTEST_RENEWAL_MILLISECONDS = 5_000;
const LONGEST_RENEWAL_MILLISECONDS = 120_000;

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
  #stopWork: () => void = () => undefined;
  #stopped = false;
  #renewing = false;

  constructor(project: string, port: SessionPort) {
    this.#project = project;
    this.#port = port;
    this.#clock = new Clock(port.timer);
    this.#drafts = new DraftKeeper(port.drafts, port.user, this.#clock);
    this.#ahead = new Ahead(project, port, (lease) => this.#isOwn(lease));
  }

  /** The chosen task, or the next one. */
  async start(task?: string): Promise<void> {
    this.phase = "loading";
    await this.#attempt(async () => {
      if (task) await this.#open(task);
      else await this.#advance();
    });
    if (!this.#renewing) this.#clock.every(() => this.#renewalIn(), () => void this.#renew());
    this.#renewing = true;
  }

  /** Gives back what is not submitted; drafts stay. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ahead.stop();
    this.#clock.stop();
    this.#stopWork();
    // Both begin at once: a page that is being left runs no further than its first wait.
    const leases = this.#leases;
    const released = leases.length ? this.#port.api.release(this.#project, leases).catch(() => undefined) : undefined;
    await Promise.all([this.#drafts.save(this.work), released]);
  }

  /** Submits, or updates one's own annotation, and goes on to the next task. */
  async submit(): Promise<void> {
    const { work } = this;
    if (!work || this.phase !== "labelling" || work.editor.readOnly) return;
    work.editor.pointerCancel();
    await this.#drafts.save(this.work);
    this.phase = "submitting";
    // What would be drawn now would not be in what is on its way.
    work.editor.readOnly = true;
    await this.#attempt(() => (work.annotation ? this.#update(work, work.annotation) : this.#submitNew(work)));
    work.editor.readOnly = false;
  }

  /** On to another task; this one goes back to the queue, its draft stays. */
  async skip(): Promise<void> {
    const { work } = this;
    if (!work || this.phase !== "labelling") return;
    await this.#drafts.save(this.work);
    await this.#attempt(async () => {
      // The next ones are leased first, so that the queue does not answer with this one.
      await this.#advance();
      this.notice = { kind: "skipped" };
      await this.#ahead.settled();
      if (work.lease) await this.#port.api.release(this.#project, [work.lease]).catch(() => undefined);
    });
  }

  dismiss(): void {
    this.notice = null;
  }

  // Opening

  async #advance(): Promise<void> {
    const next = await this.#ahead.take();
    this.#stopWork();
    if (next) {
      await this.#show(next);
      this.#ahead.begin();
    } else {
      this.work = null;
      this.phase = "done";
    }
  }

  async #open(name: string): Promise<void> {
    try {
      await this.#show(await this.#ahead.open(await this.#port.api.lease(name, crypto.randomUUID())));
    } catch (error) {
      if (!["ALREADY_ANNOTATED", "TASK_COMPLETED"].includes(asProblem(error).reason)) throw error;
      await this.#openFinished(name);
    }
  }

  /** One's own annotation can be updated; another's is shown. */
  async #openFinished(name: string): Promise<void> {
    const task = await this.#port.api.task(name);
    const own = task.annotations?.find((one) => one.annotator === this.#port.user) ?? null;
    const shown = own ?? task.annotations?.[0];
    const photo = await this.#ahead.photoOf(task);
    await this.#show({ task, lease: null, ...photo, annotation: own, result: shown?.result, keptAt: shown?.updateTime });
  }

  async #show(opened: Opened): Promise<void> {
    const { work, restored } = workOf(opened, await this.#drafts.load(opened.task), this.#clock.now());
    this.work = work;
    this.notice = restored ? { kind: "restored" } : opened.coarse ? { kind: "coarse" } : null;
    this.phase = "labelling";
    this.#stopWork = this.#drafts.follow(work);
  }

  // Leases

  /** Of the task on the screen and of the one after it. */
  get #leases(): Lease[] {
    return [this.work?.lease, this.#ahead.lease].filter((lease) => lease !== null && lease !== undefined);
  }

  #renewalIn(): number {
    const now = this.#clock.now();
    const ends = this.#leases.flatMap((lease) => (lease.expireTime ? [Date.parse(lease.expireTime)] : []));
    return Math.max(SHORTEST_RENEWAL_MILLISECONDS, (Math.min(...ends, now + LONGEST_RENEWAL_MILLISECONDS) - now) / 2);
  }

  async #renew(): Promise<void> {
    if (!this.#leases.length) return;
    try {
      const { leases, lost } = await this.#port.api.renew(this.#project, this.#leases);
      for (const lease of leases) this.#setLease(lease);
      await this.#lose(lost);
      this.#isBack();
    } catch (error) {
      if (asProblem(error).away) this.notice = { kind: "offline" };
    }
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
    await this.#drafts.remove(work.task);
    work.editor.doc.markSaved();
    this.work = { ...work, annotation: { ...annotation, ...revised } };
    this.phase = "labelling";
    this.notice = { kind: "updated" };
  }

  async #finish(work: Work, notice: Notice): Promise<void> {
    work.editor.doc.markSaved();
    this.#stopWork();
    await this.#drafts.remove(work.task);
    this.finished += 1;
    try {
      await this.#advance();
    } catch (error) {
      // The task is done: what failed is the way to the next one.
      this.work = null;
      throw error;
    }
    this.notice ??= notice;
  }

  /** While the server is away, the same request is sent until it answers. */
  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await ask();
        this.#isBack();
        return answer;
      } catch (error) {
        const problem = asProblem(error);
        if (!problem.passing || this.#stopped) throw error;
        if (problem.away) this.notice = { kind: "offline" };
        await this.#clock.pause(Math.max(RETRY_MILLISECONDS, (problem.retryAfterSeconds ?? 0) * 1000));
      }
    }
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
