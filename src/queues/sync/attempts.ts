// Runs that whoever queued them performs: as a worker does, but with one try and for one connection alone.
// Invariant: nobody who waits for it waits for another try, nor longer than a lease for a store that is away.
import { randomUUID } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import type { ClaimedRun } from '../../core/queue.ts';
import { usualBackoff } from '../../worker/backoff.ts';
import { Ending } from '../../worker/ending.ts';
import { Health } from '../../worker/health.ts';
import { HeldRun } from '../../worker/held-run.ts';
import { Leases } from '../../worker/leases.ts';
import { performWithin } from '../../worker/performing.ts';
import { timeoutOf, type Verdict, verdictOn } from '../../worker/verdict.ts';
import type { TransportSettings } from '../transport.ts';

const rules = { tries: 1, timeoutMs: limits.queueTimeoutMs, backoff: usualBackoff };

/** Claims and performs the runs of one connection. */
export class Attempts {
  readonly #settings: TransportSettings;
  readonly #name = `sync-${randomUUID()}`;
  readonly #health: Health;
  readonly #leases: Leases;

  constructor(settings: TransportSettings) {
    this.#settings = settings;
    const { store, observe } = settings;
    this.#health = new Health({ worker: this.#name, observe });
    const times = { leaseMs: limits.queueLeaseMs, beatMs: limits.queueBeatMs };
    this.#leases = new Leases({ queue: store.queue, health: this.#health, ...times });
  }

  /** Notes that the store could not be asked; told once. */
  failed(error: unknown): void {
    this.#health.failed('claiming', error);
  }

  /** Takes the next of these runs, of all of these queues where none are named. */
  async claim(queues: readonly string[], ids?: readonly string[]): Promise<HeldRun | undefined> {
    const { store, connection } = this.#settings;
    // Counted from before it was asked for: here it is over before others may take it.
    const leaseUntil = performance.now() + limits.queueLeaseMs;
    const held = { worker: this.#name, leaseMs: limits.queueLeaseMs, limit: 1 };
    const request = { ...held, connection, queues, ...(ids === undefined ? {} : { ids }) };
    const [run] = queues.length === 0 ? [] : await store.queue.claim(request);
    this.#health.succeeded('claiming');
    return run === undefined ? undefined : new HeldRun(run, leaseUntil);
  }

  /** Performs a run. */
  async perform(held: HeldRun): Promise<void> {
    const { store, performer } = this.#settings;
    const run = { ...held.run, tries: rules.tries };
    this.#leases.add(held);
    this.#tell('queue.started', run);
    const parts = { queue: store.queue, performer: performer() };
    const performed = await performWithin(parts, held, timeoutOf(run, rules));
    held.isEnding = true;
    const verdict = verdictOn({ run, performed, stopped: held.stopped, rules });
    const isCounted = await this.#ending().write(held, verdict);
    this.#leases.delete(held);
    this.#tell(isCounted ? verdict.told : 'queue.lost', run, verdict.reason);
  }

  // A run whose end cannot be written is taken over when its lease is over.
  #ending(): Ending {
    const { store, consign } = this.#settings;
    const givenUp = AbortSignal.timeout(limits.queueLeaseMs);
    return new Ending({ store, consign, health: this.#health, givenUp });
  }

  #tell(kind: Verdict['told'], run: ClaimedRun, reason: string | null = null): void {
    const { id, position, script, queue, connection, attempt } = run;
    const about = { id, position, script, queue, connection, reason };
    this.#settings.observe({ kind, ...about, attempt: attempt + 1 });
  }
}
