/**
 * One person at work on the tasks of a project: leases, prefetches, keeps drafts, submits.
 *
 * Nobody's boxes are lost: every change goes to the drafts of the browser until the server has the result, a submit is
 * repeated with one request id until it is answered, and a lost lease is said and, if nobody has it, taken again.
 */

import { Doc, Editor, fromResult, toResult, type WireRegion } from "../../engine";
import { asProblem, idOf, Problem, type Annotation, type Api, type Lease, type LeasedTask, type Task } from "../api";
import type { Drafts } from "../drafts/drafts";
import { Clock, type Timer } from "./clock";

export type Notice =
  | { kind: "offline" }
  | { kind: "leaseLost"; holder: string }
  | { kind: "draftKept"; reason: string; holder: string }
  | { kind: "restored" }
  | { kind: "submitted" | "updated" | "skipped" }
  | { kind: "problem"; problem: Problem };

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

export type Phase = "loading" | "labelling" | "submitting" | "done" | "failed";

export interface SessionPort {
  readonly api: Pick<Api, "leaseNext" | "lease" | "task" | "submit" | "revise" | "renew" | "release" | "assetUrls">;
  readonly drafts: Drafts;
  readonly loadPhoto: (url: string) => Promise<HTMLImageElement>;
  readonly user: string;
  readonly timer?: Timer;
}

interface Prepared {
  readonly leased: LeasedTask;
  readonly photo: HTMLImageElement;
}

