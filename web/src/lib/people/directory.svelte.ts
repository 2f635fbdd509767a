/** People by the names that they chose: each is asked for once, many at a time, when a screen first shows them. */

import type { Account } from "../api/types";

const AT_A_TIME = 100;

export class Directory {
  #names: ReadonlyMap<string, string> = $state.raw(new Map());
  readonly #asked = new Set<string>();
  #waiting: string[] = [];

  constructor(private readonly ask: (users: readonly string[]) => Promise<Readonly<Record<string, string>>>) {}

  /** users/{user} by display name; the last part of the name until that is known, and for whoever has no account. */
  nameOf(user: string): string {
    const known = this.#names.get(user);
    if (known === undefined && user.startsWith("users/") && !this.#asked.has(user)) this.#want(user);
    return known ?? user.split("/").at(-1)!;
  }

  /** What an answer said by the way. */
  learn(accounts: readonly Account[]): void {
    const known = accounts.flatMap(({ name, displayName }) => (name && displayName ? [[name, displayName] as const] : []));
    for (const [name] of known) this.#asked.add(name);
    if (known.length) this.#names = new Map([...this.#names, ...known]);
  }

  #want(user: string): void {
    this.#asked.add(user);
    if (this.#waiting.push(user) === 1) setTimeout(() => void this.#fetch());
  }

  async #fetch(): Promise<void> {
    const wanted = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < wanted.length; start += AT_A_TIME) await this.#fetchSome(wanted.slice(start, start + AT_A_TIME));
  }

  /** Names are no reason for an error on a screen: those that failed are asked for again when they are next shown. */
  async #fetchSome(users: readonly string[]): Promise<void> {
    try {
      const found = await this.ask(users);
      this.#names = new Map([...this.#names, ...Object.entries(found)]);
    } catch {
      for (const user of users) this.#asked.delete(user);
    }
  }
}
