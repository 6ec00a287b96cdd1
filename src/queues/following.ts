// Listens at a broker for a worker. Invariants: a worker of all queues listens to the default one, and where
// runs wait or waited a while ago; what it does not hear of it finds by looking.

import { limits } from '../core/limits.ts';
import type { RunStore } from '../core/queue.ts';
import type { Listening, MessageLink } from './message-link.ts';
import type { Outage } from './outage.ts';
import { Taking } from './taking.ts';

/** What listening takes. */
export interface FollowingParts {
  readonly connection: string;
  readonly store: Pick<RunStore, 'queuesOf'>;
  readonly link: Pick<MessageLink, 'listen'>;
  readonly outage: Outage;
  /** As the worker has them; `*` stands for all others. */
  readonly queues: readonly string[];
  readonly defaultQueue: string;
  /** Takes messages of a queue. */
  readonly take: (queue: string, texts: readonly string[]) => Promise<boolean>;
}

interface Listened {
  readonly listening: Listening;
  readonly taking: Taking;
}

/** The queues that a worker listens to. */
export class Following {
  readonly #parts: FollowingParts;
  /** By queue; the one that was needed last is the last one. */
  readonly #listenings = new Map<string, Listened>();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #looked: Promise<void> = Promise.resolve();

  constructor(parts: FollowingParts) {
    this.#parts = parts;
    for (const queue of parts.queues) this.#listen(queue === '*' ? parts.defaultQueue : queue);
    if (!parts.queues.includes('*')) return;
    this.#timer = setInterval(() => this.#look(), limits.brokerNamesMs);
    this.#timer.unref();
    this.#look();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    await this.#looked;
    await Promise.all([...this.#listenings].map(([queue, listened]) => this.#leave(queue, listened)));
    this.#listenings.clear();
  }

  #look(): void {
    this.#looked = this.#find().catch(() => undefined);
  }

  // The store that is away is told of by the worker itself.
  async #find(): Promise<void> {
    const { store, connection, queues, defaultQueue } = this.#parts;
    const found = await store.queuesOf(connection);
    if (this.#isOver) return;
    for (const queue of found.slice(0, limits.brokerQueues)) this.#listen(queue);
    for (const [queue, listened] of this.#listenings) {
      if (this.#listenings.size <= limits.brokerQueues) return;
      if (queues.includes(queue) || queue === defaultQueue) continue;
      this.#listenings.delete(queue);
      await this.#leave(queue, listened);
    }
  }

  #listen(queue: string): void {
    const listened = this.#listenings.get(queue) ?? this.#begin(queue);
    this.#listenings.delete(queue);
    this.#listenings.set(queue, listened);
  }

  #begin(queue: string): Listened {
    const { link, outage, take } = this.#parts;
    const taking = new Taking((texts) => take(queue, texts));
    return { taking, listening: link.listen(queue, taking, outage.of(partOf(queue))) };
  }

  async #leave(queue: string, { taking, listening }: Listened): Promise<void> {
    taking.end();
    await listening.end();
    this.#parts.outage.succeeded(partOf(queue));
  }
}

function partOf(queue: string): string {
  return `hearing of ${queue}`;
}
