/** Links to thumbnails, asked for once each and many at a time, as rows come in sight. */

import { SvelteMap } from "svelte/reactivity";
import type { Api } from "../api";

const GATHER_MILLISECONDS = 30;
const AT_MOST = 500;

export class Thumbnails {
  readonly #urls = new SvelteMap<string, string>();
  readonly #wanted = new Set<string>();
  #waiting = false;

  constructor(
    private readonly api: Pick<Api, "assetUrls">,
    private readonly project: string,
  ) {}

  /** Undefined until it is known; empty where there is none. */
  of(asset: string): string | undefined {
    return this.#urls.get(asset);
  }

  want(asset: string): void {
    if (this.#urls.has(asset) || this.#wanted.has(asset)) return;
    this.#wanted.add(asset);
    this.#askSoon();
  }

  #askSoon(): void {
    if (this.#waiting || !this.#wanted.size) return;
    this.#waiting = true;
    setTimeout(() => void this.#ask(), GATHER_MILLISECONDS);
  }

  async #ask(): Promise<void> {
    this.#waiting = false;
    const names = [...this.#wanted].slice(0, AT_MOST);
    try {
      const urls = await this.api.assetUrls(this.project, names);
      for (const { name = "", thumbnailUrl = "" } of urls) this.#urls.set(name, thumbnailUrl);
    } catch {
      // The table is of use without pictures; they are asked for when the row comes in sight again.
    }
    for (const name of names) this.#wanted.delete(name);
    this.#askSoon();
  }
}
