// Whether a worker reaches its store. Invariant: a trouble is told once when it begins and once when it is
// over, whatever else goes well meanwhile; whoever tries again waits longer each time.
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';

/** What a worker does with its store. */
export type Errand = 'claiming' | 'beating' | 'ending' | 'upkeep';

/** What a worker knows of the state of its store. */
export class Health {
  readonly #worker: string;
  readonly #observe: Observe;
  readonly #failures = new Map<Errand, number>();

  constructor({ worker, observe }: { readonly worker: string; readonly observe: Observe }) {
    this.#worker = worker;
    this.#observe = observe;
  }

  /** Notes a failure; tells how long to wait before another try. */
  failed(errand: Errand, error: unknown): number {
    if (this.#failures.size === 0) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#observe({ kind: 'worker.failed', worker: this.#worker, reason });
    }
    const failures = (this.#failures.get(errand) ?? 0) + 1;
    this.#failures.set(errand, failures);
    return Math.min(limits.queueAwayMostMs, limits.queueAwayMs * 2 ** Math.min(failures - 1, 10));
  }

  succeeded(errand: Errand): void {
    if (!this.#failures.delete(errand) || this.#failures.size > 0) return;
    this.#observe({ kind: 'worker.recovered', worker: this.#worker });
  }
}
