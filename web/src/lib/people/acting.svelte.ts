/** Something a form sends: whether it is on its way, and what was refused. */

import { asProblem, type Problem } from "../api";

export class Acting {
  busy = $state(false);
  problem: Problem | null = $state.raw(null);

  /** Whether it was done. */
  async run(act: () => Promise<void>): Promise<boolean> {
    this.busy = true;
    this.problem = null;
    try {
      await act();
    } catch (error) {
      this.problem = asProblem(error);
    } finally {
      this.busy = false;
    }
    return this.problem === null;
  }
}
