// The run store of queues on the system database. Invariant: in a transaction of the caller's everything
// happens in that transaction; outside, calls of one turn of the event loop share one.

import type { Where } from '../../core/query.ts';
import type {
  Beat,
  ClaimedRun,
  ClaimRequest,
  Hold,
  NewQueuedRun,
  QueuedRun,
  QueuedRunQuery,
  QueueLimits,
  QueuePlace,
  QueueStats,
  RunEnd,
  RunSelection,
  RunStore,
  SweptRun,
  TrimBounds,
} from '../../core/queue.ts';
import { cancel, count, forget, get, list, retry, trim } from './bulk.ts';
import { claim } from './claim.ts';
import { beat, finish, release } from './finish.ts';
import { Group } from './group.ts';
import { type EffectsNote, noteEffects, recall, remember } from './memos.ts';
import { nextDue, queuesOf, setPlace } from './places.ts';
import { Pushing } from './push.ts';
import type { QueueParts } from './rows.ts';
import type { Told } from './signal.ts';
import { stats } from './stats.ts';
import { sweep } from './sweep.ts';

/** The queued runs of the system database. */
export class Queue implements RunStore {
  readonly #parts: QueueParts;
  readonly #told: Told;
  readonly #pushing: Pushing;
  readonly #pushes: Group<NewQueuedRun, string>;
  readonly #ends: Group<RunEnd, boolean>;
  readonly #notes: Group<EffectsNote, boolean>;

  constructor({ told, ...parts }: QueueParts & { readonly told: Told }) {
    this.#parts = parts;
    this.#told = told;
    this.#pushing = new Pushing(parts);
    this.#pushes = new Group((runs) => this.#pushing.push(runs));
    this.#ends = new Group((ends) => finish(parts, ends));
    this.#notes = new Group((notes) => noteEffects(parts, notes));
  }

  async push(runs: readonly NewQueuedRun[]): Promise<string[]> {
    if (runs.length === 0) return [];
    const isInside = this.#parts.handle.isTransaction;
    const ids = await (isInside ? this.#pushing.push(runs) : this.#pushes.add(runs));
    for (const connection of new Set(runs.map((run) => run.connection))) this.#told.tell(connection);
    return ids;
  }

  claim(request: ClaimRequest): Promise<ClaimedRun[]> {
    return claim(this.#parts, request);
  }

  beat(holds: readonly Hold[], leaseMs: number): Promise<Beat[]> {
    return holds.length === 0 ? Promise.resolve([]) : beat(this.#parts, holds, leaseMs);
  }

  finish(ends: readonly RunEnd[]): Promise<boolean[]> {
    if (ends.length === 0) return Promise.resolve([]);
    return this.#parts.handle.isTransaction ? finish(this.#parts, ends) : this.#ends.add(ends);
  }

  async noteEffects(hold: Hold, service: string): Promise<boolean> {
    const note = { hold, service };
    const isInside = this.#parts.handle.isTransaction;
    const [counted] = await (isInside ? noteEffects(this.#parts, [note]) : this.#notes.add([note]));
    return counted === true;
  }

  recall(hold: Hold, key: string): Promise<string | undefined> {
    return recall(this.#parts, hold, key);
  }

  remember(hold: Hold, key: string, value: string): Promise<boolean> {
    return remember(this.#parts, hold, { key, value });
  }

  release(holds: readonly Hold[]): Promise<boolean[]> {
    return holds.length === 0 ? Promise.resolve([]) : this.#freeing(release(this.#parts, holds));
  }

  sweep(limit: number): Promise<SweptRun[]> {
    return this.#freeing(sweep(this.#parts, limit));
  }

  // Others may start now what nobody pushed.
  async #freeing<T>(work: Promise<T>): Promise<T> {
    const result = await work;
    if (!Array.isArray(result) || result.length > 0) this.#told.tell('');
    return result;
  }

  list(query: QueuedRunQuery): Promise<QueuedRun[]> {
    return list(this.#parts, query);
  }

  get(key: string | number): Promise<QueuedRun | undefined> {
    return get(this.#parts, key);
  }

  count(where?: Where): Promise<number> {
    return count(this.#parts, where);
  }

  retry(selection: RunSelection): Promise<number> {
    return this.#freeing(retry(this.#parts, selection));
  }

  cancel(selection: RunSelection, reason: string): Promise<number> {
    return this.#freeing(cancel(this.#parts, selection, reason));
  }

  forget(selection: RunSelection): Promise<number> {
    return forget(this.#parts, selection);
  }

  flush({ connection, queue }: Partial<QueuePlace> = {}): Promise<number> {
    const terms: Where[] = [{ kind: 'in', field: 'state', values: ['failed', 'quarantined'] }];
    if (connection !== undefined)
      terms.push({ kind: 'compare', field: 'connection', op: '=', value: connection });
    if (queue !== undefined) terms.push({ kind: 'compare', field: 'queue', op: '=', value: queue });
    return forget(this.#parts, { where: { kind: 'and', terms } });
  }

  pause(place: QueuePlace): Promise<void> {
    return setPlace(this.#parts, place, { is_paused: 1 });
  }

  resume(place: QueuePlace): Promise<void> {
    return this.#freeing(setPlace(this.#parts, place, { is_paused: 0 }));
  }

  limit(place: QueuePlace, { concurrency, rate }: QueueLimits): Promise<void> {
    const { count: starts = null, periodMs = null } = rate ?? {};
    return this.#freeing(
      setPlace(this.#parts, place, { concurrency, rate_count: starts, rate_ms: periodMs }),
    );
  }

  stats(): Promise<QueueStats[]> {
    return stats(this.#parts);
  }

  nextDue(place: Pick<ClaimRequest, 'connection' | 'queues'>): Promise<number | undefined> {
    return nextDue(this.#parts, place);
  }

  queuesOf(connection: string): Promise<string[]> {
    return queuesOf(this.#parts, connection);
  }

  trim(bounds: TrimBounds): Promise<number> {
    return trim(this.#parts, bounds);
  }
}
