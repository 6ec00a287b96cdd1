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
import { nextDue, setPlace } from './places.ts';
import { Pushing } from './push.ts';
import type { QueueParts } from './rows.ts';
import { stats } from './stats.ts';
import { sweep } from './sweep.ts';

/** The queued runs of the system database. */
export class Queue implements RunStore {
  readonly #parts: QueueParts;
  readonly #pushing: Pushing;
  readonly #pushes: Group<NewQueuedRun, string>;
  readonly #ends: Group<RunEnd, boolean>;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#pushing = new Pushing(parts);
    this.#pushes = new Group((runs) => this.#pushing.push(runs));
    this.#ends = new Group((ends) => finish(parts, ends));
  }

  push(runs: readonly NewQueuedRun[]): Promise<string[]> {
    if (runs.length === 0) return Promise.resolve([]);
    return this.#parts.handle.isTransaction ? this.#pushing.push(runs) : this.#pushes.add(runs);
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

  release(holds: readonly Hold[]): Promise<boolean[]> {
    return holds.length === 0 ? Promise.resolve([]) : release(this.#parts, holds);
  }

  sweep(limit: number): Promise<SweptRun[]> {
    return sweep(this.#parts, limit);
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
    return retry(this.#parts, selection);
  }

  cancel(selection: RunSelection, reason: string): Promise<number> {
    return cancel(this.#parts, selection, reason);
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
    return setPlace(this.#parts, place, { is_paused: 0 });
  }

  limit(place: QueuePlace, { concurrency, rate }: QueueLimits): Promise<void> {
    const { count: starts = null, periodMs = null } = rate ?? {};
    return setPlace(this.#parts, place, { concurrency, rate_count: starts, rate_ms: periodMs });
  }

  stats(): Promise<QueueStats[]> {
    return stats(this.#parts);
  }

  nextDue(place: Pick<ClaimRequest, 'connection' | 'queues'>): Promise<number | undefined> {
    return nextDue(this.#parts, place);
  }

  trim(bounds: TrimBounds): Promise<number> {
    return trim(this.#parts, bounds);
  }
}
