// How many runs a worker takes. Invariant: what waits in a worker is what it can start within a moment, so
// that slow runs are never taken from other workers; quick ones are taken many at once.
import { limits } from '../core/limits.ts';

// Of the time that runs take, the share that the latest one has in the mean.
const share = 0.2;

/** Knows how long runs take, and what follows from it. */
export class Pace {
  readonly #concurrency: number;
  /** Undefined until one was performed. */
  #meanMs: number | undefined;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /** Notes how long a run took. */
  took(ms: number): void {
    this.#meanMs = this.#meanMs === undefined ? ms : this.#meanMs + share * (ms - this.#meanMs);
  }

  /** How many more to take when so many are held, of which some wait. */
  room(held: number, waiting: number): number {
    const ahead = this.#ahead();
    // Many at once or none: each claim costs about the same, however much it gets.
    if (waiting > ahead / 2) return 0;
    return Math.max(0, this.#concurrency + ahead - held);
  }

  #ahead(): number {
    if (this.#meanMs === undefined) return 0;
    const soon = Math.floor((this.#concurrency * limits.queueAheadMs) / Math.max(1, this.#meanMs));
    return Math.min(limits.queueAhead, soon);
  }
}
