// How many runs a worker takes. Invariant: what waits in a worker is what it can start within a moment, so
// that slow runs are never taken from other workers; quick ones are taken many at once.
import { limits } from '../core/limits.ts';

// Of the time that runs take, the share that the latest one has in the mean.
const share = 0.2;

/** The runs that a worker has. */
export interface Load {
  /** For a place. */
  readonly waiting: number;
  readonly running: number;
  /** With those whose end is being written. */
  readonly held: number;
}

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

  /** How many more to take. */
  room({ waiting, running, held }: Load): number {
    const ahead = this.#ahead();
    // Many at once or none: each claim costs about the same, however much it gets.
    if (waiting > ahead / 2) return 0;
    const most = this.#concurrency + ahead;
    // While ends are written others are taken; where that takes its time, ever more would be held.
    return Math.max(0, Math.min(most - waiting - running, 2 * most - held));
  }

  #ahead(): number {
    if (this.#meanMs === undefined) return 0;
    const soon = Math.floor((this.#concurrency * limits.queueAheadMs) / Math.max(1, this.#meanMs));
    return Math.min(limits.queueAhead, soon);
  }
}