const DRAFT_AFTER_MILLISECONDS = 300;
const RETRY_MILLISECONDS = 2_000;
const SHORTEST_RENEWAL_MILLISECONDS = 5_000;

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
  #ahead: Promise<Prepared | null> | null = null;
  #aheadLease: Lease | null = null;
  #stopWork: () => void = () => undefined;
  #stopped = false;
  #renewing = false;

  constructor(project: string, port: SessionPort) {
    this.#project = project;
    this.#port = port;
    this.#clock = new Clock(port.timer);
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
    this.#clock.stop();
    await this.#saveDraft();
    this.#stopWork();
    const leases = [this.work?.lease, this.#aheadLease].filter((lease) => lease !== null && lease !== undefined);
    if (leases.length) await this.#port.api.release(this.#project, leases).catch(() => undefined);
  }

  /** Submits, or updates one's own annotation, and goes on to the next task. */
  async submit(): Promise<void> {
    const { work } = this;
    if (!work || this.phase !== "labelling" || work.editor.readOnly) return;
    work.editor.pointerCancel();
    await this.#saveDraft();
    this.phase = "submitting";
    await this.#attempt(() => (work.annotation ? this.#update(work, work.annotation) : this.#submitNew(work)));
  }

  /** On to another task; this one goes back to the queue, its draft stays. */
  async skip(): Promise<void> {
    const { work } = this;
    if (!work || this.phase !== "labelling") return;
    await this.#saveDraft();
    await this.#attempt(async () => {
      // The next one is leased first, so that the queue does not answer with this one.
      await this.#advance();
      if (work.lease) await this.#port.api.release(this.#project, [work.lease]).catch(() => undefined);
      this.notice = { kind: "skipped" };
    });
  }

  dismiss(): void {
    this.notice = null;
  }

  // Opening

  async #advance(): Promise<void> {
    const prepared = await (this.#ahead ?? this.#prepareNext());
    this.#ahead = null;
    this.#aheadLease = null;
    this.#stopWork();
    if (!prepared) {
      this.work = null;
      this.phase = "done";
      return;
    }
    const { task = {}, lease = null, draft } = prepared.leased;
    await this.#show({ task, lease, photo: prepared.photo, annotation: null, result: draft?.result, keptAt: draft?.updateTime });
    this.#ahead = this.#prepareNext().catch(() => null);
  }

  async #open(name: string): Promise<void> {
    try {
      const leased = await this.#port.api.lease(name, crypto.randomUUID());
      const { task = {}, lease = null, draft } = leased;
      const photo = await this.#photoOf(task);
      await this.#show({ task, lease, photo, annotation: null, result: draft?.result, keptAt: draft?.updateTime });
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
    const photo = await this.#photoOf(task);
    await this.#show({ task, lease: null, photo, annotation: own, result: shown?.result, keptAt: shown?.updateTime });
  }

  async #prepareNext(): Promise<Prepared | null> {
    const [leased] = await this.#port.api.leaseNext(this.#project, 1, crypto.randomUUID());
    if (!leased?.task) return null;
    if (this.#stopped) {
      if (leased.lease) await this.#port.api.release(this.#project, [leased.lease]);
      return null;
    }
    if (leased.lease && leased.task.name === this.work?.task.name) {
      // The lease of the task on the screen had run out, and the queue has given it to us anew.
      this.#setLease(leased.lease);
      return this.#prepareNext();
    }
    this.#aheadLease = leased.lease ?? null;
    return { leased, photo: await this.#photoOf(leased.task) };
  }

  async #photoOf(task: Task): Promise<HTMLImageElement> {
    const asset = task.assets?.[0]?.name ?? "";
    const [urls] = await this.#port.api.assetUrls(this.#project, [asset]);
    return this.#port.loadPhoto(urls?.imageUrl ?? "");
  }

  async #show(shown: Omit<Work, "editor" | "foreign" | "startedAt"> & { result: unknown; keptAt: string | undefined }): Promise<void> {
    const { result, keptAt, ...rest } = shown;
    const { regions, foreign } = fromResult(result as Parameters<typeof fromResult>[0]);
    const asset = shown.task.assets?.[0];
    const editor = new Editor({
      image: { width: asset?.width ?? 1, height: asset?.height ?? 1 },
      doc: new Doc(regions),
      readOnly: !shown.lease && !shown.annotation,
    });
    const draft = await this.#port.drafts.load(this.#draftKey(shown.task));
    const newer = draft && draft.savedAt > Date.parse(keptAt ?? "1970-01-01T00:00:00Z");
    if (newer && !editor.readOnly) editor.doc.replace(fromResult(draft.result).regions);
    this.work = { ...rest, editor, foreign, startedAt: this.#clock.now() };
    this.notice = (newer || (shown.lease && regions.length)) && !editor.readOnly ? { kind: "restored" } : null;
    this.phase = "labelling";
    this.#stopWork = this.#keepDrafts(this.work);
  }

  // Keeping

  #draftKey(task: Task): string {
    return `${this.#port.user}|${task.name}`;
  }

  #keepDrafts(work: Work): () => void {
    let pending: (() => void) | null = null;
    const stop = work.editor.doc.subscribe(() => {
      pending?.();
      pending = this.#clock.after(DRAFT_AFTER_MILLISECONDS, () => void this.#saveDraft(work));
    });
    return () => {
      stop();
      pending?.();
    };
  }

  async #saveDraft(work: Work | null = this.work): Promise<void> {
    if (!work || work.editor.readOnly || !work.editor.doc.dirty) return;
    const result = this.#resultOf(work);
    await this.#port.drafts.save(this.#draftKey(work.task), { result, savedAt: this.#clock.now() }).catch(() => undefined);
  }

  #resultOf(work: Work) {
    return toResult(work.editor.doc.regions, work.foreign, work.editor.image);
  }

  #renewalIn(): number {
    const ends = [this.work?.lease, this.#aheadLease].flatMap((lease) => (lease?.expireTime ? [Date.parse(lease.expireTime)] : []));
    const left = Math.min(...ends, this.#clock.now() + 120_000) - this.#clock.now();
    return Math.max(SHORTEST_RENEWAL_MILLISECONDS, left / 2);
  }

  async #renew(): Promise<void> {
    const leases = [this.work?.lease, this.#aheadLease].filter((lease) => lease !== null && lease !== undefined);
    if (!leases.length) return;
    try {
      const answer = await this.#port.api.renew(this.#project, leases);
      for (const lease of answer.leases) this.#setLease(lease);
      if (this.#aheadLease && answer.lost.includes(this.#aheadLease.task ?? "")) this.#dropAhead();
      if (answer.lost.includes(this.work?.task.name ?? "")) await this.#regain();
      if (this.notice?.kind === "offline") this.notice = null;
    } catch (error) {
      if (asProblem(error).away) this.notice = { kind: "offline" };
    }
  }

  #setLease(lease: Lease): void {
    if (this.#aheadLease?.task === lease.task) this.#aheadLease = lease;
    if (this.work?.task.name === lease.task) this.work = { ...this.work, lease } as Work;
  }

  #dropAhead(): void {
    this.#ahead = null;
    this.#aheadLease = null;
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
      this.notice = { kind: "leaseLost", holder: idOf(problem.metadata["holder"]) };
      return false;
    }
  }

  // Submitting

  async #submitNew(work: Work): Promise<void> {
    const [requestId, result, working] = [crypto.randomUUID(), this.#resultOf(work), this.#clock.now() - work.startedAt];
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
    if (regained) return this.submit();
    this.notice = { kind: "draftKept", reason, holder: idOf(holder) };
  }

  async #update(work: Work, annotation: Annotation): Promise<void> {
    const [requestId, result, working] = [crypto.randomUUID(), this.#resultOf(work), this.#clock.now() - work.startedAt];
    const revised = await this.#untilAnswered(() => this.#port.api.revise(annotation, result, working, requestId));
    await this.#port.drafts.remove(this.#draftKey(work.task));
    work.editor.doc.markSaved();
    this.work = { ...work, annotation: { ...annotation, ...revised } };
    this.phase = "labelling";
    this.notice = { kind: "updated" };
  }

  async #finish(work: Work, notice: Notice): Promise<void> {
    work.editor.doc.markSaved();
    this.#stopWork();
    await this.#port.drafts.remove(this.#draftKey(work.task)).catch(() => undefined);
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
        if (this.notice?.kind === "offline") this.notice = null;
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
