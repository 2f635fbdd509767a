/** What the fake gateway refuses, with the reason that the real one gives. */

export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    readonly metadata: Record<string, string> = {},
  ) {
    super(reason);
  }
}
