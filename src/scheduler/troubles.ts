// What the clock cannot do. Invariant: a trouble is told once when it begins and once when all of them are
// over, whatever else goes well meanwhile; whoever tries again waits longer each time.
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';

/** What the clock does: look and drop what is old, and settle slots of schedules, by their ids. */
export type Errand = 'looking' | 'trimming' | number;

interface Trouble {
  readonly failures: number;
  /** By the clock of the process that is never set. */
  readonly until: number;
}

/** What a clock knows of its troubles. */
export class Troubles {
  readonly #observe: Observe;
  readonly #of = new Map<Errand, Trouble>();

  constructor(observe: Observe) {
    this.#observe = observe;
  }

  /** Notes a failure; tells which one it is in a row. */
  failed(errand: Errand, error: unknown): number {
    if (this.#of.size === 0) this.#observe({ kind: 'schedule.failed', reason: reasonOf(errand, error) });
    const failures = (this.#of.get(errand)?.failures ?? 0) + 1;
    const pauseMs = Math.min(limits.queueAwayMostMs, limits.queueAwayMs * 2 ** Math.min(failures - 1, 10));
    this.#of.set(errand, { failures, until: performance.now() + pauseMs });
    return failures;
  }

  succeeded(errand: Errand): void {
    if (this.#of.delete(errand) && this.#of.size === 0) this.#observe({ kind: 'schedule.recovered' });
  }

  /** For how long an errand is left alone, in milliseconds. */
  pauseOf(errand: Errand): number {
    return Math.max(0, (this.#of.get(errand)?.until ?? 0) - performance.now());
  }

  /** Schedules that could not be settled. */
  get schedules(): readonly number[] {
    return [...this.#of.keys()].filter((errand) => typeof errand === 'number');
  }
}

function reasonOf(errand: Errand, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return typeof errand === 'number' ? `schedule ${errand}: ${reason}` : reason;
}
