/**
 * Drafts of a page that is being left. IndexedDB answers later, and such a page has no later: localStorage writes at once.
 *
 * What is here goes into IndexedDB when the task is opened again: little is here, for a short time.
 */

import type { Draft } from "./drafts";

export class DraftsAtOnce {
  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">) {}

  load(key: string): Draft | undefined {
    const text = this.text(key);
    return text === null ? undefined : (JSON.parse(text) as Draft);
  }

  text(key: string): string | null {
    try {
      return this.storage.getItem(nameOf(key));
    } catch {
      return null;
    }
  }

  /** One that finds no room is left to IndexedDB and to the server. */
  save(key: string, draft: Draft): void {
    try {
      this.storage.setItem(nameOf(key), JSON.stringify(draft));
    } catch {
      // An older one would be taken for all that there is.
      this.remove(key);
    }
  }

  remove(key: string): void {
    try {
      this.storage.removeItem(nameOf(key));
    } catch {
      // A browser that keeps nothing has nothing to remove.
    }
  }
}

const nameOf = (key: string): string => `annostream.draft|${key}`;
