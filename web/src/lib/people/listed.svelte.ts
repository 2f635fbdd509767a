/** A list that comes in pages: the first is loaded, further ones are added. */

import { asProblem, type Page, type Problem } from "../api";

export class Listed<T> {
  /** null: nothing has come yet. */
  items: readonly T[] | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  loading = $state(false);
  /** Empty: that was all. */
  next = $state("");

  constructor(private readonly ask: (pageToken: string) => Promise<Page<T>>) {}

  /** From the beginning; what was there stays until the answer is here. */
  load(): Promise<void> {
    return this.#add("", () => []);
  }

  more(): Promise<void> {
    return this.#add(this.next, () => this.items ?? []);
  }

  replace(is: (item: T) => boolean, by: T): void {
    this.items = this.items?.map((item) => (is(item) ? by : item)) ?? null;
  }

  async #add(token: string, before: () => readonly T[]): Promise<void> {
    this.loading = true;
    this.problem = null;
    try {
      const page = await this.ask(token);
      [this.items, this.next] = [[...before(), ...page.items], page.next];
    } catch (error) {
      this.problem = asProblem(error);
    } finally {
      this.loading = false;
    }
  }
}
