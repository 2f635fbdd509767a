import { asProblem, type Problem } from "../api";
import type { Clock } from "./clock";

const RETRY_MILLISECONDS = 2_000;

/** While the server is away or busy, the same request is sent until it answers; `passing` says whether to go on. */
export async function untilAnswered<T>(ask: () => Promise<T>, clock: Clock, passing: (problem: Problem) => boolean): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const problem = asProblem(error);
      if (!problem.passing || !passing(problem)) throw error;
      await clock.pause(Math.max(RETRY_MILLISECONDS, (problem.retryAfterSeconds ?? 0) * 1000));
    }
  }
}
