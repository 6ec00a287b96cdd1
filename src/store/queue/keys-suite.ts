// Ordering keys, unique keys, pausing, limits and what is told of queues; part of the suite of the run store.
import { describe, expect, it } from 'vitest';
import type { ClaimedRun } from '../../core/queue.ts';
import type { Store } from '../../core/store.ts';
import { done, failed, idsOf, newRun, place, take } from './fixture.ts';

/** Defines the tests. */
export function keysAndLimits(store: () => Store): void {
  describe('ordering keys', () => {
    orderingKeys(store);
    orderingKeysHeldUp(store);
  });
  describe('unique keys', () => uniqueKeys(store));
  describe('queues', () => queues(store));
}

const due = (store: Store) => store.queue.nextDue({ connection: 'database', queues: ['default'] });

const keyed = (id: string, over = {}) => newRun(id, { orderingKey: 'k', ...over });

async function takeOne(store: Store): Promise<ClaimedRun> {
  const runs = await take(store.queue);
  expect(runs).toHaveLength(1);
  return runs[0] as ClaimedRun;
}

function orderingKeys(store: () => Store): void {
  it('start one at a time, in order, whatever their priority; others pass', async () => {
    await store().queue.push([
      keyed('a'),
      keyed('b', { priority: 9 }),
      newRun('x', { orderingKey: 'other' }),
      newRun('y'),
      keyed('c', { queue: 'second' }),
    ]);
    const queues = ['second', 'default'];
    expect(idsOf(await take(store().queue, { queues, limit: 9 }))).toEqual(['a', 'x', 'y']);
    expect(await take(store().queue, { queues })).toEqual([]);
    // That its end was asked for is not its end.
    await store().queue.cancel({ ids: ['a'] }, 'by ada');
    expect(await take(store().queue, { queues })).toEqual([]);
  });

  it('go on when one ends, however it ends', async () => {
    await store().queue.push(['a', 'b', 'c', 'd', 'e'].map((id) => keyed(id)));
    const ends = [done, (run: ClaimedRun) => failed(run)];
    const started: string[] = [];
    for (const end of ends) {
      const run = await takeOne(store());
      started.push(run.id);
      expect(await take(store().queue)).toEqual([]);
      await store().queue.finish([end(run)]);
    }
    const third = await takeOne(store());
    await store().queue.cancel({ ids: ['c'] }, 'by ada');
    await store().queue.release([third]);
    const fourth = await takeOne(store());
    await store().queue.finish([done(fourth)]);
    expect([...started, third.id, fourth.id, (await takeOne(store())).id]).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
}

function orderingKeysHeldUp(store: () => Store): void {
  it('wait for one that is tried again, given back or lost', async () => {
    await store().queue.push([keyed('a'), keyed('b')]);
    const first = await takeOne(store());
    await store().queue.finish([failed(first, 60_000)]);
    expect(await take(store().queue)).toEqual([]);
    await store().queue.cancel({ ids: ['a'] }, 'no');
    const second = await takeOne(store());
    expect(second.id).toBe('b');
    await store().queue.push([keyed('c')]);
    expect(await take(store().queue)).toEqual([]);
    await store().queue.release([second]);
    expect(idsOf(await take(store().queue, { leaseMs: 0 }))).toEqual(['b']);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await store().queue.sweep(10);
    expect((await takeOne(store())).id).toBe('b');
  });

  it('never run beside one that is retried by hand', async () => {
    await store().queue.push([keyed('a'), keyed('b'), keyed('c')]);
    await store().queue.finish([failed(await takeOne(store()))]);
    const second = await takeOne(store());
    await store().queue.retry({ ids: ['a'] });
    expect(await take(store().queue)).toEqual([]);
    await store().queue.finish([done(second)]);
    const again = await takeOne(store());
    expect(again.id).toBe('a');
    await store().queue.finish([done(again)]);
    expect((await takeOne(store())).id).toBe('c');
  });

  it('do not hold up others, however many wait', async () => {
    await store().queue.push(Array.from({ length: 100 }, (_, at) => keyed(`k${at}`)));
    await store().queue.push([newRun('x')]);
    const seen: string[] = [];
    // Each look puts back what it finds; a few bring up what is behind.
    for (let look = 0; look < 3; look++) seen.push(...idsOf(await take(store().queue, { limit: 20 })));
    expect(seen.sort()).toEqual(['k0', 'x']);
    expect(await due(store())).toBeUndefined();
  });
}

function uniqueKeys(store: () => Store): void {
  it('let one wait or run at a time, and tell which', async () => {
    const one = (id: string) => newRun(id, { uniqueKey: 'k' });
    expect(await store().queue.push([one('a'), one('b'), newRun('x')])).toEqual(['a', 'a', 'x']);
    expect(await store().queue.push([one('c')])).toEqual(['a']);
    const [run] = (await take(store().queue)) as [ClaimedRun];
    expect(await store().queue.push([one('d')])).toEqual(['a']);
    await store().queue.finish([failed(run, 60_000)]);
    expect(await store().queue.push([one('e')])).toEqual(['a']);
    await store().queue.cancel({ ids: ['a'] }, 'no');
    expect(await store().queue.push([one('f')])).toEqual(['f']);
    expect(await store().queue.push([one('a')])).toEqual(['a']);
    expect(await store().queue.count()).toBe(3);
  });

  it('differ by case and are any text', async () => {
    const keys = ['k', 'K', ' k', "'", '\u{1F600}'.repeat(100)];
    const ids = await store().queue.push(keys.map((uniqueKey, at) => newRun(`${at}`, { uniqueKey })));
    expect(ids).toEqual(['0', '1', '2', '3', '4']);
    expect(await store().queue.push([newRun('5', { uniqueKey: 'k  ' })])).toEqual(['0']);
  });

  it('and without one, are pushed together however large they are', async () => {
    const large = (id: string) => newRun(id, { payload: JSON.stringify('x'.repeat(6_000_000)) });
    const ids = ['l1', 'l2', 'l3'];
    const pushed = await Promise.all(ids.map((id) => store().queue.push([large(id), newRun(`s ${id}`)])));
    expect(pushed).toEqual(ids.map((id) => [id, `s ${id}`]));
    const lengths = (await take(store().queue)).map(({ payload }) => payload.length);
    expect(lengths.filter((length) => length === 6_000_002)).toHaveLength(3);
  });

  it('may have signs that no database keeps, and so may reasons and memos', async () => {
    const signs = ['a\u0000b', '\ud800', 'x\udfff y'];
    for (const [at, sign] of signs.entries()) {
      const keys = { uniqueKey: sign, orderingKey: `${sign}!` };
      expect(await store().queue.push([newRun(`n${at}`, keys)])).toEqual([`n${at}`]);
      expect(await store().queue.push([newRun(`m${at}`, keys)])).toEqual([`n${at}`]);
      const [run] = (await take(store().queue)) as [ClaimedRun];
      await store().queue.remember(run, sign, JSON.stringify(sign));
      expect(await store().queue.recall(run, sign)).toBe(JSON.stringify(sign));
      const over = { ...failed(run), reason: `Error: ${sign}` };
      expect(await store().queue.finish([over])).toEqual([true]);
      expect((await store().queue.get(run.position))?.state).toBe('failed');
    }
  });
}

function queues(store: () => Store): void {
  it('that are paused give nothing until they are resumed', async () => {
    await store().queue.push([newRun('a'), newRun('b', { queue: 'other' })]);
    await store().queue.pause(place);
    expect(idsOf(await take(store().queue, { queues: ['default', 'other'] }))).toEqual(['b']);
    expect(await due(store())).toBeUndefined();
    await store().queue.pause(place);
    await store().queue.resume(place);
    expect(await due(store())).toBe(0);
    expect(idsOf(await take(store().queue))).toEqual(['a']);
  });

  it('run no more at once than they may', async () => {
    await store().queue.limit(place, { concurrency: 2, rate: null });
    await store().queue.push(['a', 'b', 'c', 'd'].map((id) => newRun(id)));
    const [first] = await take(store().queue);
    expect(await take(store().queue)).toEqual([]);
    expect(await due(store())).toBeUndefined();
    await store().queue.finish(first === undefined ? [] : [done(first)]);
    expect(await due(store())).toBe(0);
    expect(idsOf(await take(store().queue))).toEqual(['c']);
    await store().queue.limit(place, { concurrency: null, rate: null });
    expect(idsOf(await take(store().queue))).toEqual(['d']);
  });

  it('start no more per period than they may', async () => {
    await store().queue.limit(place, { concurrency: null, rate: { count: 3, periodMs: 1_000 } });
    await store().queue.push(['a', 'b', 'c', 'd', 'e'].map((id) => newRun(id)));
    expect(idsOf(await take(store().queue, { limit: 2 }))).toEqual(['a', 'b']);
    expect(idsOf(await take(store().queue))).toEqual(['c']);
    expect(await take(store().queue)).toEqual([]);
    const wait = (await due(store())) ?? Infinity;
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(1_000);
    await new Promise((resolve) => setTimeout(resolve, wait + 5));
    expect(await due(store())).toBe(0);
    expect(idsOf(await take(store().queue))).toEqual(['d', 'e']);
  });

  it('tell what is in them', async () => {
    const limits = { concurrency: 5, rate: { count: 100, periodMs: 60_000 } };
    await store().queue.limit({ connection: 'database', queue: 'empty' }, limits);
    await store().queue.pause({ connection: 'database', queue: 'empty' });
    await store().queue.push(['a', 'b', 'c', 'd'].map((id) => newRun(id)));
    await store().queue.push([newRun('e', { delayMs: 60_000 })]);
    const [a, b] = (await take(store().queue, { limit: 3 })) as [ClaimedRun, ClaimedRun];
    await store().queue.finish([done(a), failed(b)]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const [first, second] = await store().queue.stats();
    const none = { ready: 0, delayed: 0, running: 0, failed: 0, cancelled: 0, quarantined: 0 };
    const counts = { ...none, ready: 1, delayed: 1, running: 1, failed: 1 };
    expect(first).toMatchObject({ ...place, isPaused: false, counts });
    expect(first?.lagMs).toBeGreaterThanOrEqual(9);
    expect(second).toMatchObject({ queue: 'empty', isPaused: true, limits, counts: none, lagMs: 0 });
  });

  it('count each run once, also those behind others of their key', async () => {
    const { queue } = store();
    await queue.push(['a', 'b', 'c'].map((id) => keyed(id)));
    await queue.push([keyed('d', { delayMs: 60_000 }), newRun('e'), newRun('f', { queue: 'second' })]);
    await queue.cancel({ ids: ['e'] }, 'nobody wants it');
    expect(idsOf(await take(queue))).toEqual(['a']);
    const none = { ready: 0, delayed: 0, running: 0, failed: 0, cancelled: 0, quarantined: 0 };
    expect((await queue.stats()).map(({ queue: name, counts }) => [name, counts])).toEqual([
      ['default', { ...none, ready: 2, delayed: 1, running: 1, cancelled: 1 }],
      ['second', { ...none, ready: 1 }],
    ]);
  });
}
