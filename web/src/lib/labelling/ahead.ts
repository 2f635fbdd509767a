/** The task after the one on the screen: leased, its photo loaded and decoded, before it is asked for. */

import type { Api, Lease, LeasedTask, Task } from "../api";
import type { Opened } from "./work";

export interface AheadPort {
  readonly api: Pick<Api, "leaseNext" | "release" | "assetUrls">;
  readonly loadPhoto: (url: string) => Promise<HTMLImageElement>;
}

export class Ahead {
  lease: Lease | null = null;
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

  async open({ task = {}, lease, draft }: LeasedTask): Promise<Opened> {
    const photo = await this.photoOf(task);
    return { task, ...photo, lease: lease ?? null, annotation: null, result: draft?.result, keptAt: draft?.updateTime };
  }

  async #prepare(): Promise<Opened | null> {
    const [leased] = await this.port.api.leaseNext(this.project, 1, crypto.randomUUID());
    if (!leased?.lease) return null;
    if (this.isOwn(leased.lease)) return this.#prepare();
    this.lease = leased.lease;
    try {
      if (this.#stopped) throw new Error("The page is being left.");
      return await this.open(leased);
    } catch (error) {
      this.lease = null;
      await this.port.api.release(this.project, [leased.lease]).catch(() => undefined);
      throw error;
    }
  }
}
