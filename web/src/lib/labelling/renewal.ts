/** Keeps leases from running out for as long as one works. */

import { asProblem, type Api, type Lease } from "../api";
import type { Clock } from "./clock";

const SHORTEST_MILLISECONDS = 5_000;
const LONGEST_MILLISECONDS = 120_000;

export interface Held {
  readonly leases: () => readonly Lease[];
  readonly renewed: (lease: Lease) => void;
  readonly lost: (tasks: readonly string[]) => Promise<void>;
  readonly away: () => void;
  readonly back: () => void;
}

export class Renewal {
  #begun = false;

  constructor(
    private readonly project: string,
    private readonly api: Pick<Api, "renew">,
    private readonly clock: Clock,
    private readonly held: Held,
  ) {}

  begin(): void {
    if (!this.#begun) this.clock.every(() => this.#due(), () => void this.#renew());
    this.#begun = true;
  }

  /** Half of what is left. */
  #due(): number {
    const now = this.clock.now();
    const ends = this.held.leases().flatMap((lease) => (lease.expireTime ? [Date.parse(lease.expireTime)] : []));
    return Math.max(SHORTEST_MILLISECONDS, (Math.min(...ends, now + LONGEST_MILLISECONDS) - now) / 2);
  }

  async #renew(): Promise<void> {
    const held = this.held.leases();
    if (!held.length) return;
    try {
      const { leases, lost } = await this.api.renew(this.project, held);
      for (const lease of leases) this.held.renewed(lease);
      await this.held.lost(lost);
      this.held.back();
    } catch (error) {
      if (asProblem(error).away) this.held.away();
    }
  }
}
