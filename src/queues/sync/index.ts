// The transport `sync`: whoever queues a run performs it, before he goes on. Invariants: a run that fails
// never fails whoever queued it; what could not be performed then (its queue is paused, another one of its
// ordering key is under way, its process is gone) is performed as soon as it is looked for again.
import { limits } from '../../core/limits.ts';
import type { NewQueuedRun } from '../../core/queue.ts';
import type { RunNote, Transport, TransportKind, TransportSettings } from '../transport.ts';
import { Attempts } from './attempts.ts';

/** Runs are performed at once. */
export const syncKind: TransportKind = {
  name: 'sync',
  label: 'At once',
  description: 'Runs are performed by the request that sets them off, once, before it is answered.',
  config: [],
  create: (settings) => new SyncTransport(settings),
};

class SyncTransport implements Transport {
  readonly isWorked = false;
  readonly #settings: TransportSettings;
  readonly #attempts: Attempts;
  #timer: NodeJS.Timeout | undefined;
  readonly #underWay = new Set<Promise<void>>();
  #isLooking = false;
  /** Whether some runs wait, as far as is known here. */
  #hasLeft = false;
  #isClosed = false;

  constructor(settings: TransportSettings) {
    this.#settings = settings;
    this.#attempts = new Attempts(settings);
  }

  /** Runs whose process is gone, and those that had to wait, are looked for from now on. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), limits.queueLeaseMs);
    this.#timer.unref();
    this.#look();
  }

  // A delay is meaningless where nobody waits.
  keep(run: NewQueuedRun): NewQueuedRun {
    return { ...run, delayMs: 0 };
  }

  async push(notes: readonly RunNote[]): Promise<void> {
    // What runs set off is performed inside them; deeper down it waits until somebody looks.
    if (this.#underWay.size < limits.queueSyncRuns) await this.#track(this.#perform(notes));
    else this.#hasLeft = true;
    // What had to wait for one may be its turn now: another run of its ordering key, or of its queue.
    if (this.#hasLeft) setImmediate(() => this.#look());
  }

  consume(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #track(work: Promise<void>): Promise<void> {
    const done = work.catch((error: unknown) => this.#attempts.failed(error));
    this.#underWay.add(done);
    await done;
    this.#underWay.delete(done);
  }

  async #perform(notes: readonly RunNote[]): Promise<void> {
    const queues = [...new Set(notes.map(({ queue }) => queue))];
    const left = new Set(notes.map(({ id }) => id));
    while (left.size > 0) {
      // As many as one statement may name.
      const ids = [...left].slice(0, limits.queuePartRows);
      const held = this.#isClosed ? undefined : await this.#attempts.claim(queues, ids);
      if (held === undefined) this.#hasLeft = true;
      else await this.#attempts.perform(held);
      if (held?.run.orderingKey) this.#hasLeft = true;
      for (const id of held === undefined ? ids : [held.run.id]) left.delete(id);
    }
  }

  #look(): void {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    this.#hasLeft = false;
    void this.#track(this.#performLeft()).finally(() => {
      this.#isLooking = false;
    });
  }

  async #performLeft(): Promise<void> {
    const { store, connection } = this.#settings;
    await store.queue.sweep(limits.queueSweepRows);
    const queues = await store.queue.queuesOf(connection);
    this.#hasLeft = queues.length > 0;
    while (!this.#isClosed) {
      const held = await this.#attempts.claim(queues);
      if (held === undefined) return;
      await this.#attempts.perform(held);
    }
  }
}
