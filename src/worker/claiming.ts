// How a worker gets runs. Invariant: runs are taken ahead from the first queue alone, so that none of another
// is started while one of those before it waits.
import { limits } from '../core/limits.ts';
import type { RunStore } from '../core/queue.ts';
import { HeldRun } from './held-run.ts';
import type { QueueNames } from './queue-names.ts';

/** What claiming takes. */
export interface ClaimingParts {
  readonly queue: Pick<RunStore, 'claim' | 'nextDue'>;
  readonly connection: string;
  readonly worker: string;
  readonly leaseMs: number;
  readonly names: QueueNames;
}

/** What a worker has room for. */
export interface Room {
  /** With what it takes ahead. */
  readonly most: number;
  /** What it can start at once. */
  readonly free: number;
}

/** Claims runs from the queues of a worker. */
export class Claiming {
  readonly #parts: ClaimingParts;

  constructor(parts: ClaimingParts) {
    this.#parts = parts;
  }

  /** Takes runs; `isMore`: there may be others. */
  async take({ most, free }: Room): Promise<{ readonly runs: readonly HeldRun[]; readonly isMore: boolean }> {
    const [first, others] = await this.#parts.names.list();
    const ahead = await this.#claim(first, most);
    const left = Math.min(most, free) - ahead.length;
    const rest = left > 0 ? await this.#claim(others, left) : [];
    const runs = [...ahead, ...rest];
    // The store gives what cost a worker one by one.
    const isOneByOne = runs.some(({ run }) => run.crashes > 0);
    return { runs, isMore: ahead.length === most || (left > 0 && rest.length === left) || isOneByOne };
  }

  /** How long nothing can be taken, and so much at most. */
  async untilDue(mostMs: number, { free }: Room): Promise<number> {
    const { queue, connection, names } = this.#parts;
    const [first, others] = await names.list();
    const due = await queue.nextDue({ connection, queues: free > 0 ? [...first, ...others] : first });
    // Others may be about to take what is due, so that it is not asked for all the time.
    return Math.max(limits.queueLeastWaitMs, Math.min(mostMs, due ?? mostMs));
  }

  async #claim(queues: readonly string[], limit: number): Promise<HeldRun[]> {
    if (queues.length === 0) return [];
    const { queue, connection, worker, leaseMs } = this.#parts;
    const leaseUntil = performance.now() + leaseMs;
    const claimed = await queue.claim({ connection, queues, limit, worker, leaseMs });
    return claimed.map((run) => new HeldRun(run, leaseUntil));
  }
}
