/** The task after the one on the screen: leased, its photo loaded and decoded, before it is asked for. */

import type { Api, Lease, LeasedTask, Task } from "../api";
import type { Opened } from "./work";

export interface AheadPort {
  readonly api: Pick<Api, "leaseNext" | "release" | "assetUrls" | "draft">;
  readonly loadPhoto: (url: string) => Promise<HTMLImageElement>;
}

export class Ahead {
  lease: Lease | null = null;
  /** What is left are tasks that the person has skipped. */
  skippedLeft = false;
  /** They are asked for. */
  skippedToo = false;
  /** Skipped on this page: the queue would give them again and again. */
  readonly passed = new Set<string>();
  #next: Promise<Opened | null> | null = null;
  #stopped = false;

  /** `isOwn` is told of a lease on the task on the screen, which the queue gives anew when it had run out. */
  constructor(
    private readonly project: string,
    private readonly port: AheadPort,
    private readonly isOwn: (lease: Lease) => boolean,
  ) {}

  begin(): void {
    // A failure is told when the task is wanted, after another try.
    this.#next = this.#prepare().catch(() => null);
  }

  /** The next task; null when there is nothing to do now, whatever was so when it was looked up ahead. */
  async take(): Promise<Opened | null> {
    const ready = await this.#next;
    const next = ready ?? (await this.#prepare());
    this.drop();
    return next;
  }

  /** Resolves when the task after the next is leased, or none is to be had. */
  async settled(): Promise<void> {
    await this.#next;
  }

  drop(): void {
    this.#next = null;
    this.lease = null;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Browsers show no TIFF, and few show HEIC: then the thumbnail stands in, at the photo's size. */
  async photoOf(task: Task): Promise<Pick<Opened, "photo" | "coarse">> {
    const asset = task.assets?.[0]?.name ?? "";
    const [urls] = await this.port.api.assetUrls(this.project, [asset]);
    const thumbnail = urls?.thumbnailUrl;
    try {
      return { photo: await this.port.loadPhoto(urls?.imageUrl ?? ""), coarse: false };
    } catch (error) {
      if (!thumbnail) throw error;
      return { photo: await this.port.loadPhoto(thumbnail), coarse: true };
    }
  }

  async open({ task = {}, lease, draft, draftLeftOut }: LeasedTask): Promise<Opened> {
    const kept = draftLeftOut ? this.port.api.draft(task.name ?? "") : draft;
    const [photo, whole] = await Promise.all([this.photoOf(task), kept]);
    return { task, ...photo, lease: lease ?? null, annotation: null, result: undefined, draft: whole };
  }

  /** One's own annotation can be updated; another's is shown. */
  async openFinished(task: Task, user: string): Promise<Opened> {
    const own = task.annotations?.find((one) => one.annotator === user) ?? null;
    const [photo, draft] = await Promise.all([this.photoOf(task), own ? this.port.api.draft(task.name ?? "") : undefined]);
    const { result } = own ?? task.annotations?.[0] ?? {};
    return { task, lease: null, ...photo, annotation: own, result, draft };
  }

  async #prepare(): Promise<Opened | null> {
    const { leased, skippedLeft } = await this.port.api.leaseNext(this.project, this.skippedToo, crypto.randomUUID());
    this.skippedLeft = skippedLeft;
    if (!leased?.lease) return null;
    if (this.passed.has(leased.lease.task ?? "")) return this.#giveBack(leased.lease);
    if (this.isOwn(leased.lease)) return this.#prepare();
    this.lease = leased.lease;
    try {
      if (this.#stopped) throw new Error("The page is being left.");
      return await this.open(leased);
    } catch (error) {
      this.lease = null;
      await this.#giveBack(leased.lease);
      throw error;
    }
  }

  async #giveBack(lease: Lease): Promise<null> {
    await this.port.api.release(this.project, [lease]).catch(() => undefined);
    return null;
  }
}
