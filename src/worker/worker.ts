// A worker: takes queued runs, has them performed, and says what became of them. Invariant: it holds no more
// runs than it can start soon, goes on whatever happens to its store, and when it stops every run it held is
// either over or given back.
import { hostname } from 'node:os';
import { Bell } from '../core/bell.ts';
import { limits } from '../core/limits.ts';
import type { Observation, Observe } from '../core/observe.ts';
import type { Backoff, ClaimedRun, NewQueuedRun, Performed, RunPerformer } from '../core/queue.ts';
import type { Store } from '../core/store.ts';
import { usualBackoff } from './backoff.ts';
import { Claiming, type Room } from './claiming.ts';
import { type Consignment, Ending } from './ending.ts';
import { Health } from './health.ts';
import { Hearers } from './hearers.ts';
import type { HeldRun } from './held-run.ts';
import { Leases } from './leases.ts';
import { Pace } from './pace.ts';
import { performWithin } from './performing.ts';
import { QueueNames } from './queue-names.ts';
import { type Retention, Upkeep, usualRetention } from './upkeep.ts';
import { type RunRules, timeoutOf, verdictOn } from './verdict.ts';

/** Tells a worker that it is worth looking. */
export interface WorkSignal {
  /** `hear` resolves when the worker has looked, true, or is not going to, false; it never rejects. */
  listen(
    connection: string,
    hear: (of?: readonly Pick<ClaimedRun, 'queue'>[]) => Promise<boolean>,
  ): () => void;
}

/** What a worker is made with. */
export interface WorkerOptions {
  readonly store: Pick<Store, 'queue' | 'transaction' | 'settings' | 'scriptTexts'>;
  readonly performer: RunPerformer;
  /** Tells it that runs came; without it, it looks by itself. */
  readonly signal?: WorkSignal;
  /** Resolves the connections of runs that a run sets off; absent: they are queued as they are. */
  readonly consign?: (runs: readonly NewQueuedRun[]) => Consignment;
  readonly observe: Observe;
  /** Unique among all workers of the store. */
  readonly name?: string;
  readonly connection: string;
  /** From the one that goes first to the one that goes last; `*` stands for all of the connection. */
  readonly queues: readonly string[];
  /** Runs at the same time. */
  readonly concurrency: number;
  readonly tries?: number;
  readonly timeoutMs?: number;
  readonly backoff?: Backoff;
  /** How late it may hear of a run when no signal comes. */
  readonly pollMs?: number;
  readonly leaseMs?: number;
  readonly beatMs?: number;
  readonly drainMs?: number;
  readonly retention?: Retention;
  /** Versions of scripts as they are now, whose texts are kept. */
  readonly currentVersions?: () => Promise<readonly string[]>;
  /** Somebody asked workers to begin anew; it is for the owner to stop this one. */
  readonly onRestart?: () => void;
}

