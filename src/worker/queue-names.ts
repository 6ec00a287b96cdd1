// The queues that a worker takes runs from. Invariant: their order is the one that was asked for; where all
// are asked for, it is that of their names.
import { limits } from '../core/limits.ts';
import type { RunStore } from '../core/queue.ts';

/** What finding queues takes. */
export interface QueueNamesParts {
  readonly queue: Pick<RunStore, 'queuesOf'>;
  readonly connection: string;
  /** `*` stands for all others. */
  readonly queues: readonly string[];
}

/** Finds the queues of a worker. */
export class QueueNames {
  readonly #parts: QueueNamesParts;
  #known: readonly string[] = [];
  #until = 0;

  constructor(parts: QueueNamesParts) {
    this.#parts = parts;
  }

  /** In the order in which runs are taken from them. */
  async list(): Promise<readonly string[]> {
    const { queues, queue, connection } = this.#parts;
    if (!queues.includes('*')) return queues;
    if (performance.now() < this.#until) return this.#known;
    const others = (await queue.queuesOf(connection)).filter((name) => !queues.includes(name));
    this.#known = queues.flatMap((name) => (name === '*' ? others : [name]));
    this.#until = performance.now() + limits.queueLookMs;
    return this.#known;
  }

  /** There may be others now. */
  forget(): void {
    this.#until = 0;
  }
}
