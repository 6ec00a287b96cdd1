// Queued runs and calls of workers for tests of the run store.
import { setTimeout } from 'node:timers/promises';
import type { ClaimedRun, ClaimRequest, NewQueuedRun, RunEnd, RunStore } from '../../core/queue.ts';
import type { Store } from '../../core/store.ts';

/** The queue that runs of tests wait in unless they say otherwise. */
export const place = { connection: 'database', queue: 'default' };

/** A run to be queued; `over` says what is special about it. */
export function newRun(id: string, over: Partial<NewQueuedRun> = {}): NewQueuedRun {
  return {
    ...place,
    id,
    script: 'hr._table.todo.post.queued',
    version: null,
    priority: 0,
    payload: '{"event":"ü"}',
    userId: 1,
    appId: null,
    roleId: null,
    tries: null,
    backoff: null,
    timeoutMs: null,
    uniqueKey: null,
    orderingKey: null,
    delivery: 'effects-once',
    delayMs: 0,
    ...over,
  };
}

/** Claims as a worker does. */
export function take(queue: RunStore, over: Partial<ClaimRequest> = {}) {
  const request = { connection: place.connection, queues: [place.queue], limit: 10, leaseMs: 15_000 };
  return queue.claim({ ...request, worker: 'w1', ...over });
}

/** Claims until there is nothing left: what cost a worker comes by itself. */
export async function takeAll(queue: RunStore): Promise<ClaimedRun[]> {
  const all: ClaimedRun[] = [];
  for (;;) {
    const some = await take(queue, { limit: 99 });
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** The ids of runs in their order. */
export function idsOf(runs: readonly { readonly id: string }[]): string[] {
  return runs.map(({ id }) => id);
}

/** The end of a run that went well. */
export function done({ position, token }: { readonly position: number; readonly token: string }): RunEnd {
  return { position, token, outcome: 'done' };
}

/** The end of a run that failed, for now or for good. */
export function failed(
  { position, token }: { readonly position: number; readonly token: string },
  delayMs?: number,
): RunEnd {
  const why = { position, token, reason: 'Error: no', logId: 'log-1' };
  return delayMs === undefined ? { ...why, outcome: 'failed' } : { ...why, outcome: 'retry', delayMs };
}

/** The only one of a claim. */
export async function takeOne(store: Store, leaseMs = 15_000): Promise<ClaimedRun> {
  const [run] = await take(store.queue, { limit: 1, leaseMs });
  if (run === undefined) throw new Error('nothing to claim');
  return run;
}

/** Waits for the clock of the database. */
export async function sleep(ms: number): Promise<void> {
  await setTimeout(ms);
}
