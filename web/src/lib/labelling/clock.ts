/** Time as the session uses it: tests pass a timer of their own. */

export interface Timer {
  now(): number;
  /** Returns what stops it. */
  after(milliseconds: number, act: () => void): () => void;
}

export const systemTimer: Timer = {
  now: () => Date.now(),
  after(milliseconds, act) {
    const id = setTimeout(act, milliseconds);
    return () => clearTimeout(id);
  },
};

export class Clock {
  readonly #timer: Timer;
  readonly #stops = new Set<() => void>();
  #stopped = false;

  constructor(timer: Timer = systemTimer) {
    this.#timer = timer;
  }

  now(): number {
    return this.#timer.now();
  }

  after(milliseconds: number, act: () => void): () => void {
    const stop = this.#timer.after(milliseconds, () => {
      this.#stops.delete(stop);
      act();
    });
    this.#stops.add(stop);
    return () => {
      this.#stops.delete(stop);
      stop();
    };
  }

  pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#timer.after(milliseconds, resolve));
  }

  /** `interval` is asked before each turn. */
  every(interval: () => number, act: () => void): void {
    if (this.#stopped) return;
    this.after(interval(), () => {
      act();
      this.every(interval, act);
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }
}
