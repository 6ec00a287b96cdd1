// Writes down how runs ended. Invariant: what a run sets off is queued in the transaction that ends it, so
// that both happen or neither; a store that is away is asked again until it answers or the worker gives up.
import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Hold, NewQueuedRun, RunEnd } from '../core/queue.ts';
import type { Store } from '../core/store.ts';
import type { Health } from './health.ts';
import type { HeldRun } from './held-run.ts';
import { shortened, type Verdict } from './verdict.ts';

/** Runs on their way to their connections. */
export interface Consignment {
  readonly runs: readonly NewQueuedRun[];
  /** Tells whoever waits for them, once the store has them. */
  announce(): Promise<void>;
}

/** What writing ends takes. */
export interface EndingParts {
  readonly store: Pick<Store, 'queue' | 'transaction'>;
  /** Resolves the connections of runs. */
  readonly consign: (runs: readonly NewQueuedRun[]) => Consignment;
  readonly health: Health;
  /** Aborted when the worker waits for nothing any more. */
  readonly givenUp: AbortSignal;
}

/** Ends runs in the store. */
export class Ending {
  readonly #parts: EndingParts;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** Whether the end counted: false where the run is held by somebody else by now. */
  async write(held: HeldRun, verdict: Verdict): Promise<boolean> {
    const { end, further } = verdict;
    if (end === undefined) return this.#giveBack(held);
    let tries = 0;
    return this.#untilAnswered(async () => {
      if (further.length === 0) return this.#finish(end);
      try {
        return await this.#finishWith(end, further);
      } catch (error) {
        tries += 1;
        if (isPassing(error, tries)) throw error;
        // Tried again, it would be refused again, and the run would never end.
        return this.#finish(unable(end, error));
      }
    });
  }

  /** Gives runs back that were not begun; false for those that are lost. */
  release(holds: readonly Hold[]): Promise<boolean[]> {
    return this.#parts.store.queue.release(holds);
  }

  // A lost run need not be told of; the store takes no word from who does not hold it.
  #giveBack(held: HeldRun): Promise<boolean> {
    return this.#untilAnswered(async () => (await this.release([held.hold]))[0] === true);
  }

  async #finish(end: RunEnd): Promise<boolean> {
    return (await this.#parts.store.queue.finish([end]))[0] === true;
  }

  async #finishWith(end: RunEnd, further: readonly NewQueuedRun[]): Promise<boolean> {
    const { runs, announce } = this.#parts.consign(further);
    const isCounted = await this.#parts.store.transaction(async ({ queue }) => {
      const [counted] = await queue.finish([end]);
      if (counted === true && runs.length > 0) await queue.push(runs);
      return counted === true;
    });
    if (isCounted) await announce();
    return isCounted;
  }

  // Beyond the lease, too: the token decides, and what is told late may still spare another run.
  async #untilAnswered(work: () => Promise<boolean>): Promise<boolean> {
    const { health, givenUp } = this.#parts;
    for (;;) {
      try {
        const isCounted = await work();
        health.succeeded('ending');
        return isCounted;
      } catch (error) {
        const wait = health.failed('ending', error);
        if (givenUp.aborted) return false;
        await sleep(wait, undefined, { signal: givenUp }).catch(() => undefined);
      }
    }
  }
}

// A database that is away comes back; what it refuses again and again is no passing trouble.
function isPassing(error: unknown, tries: number): boolean {
  const status = error instanceof PlatformError ? error.status : 500;
  return status === 503 || (status >= 500 && tries < limits.deadlockTries);
}

function unable({ position, token }: RunEnd, error: unknown): RunEnd {
  const message = error instanceof Error ? error.message : String(error);
  const reason = shortened(`what it set off could not be queued: ${message}`);
  return { position, token, outcome: 'failed', reason, logId: null };
}
