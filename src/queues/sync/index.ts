// The transport `sync`: whoever queues a run performs it, before he goes on. Invariants: a run that fails
// never fails whoever queued it; what could not be performed then (its queue is paused, another one of its
// ordering key is under way, its process is gone) is performed as soon as it is looked for again.
import { randomUUID } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import type { ClaimedRun, NewQueuedRun } from '../../core/queue.ts';
import type { RunNote, Transport, TransportKind, TransportSettings } from '../transport.ts';
import { attempt } from './attempt.ts';

/** Runs are performed at once. */
export const syncKind: TransportKind = {
  name: 'sync',
  label: 'At once',
  description: 'Runs are performed by the request that sets them off, once, before it is answered.',
  config: [],
  create: (settings) => new SyncTransport(settings),
};

class SyncTransport implements Transport {
  readonly #settings: TransportSettings;
  readonly #worker = `sync:${randomUUID()}`;
  #timer: NodeJS.Timeout | undefined;
  readonly #underWay = new Set<Promise<void>>();
  #isLooking = false;
  /** Whether some run could not be begun when it was its turn. */
  #hasLeft = false;
  #isClosed = false;
  /** Whether the last look failed; that is told once. */
  #isAway = false;

  constructor(settings: TransportSettings) {
    this.#settings = settings;
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
  }

  consume(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #track(work: Promise<void>): Promise<void> {
    const done = work.then(
      () => {
        this.#isAway = false;
      },
      (error: unknown) => this.#explain(error),
    );
    this.#underWay.add(done);
    await done;
    this.#underWay.delete(done);
    // What one had to wait for may be over now: another run of its ordering key, or a place.
    if (this.#hasLeft && !this.#isClosed) setImmediate(() => this.#look());
  }

  #explain(error: unknown): void {
    if (this.#isAway) return;
    this.#isAway = true;
    const { observe, connection } = this.#settings;
    const reason = error instanceof Error ? error.message : String(error);
    observe({ kind: 'worker.failed', worker: this.#worker, reason: `connection '${connection}': ${reason}` });
  }

  async #perform(notes: readonly RunNote[]): Promise<void> {
    const queues = [...new Set(notes.map(({ queue }) => queue))];
    const left = new Set(notes.map(({ id }) => id));
    while (left.size > 0) {
      // As many as one statement may name.
      const ids = [...left].slice(0, limits.queuePartRows);
      const run = await this.#claim(queues, ids);
      if (run !== undefined) await attempt(this.#settings, run);
      else this.#hasLeft = true;
      for (const id of run === undefined ? ids : [run.id]) left.delete(id);
    }
  }

  async #claim(queues: readonly string[], ids?: readonly string[]): Promise<ClaimedRun | undefined> {
    if (this.#isClosed || queues.length === 0) return undefined;
    const { store, connection } = this.#settings;
    const held = { worker: this.#worker, leaseMs: limits.queueLeaseMs, limit: 1 };
    const request = { ...held, connection, queues, ...(ids === undefined ? {} : { ids }) };
    return (await store.queue.claim(request))[0];
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
    for (;;) {
      const run = await this.#claim(queues);
      if (run === undefined) return;
      await attempt(this.#settings, run);
    }
  }
}
