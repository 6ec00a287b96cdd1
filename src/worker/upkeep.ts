// What workers do beside performing runs: take over those of lost workers, drop what is old, and notice that
// they are to begin anew. Invariant: it is done by all workers and harmless to do twice; a store that is away
// is asked again later.
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { NewQueuedRun, QueuedRun, RunPerformer, TrimBounds } from '../core/queue.ts';
import type { Store } from '../core/store.ts';
import type { Consignment } from './ending.ts';
import type { Health } from './health.ts';
import { readRestart } from './restart.ts';

/** For how long ended runs are kept. */
export interface Retention {
  readonly doneDays: number;
  readonly doneCount: number;
  readonly failedDays: number;
}

/** As the limits say. */
export const usualRetention: Retention = {
  doneDays: limits.queueDoneDays,
  doneCount: limits.queueDoneCount,
  failedDays: limits.queueFailedDays,
};

/** What upkeep takes. */
export interface UpkeepParts {
  readonly store: Pick<Store, 'queue' | 'transaction' | 'settings' | 'scriptTexts'>;
  /** Asked what is to be queued for runs that failed for good with their worker. */
  readonly performer: Pick<RunPerformer, 'onLost'>;
  /** Resolves the connections of runs. */
  readonly consign: (runs: readonly NewQueuedRun[]) => Consignment;
  readonly health: Health;
  readonly observe: Observe;
  readonly retention: Retention;
  /** Versions of the scripts as they are now, whose texts stay; absent: texts are not looked at. */
  readonly currentVersions: (() => Promise<readonly string[]>) | undefined;
  /** Somebody asked workers to begin anew. */
  readonly onRestart: () => void;
}

const dayMs = 86_400_000;

// More than there can be: those that failed are dropped by age alone.
const all = 1_000_000_000;

/** Looks after the queues of a store. */
export class Upkeep {
  readonly #parts: UpkeepParts;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = true;
  #looking: Promise<void> = Promise.resolve();
  #restart: unknown;
  #nextTrim = 0;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
  }

  /** Begins, and notes what was asked before, which concerns nobody who starts now. */
  start(): void {
    this.#isStopped = false;
    // Not all workers of a house at the same moment.
    this.#nextTrim = performance.now() + Math.random() * limits.queueTrimMs;
    this.#restart = undefined;
    this.#again(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Takes over runs of lost workers; what is to happen for those that fail with them is queued at once. */
  async sweep(): Promise<void> {
    for (;;) {
      const { count, lost, announce } = await this.#parts.store.transaction((inside) => this.#take(inside));
      await announce();
      for (const run of lost) this.#tell(run);
      if (count < limits.queueSweepRows) return;
    }
  }

  async #take({ queue }: Pick<Store, 'queue'>) {
    const { performer, consign } = this.#parts;
    const swept = await queue.sweep(limits.queueSweepRows);
    const lost: QueuedRun[] = [];
    for (const { position, state } of swept) {
      const run = state === 'quarantined' || state === 'failed' ? await queue.get(position) : undefined;
      if (run !== undefined) lost.push(run);
    }
    const { runs, announce } = consign(lost.flatMap((run) => performer.onLost?.(run) ?? []));
    if (runs.length > 0) await queue.push(runs);
    return { count: swept.length, lost, announce };
  }

  /** Drops what is older than it is kept for. */
  async trim(): Promise<void> {
    const { retention, store, currentVersions } = this.#parts;
    const { doneDays, doneCount, failedDays } = retention;
    const leastMs = limits.queueDoneLeastMs;
    await this.#trimState({ state: 'done', olderThanMs: doneDays * dayMs, keep: doneCount, leastMs });
    for (const state of ['failed', 'cancelled', 'quarantined'] as const) {
      await this.#trimState({ state, olderThanMs: failedDays * dayMs, keep: all });
    }
    if (currentVersions === undefined) return;
    await store.scriptTexts.trim(await currentVersions(), doneDays * dayMs);
  }

  async #trimState(bounds: Omit<TrimBounds, 'atOnce'>): Promise<void> {
    const part = { ...bounds, atOnce: limits.queuePartRows };
    while (!this.#isStopped && (await this.#parts.store.queue.trim(part)) > 0);
  }

  #again(ms: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.#again(limits.queueSweepMs));
    }, ms);
  }

  async #look(): Promise<void> {
    const { health } = this.#parts;
    try {
      await this.sweep();
      await this.#lookForRestart();
      if (performance.now() >= this.#nextTrim) {
        this.#nextTrim = performance.now() + limits.queueTrimMs;
        await this.trim();
      }
      health.succeeded('upkeep');
    } catch (error) {
      health.failed('upkeep', error);
    }
  }

  async #lookForRestart(): Promise<void> {
    const { store, onRestart } = this.#parts;
    const asked = (await readRestart(store)) ?? null;
    const before = this.#restart;
    this.#restart = asked;
    if (before !== undefined && before !== asked) onRestart();
  }

  #tell(run: QueuedRun): void {
    this.#parts.observe(lostOf(run, run.state === 'failed' ? 'queue.failed' : 'queue.quarantined'));
  }
}

function lostOf(run: QueuedRun, kind: 'queue.quarantined' | 'queue.failed') {
  const { id, position, script, queue, connection, attempt, reason } = run;
  return { kind, id, position, script, queue, connection, attempt, reason };
}
