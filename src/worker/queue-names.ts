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

/** The queues that runs are taken ahead from, and those after them. */
export type QueueOrder = readonly [first: readonly string[], others: readonly string[]];

/** Finds the queues of a worker. */
export class QueueNames {
  readonly #parts: QueueNamesParts;
  #known: QueueOrder = [[], []];
  #until = 0;

  constructor(parts: QueueNamesParts) {
    this.#parts = parts;
  }

  /** In the order in which runs are taken from them. */
  async list(): Promise<QueueOrder> {
    const { queues, queue, connection } = this.#parts;
    if (performance.now() < this.#until) return this.#known;
    const isOpen = queues.includes('*');
    const others = isOpen ? (await queue.queuesOf(connection)).filter((name) => !queues.includes(name)) : [];
    const [first = [], ...rest] = queues.map((name) => (name === '*' ? others : [name]));
    this.#known = [first, rest.flat()];
    this.#until = isOpen ? performance.now() + limits.queueLookMs : Number.POSITIVE_INFINITY;
    return this.#known;
  }

  /** There may be others now. */
  forget(): void {
    if (this.#parts.queues.includes('*')) this.#until = 0;
  }
}
