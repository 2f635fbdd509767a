/**
 * Files on their way into projects, for as long as the page stays open, whatever screen is shown.
 *
 * Links are asked for many files at a time, bytes go straight to S3, some at once, and what has arrived is handed in many
 * at a time. What failed can be tried again: only what has not arrived is sent, and a repeat makes no second asset.
 */

import { asProblem, Problem, type Api } from "../api";
import type { Chosen } from "./dropped";
import { Item, type ItemState } from "./item.svelte";
import { putByXhr, send, Slots, type Put } from "./send";

export interface UploadsPort {
  readonly api: Pick<Api, "createUploads" | "completeUploads">;
  readonly put?: Put;
  readonly pause?: (milliseconds: number) => Promise<void>;
  readonly now?: () => number;
}

const AT_ONCE = 6;
const STEPS = 25;
/** The gateway's default is 100; checking a photo takes it a moment, and the person sees each batch. */
const LINKS_AT_A_TIME = 50;
const COMPLETED_AT_A_TIME = 20;
const GATHER_MILLISECONDS = 200;
const COMPLETION_ATTEMPTS = 4;
const COMPLETION_WAIT_MILLISECONDS = 2_000;
/** A link about to end is not begun with. */
const LEAST_LIFETIME_MILLISECONDS = 60_000;

/** Nothing is decided: handing it in again may help. */
const BUSY = new Set(["CONTENT_BUSY", "OUTBOX_FULL", "SPOOL_FULL"]);
/** The bytes are not there. */
const GONE = new Set(["NOTHING_ARRIVED", "PARTS_MISSING", "UPLOAD_NOT_FOUND", "UPLOAD_EXPIRED"]);
const ENDED: ReadonlySet<ItemState> = new Set(["done", "duplicate", "rejected", "cancelled"]);

export class Uploads {
  items: readonly Item[] = $state.raw([]);
  /** The screen that shows the list itself; elsewhere there is the tray. */
  shownBy = $state("");

  readonly counts = $derived(counted(this.items));
  readonly active = $derived(this.counts.waiting + this.counts.sending + this.counts.checking > 0);
  readonly #port: Required<UploadsPort>;
  readonly #slots = new Slots(AT_ONCE);
  readonly #ready: Item[] = [];
  readonly #arrived: Item[] = [];
  #queue: Item[] = [];
  #workers = 0;
  #linking: Promise<void> | null = null;
  #completing = false;
  #ids = 0;

  constructor(port: UploadsPort) {
    this.#port = { put: putByXhr, pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)), now: Date.now, ...port };
  }

