/** Something asked of the server, and how far the asking is: what every screen shows as loading, empty, error or content. */

import { asProblem, type Problem } from "./api";

export class Resource<T> {
  value: T | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  loading = $state(false);
  #asked = 0;

  constructor(private readonly ask: () => Promise<T>) {}

  /** The answer of the last load counts, however late an earlier one comes. What was there stays meanwhile. */
  async load(): Promise<void> {
    const asked = ++this.#asked;
    this.loading = true;
    try {
      const value = await this.ask();
      if (asked !== this.#asked) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (asked === this.#asked) this.problem = asProblem(error);
    } finally {
      if (asked === this.#asked) this.loading = false;
    }
  }
}
