// Listens at a broker for a worker. Invariants: a worker of all queues listens where runs wait or waited a
// while ago, and to the default queue of nobody else; what it stops hearing of it still finds by looking.

import { limits } from '../core/limits.ts';
import type { RunStore } from '../core/queue.ts';
import type { BrokerLink, Listening, TakeMessages } from './broker.ts';
import type { Outage } from './outage.ts';

/** What listening takes. */
export interface FollowingParts {
  readonly connection: string;
  readonly store: Pick<RunStore, 'queuesOf'>;
  readonly link: Pick<BrokerLink, 'listen'>;
  readonly outage: Outage;
  /** As the worker has them; `*` stands for all others. */
  readonly queues: readonly string[];
  /** Takes messages of a queue. */
  readonly take: (queue: string, texts: readonly string[]) => Promise<boolean>;
}

/** The queues that a worker listens to. */
export class Following {
  readonly #parts: FollowingParts;
  /** By queue; the one that was needed last is the last one. */
  readonly #listenings = new Map<string, Listening>();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #looked: Promise<void> = Promise.resolve();

  constructor(parts: FollowingParts) {
    this.#parts = parts;
    for (const queue of parts.queues) if (queue !== '*') this.#listen(queue);
    if (!parts.queues.includes('*')) return;
    this.#timer = setInterval(() => this.#look(), limits.brokerNamesMs);
    this.#timer.unref();
    this.#look();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    await this.#looked;
    await Promise.all([...this.#listenings].map(([queue, listening]) => this.#leave(queue, listening)));
    this.#listenings.clear();
  }

  #look(): void {
    this.#looked = this.#find().catch(() => undefined);
  }

  // The store that is away is told of by the worker itself.
  async #find(): Promise<void> {
    const { store, connection, queues } = this.#parts;
    const found = await store.queuesOf(connection);
    if (this.#isOver) return;
    for (const queue of found.slice(0, limits.brokerQueues)) this.#listen(queue);
    for (const [queue, listening] of this.#listenings) {
      if (this.#listenings.size <= limits.brokerQueues) return;
      if (queues.includes(queue)) continue;
      this.#listenings.delete(queue);
      await this.#leave(queue, listening);
    }
  }

  #listen(queue: string): void {
    const { link, outage, take } = this.#parts;
    const own: TakeMessages = (texts) => take(queue, texts);
    const listening = this.#listenings.get(queue) ?? link.listen(queue, own, outage.of(partOf(queue)));
    this.#listenings.delete(queue);
    this.#listenings.set(queue, listening);
  }

  async #leave(queue: string, listening: Listening): Promise<void> {
    await listening.end();
    this.#parts.outage.succeeded(partOf(queue));
  }
}

function partOf(queue: string): string {
  return `hearing of ${queue}`;
}
