// What people do with queued runs; part of the suite of the run store.
import { describe, expect, it } from 'vitest';
import type { Where } from '../../core/query.ts';
import type { ClaimedRun } from '../../core/queue.ts';
import type { Store } from '../../core/store.ts';
import { done, failed, idsOf, newRun, place, sleep, take, takeOne } from './fixture.ts';

/** Defines the tests. */
export function byHand(store: () => Store): void {
  describe('by hand', () => {
    looking(store);
    changing(store);
    dropping(store);
  });
}

const is = (field: string, value: string | number): Where => ({ kind: 'compare', field, op: '=', value });

function looking(store: () => Store): void {
  it('lists, orders, pages and counts by conditions', async () => {
    await store().queue.push([newRun('a', { priority: 1 }), newRun('b'), newRun('c', { queue: 'x' })]);
    const listed = (where?: Where) => store().queue.list({ where, limit: 10 }).then(idsOf);
    expect(await listed()).toEqual(['c', 'b', 'a']);
    expect(await listed(is('queue', 'default'))).toEqual(['b', 'a']);
    expect(await listed({ kind: 'and', terms: [is('state', 'ready'), is('priority', 1)] })).toEqual(['a']);
    expect(await listed({ kind: 'and', terms: [] })).toEqual(['c', 'b', 'a']);
    const order = [{ field: 'priority', descending: true }];
    expect(idsOf(await store().queue.list({ order, limit: 2, skip: 1 }))).toEqual(['c', 'b']);
    expect(await store().queue.count(is('queue', 'x'))).toBe(1);
  });

  it('cancels what waits at once, and tells the workers of what runs', async () => {
    await store().queue.push([newRun('a'), newRun('b'), newRun('c')]);
    const run = await takeOne(store());
    expect(await store().queue.cancel({ ids: ['a', 'b', 'z'] }, 'by ada')).toBe(2);
    expect(await store().queue.get('b')).toMatchObject({ state: 'cancelled', reason: 'by ada' });
    expect(await store().queue.get('a')).toMatchObject({ state: 'running', isCancelling: true });
    expect(await store().queue.beat([run], 15_000)).toEqual(['cancel']);
    // Failing is an end, too: it is not tried again.
    expect(await store().queue.finish([failed(run, 0)])).toEqual([true]);
    const over = { state: 'cancelled', isCancelling: false, reason: 'by ada' };
    expect(await store().queue.get('a')).toMatchObject(over);
    expect(idsOf(await take(store().queue))).toEqual(['c']);
  });

  it('cancels what a lost or stopping worker was asked to stop', async () => {
    await store().queue.push([newRun('a'), newRun('b')]);
    const [a] = await take(store().queue, { limit: 1, leaseMs: 0 });
    const b = await takeOne(store());
    await store().queue.cancel({ positions: [a?.position ?? 0, b.position] }, 'by ada');
    await sleep(5);
    expect(await store().queue.sweep(10)).toMatchObject([{ id: 'a', state: 'cancelled' }]);
    expect(await store().queue.release([b])).toEqual([true]);
    expect(await store().queue.get('b')).toMatchObject({ state: 'cancelled' });
  });
}

function changing(store: () => Store): void {
  it('retries what failed, under its id, from the beginning', async () => {
    await store().queue.push([newRun('a', { uniqueKey: 'k' }), newRun('b')]);
    await store().queue.finish((await take(store().queue)).map((run) => failed(run)));
    expect(await store().queue.retry({ where: is('state', 'failed') })).toBe(2);
    expect(await store().queue.retry({ ids: ['a'] })).toBe(0);
    const again = await take(store().queue);
    expect(again).toMatchObject([
      { id: 'a', attempt: 0, crashes: 0, reason: null, finishedDate: null },
      { id: 'b', fence: 2 },
    ]);
    await store().queue.finish(again.map(done));
    expect(await store().queue.retry({ ids: ['a', 'b'] })).toBe(0);
  });

  it('does not retry what another run stands for by now', async () => {
    for (const id of ['a', 'b', 'c']) {
      expect(await store().queue.push([newRun(id, { uniqueKey: 'k' })])).toEqual([id]);
      if (id !== 'c') await store().queue.finish([failed(await takeOne(store()))]);
    }
    expect(await store().queue.retry({ where: undefined })).toBe(0);
    await store().queue.finish([failed(await takeOne(store()))]);
    expect(await store().queue.retry({ where: undefined })).toBe(1);
    expect(await store().queue.get('a')).toMatchObject({ state: 'ready', uniqueKey: 'k' });
  });
}

function dropping(store: () => Store): void {
  it('forgets what is over, and nothing else', async () => {
    await store().queue.push(['a', 'b', 'c'].map((id) => newRun(id)));
    const [a, b] = (await take(store().queue, { limit: 2 })) as [ClaimedRun, ClaimedRun];
    await store().queue.finish([done(a)]);
    expect(await store().queue.forget({ ids: ['a', 'b', 'c'] })).toBe(1);
    await store().queue.finish([failed(b)]);
    expect(await store().queue.flush({ queue: 'other' })).toBe(0);
    expect(await store().queue.flush(place)).toBe(1);
    expect(await store().queue.flush()).toBe(0);
    expect(idsOf(await store().queue.list({ limit: 10 }))).toEqual(['c']);
  });

  it('changes more than one part', async () => {
    await store().queue.push(Array.from({ length: 1_100 }, (_, at) => newRun(`r${at}`)));
    expect(await store().queue.cancel({ where: is('queue', 'default') }, 'all')).toBe(1_100);
    expect(await store().queue.retry({ where: undefined })).toBe(1_100);
    await store().queue.cancel({ where: undefined }, 'all');
    expect(await store().queue.forget({ where: is('state', 'cancelled') })).toBe(1_100);
  }, 30_000);

  it('drops the oldest that are done, by age and by number', async () => {
    await store().queue.push(['a', 'b', 'c', 'd', 'e'].map((id) => newRun(id)));
    const runs = await take(store().queue, { limit: 4 });
    await store().queue.finish(runs.map(done));
    const bounds = { state: 'done', olderThanMs: 60_000, keep: 3, atOnce: 10 } as const;
    expect(await store().queue.trim(bounds)).toBe(1);
    expect(await store().queue.trim(bounds)).toBe(0);
    await sleep(5);
    expect(await store().queue.trim({ ...bounds, olderThanMs: 1, keep: 9, atOnce: 2 })).toBe(2);
    expect(await store().queue.trim({ ...bounds, state: 'failed', keep: 0 })).toBe(0);
    expect(idsOf(await store().queue.list({ limit: 10 }))).toEqual(['e', 'd']);
  });
}