  add(project: string, chosen: readonly Chosen[]): void {
    const added = chosen.map((one) => new Item(++this.#ids, project, one));
    this.items = [...this.items, ...added];
    this.#begin(added);
  }

  retry(items: readonly Item[] = this.items): void {
    const again = items.filter((item) => item.state === "failed");
    for (const item of again) {
      item.stop = new AbortController();
      [item.state, item.reason] = [item.arrived ? "checking" : "waiting", null];
    }
    this.#begin(again.filter((item) => !item.arrived));
    this.#handIn(again.filter((item) => item.arrived));
  }

  cancel(items: readonly Item[] = this.items): void {
    for (const item of items) {
      if (ENDED.has(item.state)) continue;
      item.state = "cancelled";
      item.stop.abort();
    }
  }

  /** Takes what has ended off the list. */
  clear(): void {
    this.items = this.items.filter((item) => !ENDED.has(item.state) && item.state !== "failed");
  }

  // Sending

  #begin(items: readonly Item[]): void {
    const wanted = Math.min(AT_ONCE, this.#workers + items.length);
    this.#queue.push(...items);
    while (this.#workers < wanted) void this.#work();
  }

  async #work(): Promise<void> {
    this.#workers += 1;
    for (let item = await this.#next(); item; item = await this.#next()) await this.#send(item);
    this.#workers -= 1;
  }

  /** The next file that has its links. */
  async #next(): Promise<Item | null> {
    for (;;) {
      const item = this.#ready.shift();
      if (item?.state === "waiting") return item;
      if (item) continue;
      if (!this.#queue.length && !this.#linking) return null;
      this.#linking ??= this.#link().finally(() => (this.#linking = null));
      await this.#linking;
    }
  }

  async #link(): Promise<void> {
    const project = this.#queue[0]?.project ?? "";
    const batch = this.#queue.filter((item) => item.project === project).slice(0, LINKS_AT_A_TIME);
    const taken = new Set(batch);
    this.#queue = this.#queue.filter((item) => !taken.has(item));
    const asked = batch.filter((item) => item.state === "waiting" && !this.#stillGood(item));
    this.#ready.push(...batch.filter((item) => item.state === "waiting" && !asked.includes(item)));
    if (!asked.length) return;
    try {
      const files = asked.map(({ path, file }) => ({ path, sizeBytes: String(file.size), mediaType: file.type }));
      const results = await this.#port.api.createUploads(project, files);
      for (const [place, item] of asked.entries()) this.#linked(item, results[place] ?? {});
    } catch (error) {
      for (const item of asked) this.#failed(item, error);
    }
  }

  #stillGood({ upload }: Item): boolean {
    return upload !== null && Date.parse(upload.expireTime ?? "") - this.#port.now() > LEAST_LIFETIME_MILLISECONDS;
  }

  #linked(item: Item, { upload, rejection }: Awaited<ReturnType<Api["createUploads"]>>[number]): void {
    if (item.state !== "waiting") return;
    if (!upload) return this.#reject(item, rejection ?? {});
    item.restart();
    item.upload = upload;
    this.#ready.push(item);
  }

  async #send(item: Item): Promise<void> {
    item.state = "sending";
    const { put, pause } = this.#port;
    // A step that nobody sees would cost a new sum over all files.
    const step = item.file.size / STEPS;
    const told = (bytes: number): void => void (Math.abs(bytes - item.sentBytes) >= step && (item.sentBytes = bytes));
    try {
      await send(item.file, item.upload ?? {}, item.etags, { put, pause, told, slots: this.#slots, signal: item.stop.signal });
      [item.arrived, item.sentBytes] = [true, item.file.size];
      item.state = "checking";
      this.#handIn([item]);
    } catch (error) {
      this.#failed(item, error);
    }
  }

  // Handing in

  #handIn(items: readonly Item[]): void {
    this.#arrived.push(...items);
    if (this.#completing || !this.#arrived.length) return;
    this.#completing = true;
    void this.#complete();
  }

  async #complete(): Promise<void> {
    while (this.#arrived.length) {
      // Others that arrive in this moment go along.
      if (this.#arrived.length < COMPLETED_AT_A_TIME) await this.#port.pause(GATHER_MILLISECONDS);
      const project = this.#arrived[0]?.project ?? "";
      const batch = this.#arrived.filter((item) => item.project === project).slice(0, COMPLETED_AT_A_TIME);
      for (const item of batch) this.#arrived.splice(this.#arrived.indexOf(item), 1);
      const wanted = batch.filter((item) => item.state === "checking");
      if (wanted.length) await this.#completeBatch(project, wanted);
    }
    this.#completing = false;
  }

  async #completeBatch(project: string, batch: readonly Item[]): Promise<void> {
    let left = batch;
    for (let attempt = 1; left.length; attempt++) {
      try {
        left = await this.#completeOnce(project, left, attempt >= COMPLETION_ATTEMPTS);
      } catch (error) {
        for (const item of left) this.#failed(item, error);
        return;
      }
      if (left.length) await this.#port.pause(COMPLETION_WAIT_MILLISECONDS * attempt);
    }
  }

  /** Returns those of which nothing is decided. */
  async #completeOnce(project: string, batch: readonly Item[], last: boolean): Promise<Item[]> {
    const arrived = batch.map(({ upload, etags }) => ({ name: upload?.name ?? "", partEtags: Number(upload?.partSizeBytes ?? 0) ? etags : [] }));
    const results = await this.#port.api.completeUploads(project, arrived);
    return batch.filter((item, place) => {
      const { taken, rejection = {} } = results[place] ?? {};
      if (taken) return void this.#take(item, taken.duplicate ?? false);
      if (BUSY.has(rejection.reason ?? "") && !last) return item.state === "checking";
      this.#reject(item, rejection);
      return false;
    });
  }

  #take(item: Item, duplicate: boolean): void {
    item.state = duplicate ? "duplicate" : "done";
    item.sentBytes = item.file.size;
  }

  /** A rejection without a name decided nothing: the file may be tried again. */
  #reject(item: Item, rejection: { name?: string; reason?: string; message?: string }): void {
    const reason = rejection.reason ?? "UNEXPECTED";
    if (item.state === "cancelled") return;
    if (GONE.has(reason)) item.restart();
    const open = GONE.has(reason) || BUSY.has(reason);
    if (open) return item.fail(new Problem(0, reason, rejection.message ?? reason));
    item.reason = { reason, text: rejection.message ?? "" };
    item.state = "rejected";
  }

  #failed(item: Item, error: unknown): void {
    if (item.state === "cancelled") return;
    const problem = asProblem(error);
    if (GONE.has(problem.reason)) item.restart();
    item.fail(problem);
  }
}

export type Counts = Record<ItemState, number> & { all: number; bytes: number; sentBytes: number };

function counted(items: readonly Item[]): Counts {
  const counts: Counts = { waiting: 0, sending: 0, checking: 0, done: 0, duplicate: 0, rejected: 0, failed: 0, cancelled: 0, all: items.length, bytes: 0, sentBytes: 0 };
  for (const { state, file, sentBytes } of items) {
    counts[state] += 1;
    if (state === "rejected" || state === "cancelled") continue;
    counts.bytes += file.size;
    counts.sentBytes += sentBytes;
  }
  return counts;
}
