/** Drafts: unsubmitted work, kept in the browser as one draws, one a task and person. */

import type { Result } from "../api";
import { DraftsAtOnce } from "./at-once";

export interface Draft {
  readonly result: Result;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

export interface Drafts {
  load(key: string): Promise<Draft | undefined>;
  save(key: string, draft: Draft): Promise<void>;
  /** Before it returns, where there is room: for a page that is being left. */
  saveAtOnce(key: string, draft: Draft): void;
  remove(key: string): Promise<void>;
}

const STORE = "drafts";

/** In memory where the browser keeps nothing (a private window): the work lasts as long as the page. */
export async function openDrafts(database = "annostream", storage?: Storage): Promise<Drafts> {
  try {
    return new IndexedDrafts(await open(database), new DraftsAtOnce(storage ?? localStorage));
  } catch {
    return new MemoryDrafts();
  }
}

export class MemoryDrafts implements Drafts {
  readonly #drafts = new Map<string, Draft>();

  async load(key: string): Promise<Draft | undefined> {
    return this.#drafts.get(key);
  }

  async save(key: string, draft: Draft): Promise<void> {
    this.saveAtOnce(key, draft);
  }

  saveAtOnce(key: string, draft: Draft): void {
    this.#drafts.set(key, structuredClone(draft));
  }

  async remove(key: string): Promise<void> {
    this.#drafts.delete(key);
  }
}

class IndexedDrafts implements Drafts {
  constructor(
    private readonly database: IDBDatabase,
    private readonly atOnce: DraftsAtOnce,
  ) {}

  /** The newer one; what was written at once is with the others then. */
  async load(key: string): Promise<Draft | undefined> {
    const kept = await this.#run("readonly", (store) => store.get(key) as IDBRequest<Draft | undefined>);
    const last = this.atOnce.load(key);
    if (!last || (kept && kept.savedAt > last.savedAt)) return kept;
    // Where it finds no room, it stays where it is.
    await this.save(key, last).catch(() => undefined);
    return last;
  }

  async save(key: string, draft: Draft): Promise<void> {
    const before = this.atOnce.text(key);
    await this.#run("readwrite", (store) => store.put(draft, key));
    // One that was written meanwhile is newer than this, whatever the clocks say.
    if (before !== null && this.atOnce.text(key) === before) this.atOnce.remove(key);
  }

  saveAtOnce(key: string, draft: Draft): void {
    this.atOnce.save(key, draft);
  }

  async remove(key: string): Promise<void> {
    this.atOnce.remove(key);
    await this.#run("readwrite", (store) => store.delete(key));
  }

  /** Resolves when the transaction has committed, not when the request was taken. */
  #run<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.addEventListener("complete", () => resolve(request.result));
      transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("The draft was not kept.")));
    });
  }
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE));
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("There is no IndexedDB.")));
  });
}
