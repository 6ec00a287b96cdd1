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

// A search takes the longer the more runs wait; this many times as long it is not done again.
const restFactor = 20;

/** Finds the queues of a worker. */
export class QueueNames {
  readonly #parts: QueueNamesParts;
  readonly #isOpen: boolean;
  #found: Set<string> = new Set();
  #known: QueueOrder;
  /** When to look again, and when at the earliest. */
  #next = 0;
  #earliest = 0;

  constructor(parts: QueueNamesParts) {
    this.#parts = parts;
    this.#isOpen = parts.queues.includes('*');
    this.#known = orderOf(parts.queues, []);
  }

  /** In the order in which runs are taken from them. */
  async list(): Promise<QueueOrder> {
    const began = performance.now();
    if (!this.#isOpen || began < this.#next) return this.#known;
    const { queues, queue, connection } = this.#parts;
    this.#found = new Set(await queue.queuesOf(connection));
    this.#known = orderOf(queues, [...this.#found]);
    const now = performance.now();
    this.#earliest = now + restFactor * (now - began);
    this.#next = Math.max(this.#earliest, now + limits.queueLookMs);
    return this.#known;
  }

  /** There may be others now, these for example. */
  forget(heard: readonly string[]): void {
    this.#next = this.#earliest;
    if (!this.#isOpen || heard.every((name) => this.#found.has(name))) return;
    for (const name of heard) this.#found.add(name);
    this.#known = orderOf(this.#parts.queues, [...this.#found].sort());
  }
}

function orderOf(queues: readonly string[], found: readonly string[]): QueueOrder {
  const others = found.filter((name) => !queues.includes(name));
  const [first = [], ...rest] = queues.map((name) => (name === '*' ? others : [name]));
  return [first, rest.flat()];
}