/** Takes runs from queues and has them performed. */
export class Worker {
  readonly name: string;
  readonly connection: string;
  readonly queues: readonly string[];
  readonly #options: WorkerOptions;
  readonly #rules: RunRules;
  readonly #health: Health;
  readonly #leases: Leases;
  readonly #ending: Ending;
  readonly #upkeep: Upkeep;
  readonly #names: QueueNames;
  readonly #claiming: Claiming;
  readonly #pace: Pace;
  readonly #bell = new Bell();
  /** Those who told of runs: a worker without room lets them wait, so that others are told meanwhile. */
  readonly #hearers = new Hearers();
  /** Rung whenever a run is over. */
  readonly #over = new Bell();
  /** Aborted when nothing is waited for any more. */
  readonly #givenUp = new AbortController();
  /** Claimed runs that wait for a place. */
  #waiting: HeldRun[] = [];
  #running = 0;
  #isStopping = false;
  #loop: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    const { store, observe, connection, queues, concurrency } = options;
    this.#options = options;
    this.connection = connection;
    this.queues = queues;
    this.name = options.name ?? `${hostname()}:${process.pid}:${Math.random().toString(36).slice(2, 8)}`;
    const { tries = limits.queueTries, timeoutMs = limits.queueTimeoutMs, backoff = usualBackoff } = options;
    this.#rules = { tries, timeoutMs, backoff };
    const { leaseMs = limits.queueLeaseMs } = options;
    const health = new Health({ worker: this.name, observe });
    this.#health = health;
    const beatMs = options.beatMs ?? Math.min(limits.queueBeatMs, leaseMs / 3);
    this.#leases = new Leases({ queue: store.queue, health, leaseMs, beatMs });
    const consign = options.consign ?? asTheyAre;
    this.#ending = new Ending({ store, consign, health, givenUp: this.#givenUp.signal });
    const { retention = usualRetention, currentVersions, onRestart = () => undefined } = options;
    const looking = { store, performer: options.performer, consign, health, observe };
    this.#upkeep = new Upkeep({ ...looking, retention, currentVersions, onRestart });
    const { queue } = store;
    const names = new QueueNames({ queue, connection, queues });
    this.#names = names;
    this.#claiming = new Claiming({ queue, connection, worker: this.name, leaseMs, names });
    this.#pace = new Pace(concurrency);
  }

  /** Begins to take runs, and goes on until it is stopped. */
  start(): void {
    this.#observe('worker.started');
    const { signal, connection } = this.#options;
    const stopListening = signal?.listen(connection, (of) => this.#hear(of));
    this.#upkeep.start();
    this.#loop = this.#work().finally(() => stopListening?.());
  }

  /** Performs the next run, of the first queue that has one; tells whether there was one. */
  async performNext(): Promise<boolean> {
    await this.#upkeep.sweep();
    const { runs } = await this.#claiming.take({ most: 1, free: 1 });
    const [run] = runs;
    if (run === undefined) return false;
    this.#leases.add(run);
    this.#running += 1;
    await this.#perform(run);
    return true;
  }

  /**
   * Takes no more runs, lets those that run end for a while, and gives the rest back; when it is called
   * again, at once.
   */
  stop(): Promise<void> {
    if (this.#stopped !== undefined) this.#stopRunning();
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  #hear(of: readonly Pick<ClaimedRun, 'queue'>[] = []): Promise<boolean> {
    this.#names.forget([...new Set(of.map(({ queue }) => queue))]);
    this.#leases.askSoon();
    this.#bell.ring();
    return this.#hearers.wait();
  }

  async #drain(): Promise<void> {
    this.#observe('worker.draining');
    this.#isStopping = true;
    this.#hearers.end();
    this.#bell.ring();
    await this.#giveBackWaiting();
    const { drainMs = limits.queueDrainMs } = this.#options;
    const timer = setTimeout(() => this.#stopRunning(), drainMs);
    await this.#loop;
    await this.#giveBackWaiting();
    for (let isLast = false; this.#leases.size > 0 && !isLast; ) {
      isLast = this.#givenUp.signal.aborted;
      await this.#over.wait(limits.queueLookMs);
    }
    clearTimeout(timer);
    await this.#upkeep.stop();
    this.#observe('worker.stopped');
  }

  #stopRunning(): void {
    for (const held of this.#leases) held.stop('stopping');
    // What still cannot be written then is found by those who take over the runs of lost workers.
    const timer = setTimeout(() => this.#givenUp.abort(), 2 * limits.queueAbortMs);
    timer.unref();
  }

  async #giveBackWaiting(): Promise<void> {
    const waiting = this.#waiting.splice(0);
    if (waiting.length === 0) return;
    try {
      await this.#ending.release(waiting.map(({ hold }) => hold));
    } catch (error) {
      // Their leases end, and somebody else finds them.
      this.#health.failed('ending', error);
    }
    for (const held of waiting) this.#leases.delete(held);
  }

  async #work(): Promise<void> {
    while (!this.#isStopping) {
      const rest = await this.#takeSome();
      if (rest > 0) await this.#bell.wait(rest);
    }
  }

  /** Takes what there is room for; tells how long to sleep unless something happens. */
  async #takeSome(): Promise<number> {
    const { pollMs = limits.queuePollMs } = this.#options;
    const room = this.#room();
    if (room.most === 0) return pollMs;
    const hearers = this.#hearers.take();
    try {
      const { runs, isMore } = await this.#claiming.take(room);
      this.#health.succeeded('claiming');
      hearers?.resolve(true);
      for (const held of runs) this.#leases.add(held);
      this.#waiting.push(...runs);
      this.#startSome();
      if (isMore) return 0;
      return runs.length > 0 ? pollMs : await this.#claiming.untilDue(pollMs, room);
    } catch (error) {
      this.#hearers.putBack(hearers);
      return this.#health.failed('claiming', error);
    }
  }

  #room(): Room {
    const [waiting, running] = [this.#waiting.length, this.#running];
    // Who waits to be alone would be joined by others.
    if ([...this.#leases].some(isDangerous)) return { most: 0, free: 0 };
    const most = this.#pace.room({ waiting, running, held: this.#leases.size });
    return { most, free: Math.max(0, this.#options.concurrency - running - waiting) };
  }

  #startSome(): void {
    while (this.#running < this.#options.concurrency && !this.#isStopping) {
      const [next] = this.#waiting;
      if (next === undefined || (isDangerous(next) && this.#running > 0)) return;
      this.#waiting.shift();
      this.#running += 1;
      void this.#perform(next);
    }
  }

  async #perform(held: HeldRun): Promise<void> {
    const performed = await this.#performed(held);
    held.isEnding = true;
    this.#running -= 1;
    // The next one begins while the end of this one is written.
    this.#startSome();
    const { run, stopped } = held;
    const verdict = verdictOn({ run, performed, stopped, rules: this.#rules });
    const isCounted = await this.#ending.write(held, verdict);
    this.#leases.delete(held);
    if (isCounted) this.#tell(verdict.told, run, verdict.reason);
    else this.#tell('queue.lost', run, 'somebody else holds it, or its end could not be written');
    this.#bell.ring();
    this.#over.ring();
  }

  async #performed(held: HeldRun): Promise<Performed | undefined> {
    if (held.stopped !== undefined) return undefined;
    this.#tell('queue.started', held.run, null);
    const began = performance.now();
    const { store, performer } = this.#options;
    const timeoutMs = timeoutOf(held.run, this.#rules);
    const performed = await performWithin({ queue: store.queue, performer }, held, timeoutMs);
    this.#pace.took(performance.now() - began);
    return performed;
  }

  #tell(kind: QueuedKind, run: ClaimedRun, reason: string | null): void {
    const { id, position, script, queue, connection } = run;
    const attempt = run.attempt + 1;
    this.#options.observe({ kind, id, position, script, queue, connection, attempt, reason });
  }

  #observe(kind: 'worker.started' | 'worker.draining' | 'worker.stopped'): void {
    this.#options.observe({ kind, worker: this.name, queues: this.#options.queues });
  }
}

// With one more loss it may be put aside: then it should be its own.
function isDangerous({ run }: HeldRun): boolean {
  return run.crashes >= limits.queueCrashes - 1;
}

type QueuedKind = Extract<Observation, { queue: string }>['kind'];

function asTheyAre(runs: readonly NewQueuedRun[]): Consignment {
  return { runs, announce: () => Promise.resolve() };
}
