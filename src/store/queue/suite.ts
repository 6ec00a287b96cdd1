// What the run store promises on every engine. Each engine's test calls this with a way to empty the database
// and to open a store on it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClaimedRun } from '../../core/queue.ts';
import type { Store } from '../../core/store.ts';
import { contention } from './contention-suite.ts';
import { done, failed, idsOf, newRun, place, sleep, take, takeOne } from './fixture.ts';
import { byHand } from './hand-suite.ts';
import { keysAndLimits } from './keys-suite.ts';
import { notesAndSignals } from './notes-suite.ts';

/** A system database for tests. */
export interface QueueDatabase {
  /** Makes it as it is when it is new. */
  empty(): Promise<void>;
  /** Another server's store on it. */
  open(): Promise<Store>;
}

/** Defines the conformance tests of the run store. */
export function queueSuite(name: string, database: () => QueueDatabase): void {
  describe(`queue on ${name}`, () => {
    const opened: Store[] = [];
    const open = async () => {
      const store = await database().open();
      opened.push(store);
      return store;
    };
    beforeEach(async () => {
      await database().empty();
      await open();
    }, 30_000);
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });
    const store = () => {
      const [first] = opened;
      if (first === undefined) throw new Error('no store is open');
      return first;
    };
    describe('pushing', () => {
      pushing(store);
      pushingWithOthers(store);
    });
    describe('claiming', () => claiming(store));
    describe('finishing', () => finishing(store));
    describe('lost workers', () => lostWorkers(store));
    byHand(store);
    keysAndLimits(store);
    notesAndSignals(store, open);
    contention(store, open);
  });
}

function pushing(store: () => Store): void {
  it('keeps every field, with a position that grows', async () => {
    const all = { version: 'v1', priority: -3, userId: 7, appId: 8, roleId: 9, tries: 5, timeoutMs: 5_000 };
    const keys = {
      backoff: '{"ms":10}',
      uniqueKey: 'u',
      orderingKey: 'o',
      delivery: 'at-most-once' as const,
    };
    const { delayMs: _delay, ...run } = newRun('a', { ...all, ...keys });
    expect(await store().queue.push([newRun('a', { ...all, ...keys }), newRun('b')])).toEqual(['a', 'b']);
    const kept = await store().queue.get('a');
    expect(kept).toMatchObject({ ...run, state: 'ready', attempt: 0, crashes: 0, fence: 0, worker: null });
    expect(kept?.availableDate).toBe(kept?.createdDate);
    expect(kept).toMatchObject({ startedDate: null, finishedDate: null, leaseUntil: null, reason: null });
    expect(kept).not.toHaveProperty('token');
    const second = await store().queue.get('b');
    expect(second?.position).toBeGreaterThan(kept?.position ?? Infinity);
    expect(await store().queue.get(kept?.position ?? 0)).toEqual(kept);
    expect(await store().queue.get('c')).toBeUndefined();
  });

  it('takes times from the clock of the database', async () => {
    await store().queue.push([newRun('a'), newRun('b', { delayMs: 3_600_000 })]);
    const [now, later] = [await store().queue.get('a'), await store().queue.get('b')];
    expect(Math.abs((now?.createdDate ?? 0) - Date.now())).toBeLessThan(5_000);
    expect((later?.availableDate ?? 0) - (later?.createdDate ?? 0)).toBe(3_600_000);
    const due = await store().queue.nextDue({ connection: 'database', queues: ['default'] });
    expect(due).toBe(0);
    expect(idsOf(await take(store().queue))).toEqual(['a']);
    const next = await store().queue.nextDue({ connection: 'database', queues: ['default'] });
    expect(next).toBeGreaterThan(3_590_000);
    expect(next).toBeLessThanOrEqual(3_600_000);
  });

  it('takes a run that is handed over twice once', async () => {
    await store().queue.push([newRun('a')]);
    expect(await store().queue.push([newRun('a', { payload: '2' }), newRun('b')])).toEqual(['a', 'b']);
    expect(await store().queue.count()).toBe(2);
    expect((await store().queue.get('a'))?.payload).toBe(newRun('a').payload);
  });

  it('takes many at once, and calls of one turn, each with its own answer', async () => {
    const many = Array.from({ length: 1_203 }, (_, at) => newRun(`m${at}`));
    const single = Array.from({ length: 70 }, (_, at) => store().queue.push([newRun(`s${at}`)]));
    expect(await store().queue.push(many)).toEqual(idsOf(many));
    expect(await Promise.all(single)).toEqual(Array.from({ length: 70 }, (_, at) => [`s${at}`]));
    expect(await store().queue.count()).toBe(1_273);
    expect(await store().queue.push([])).toEqual([]);
  });
}

function pushingWithOthers(store: () => Store): void {
  it('refuses what its columns do not hold, and nothing else of the same turn', async () => {
    const bad = [{ uniqueKey: 'x'.repeat(256) }, { orderingKey: 'x'.repeat(256) }, { queue: 'x'.repeat(65) }];
    const pushed = [...bad, { priority: 0.5 }, { priority: 1e9 }].map((over) =>
      store().queue.push([newRun('a'), newRun('b', over)]),
    );
    const good = store().queue.push([newRun('c', { uniqueKey: 'x'.repeat(255), queue: 'x'.repeat(64) })]);
    for (const one of await Promise.allSettled(pushed)) {
      expect(one).toMatchObject({ status: 'rejected', reason: { kind: 'request.invalid_parameter' } });
    }
    expect(await good).toEqual(['c']);
    expect(await store().queue.count()).toBe(1);
  });

  it('is part of the transaction it is called in', async () => {
    const failing = store().transaction(async (inside) => {
      await inside.queue.push([newRun('a')]);
      expect(idsOf(await take(inside.queue))).toEqual(['a']);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await store().queue.count()).toBe(0);
    await store().transaction((inside) => inside.queue.push([newRun('a')]));
    expect(await store().queue.count()).toBe(1);
  });

  it('is no configuration', async () => {
    const before = await store().generation();
    await store().queue.push([newRun('a')]);
    await store().queue.pause(place);
    expect(await store().generation()).toBe(before);
  });
}

function claiming(store: () => Store): void {
  it('takes by priority, then by date, then by position', async () => {
    const first = [
      newRun('low', { priority: -1 }),
      newRun('a'),
      newRun('high', { priority: 9 }),
      newRun('b'),
    ];
    await store().queue.push(first);
    await store().queue.push([newRun('late', { priority: 99, delayMs: 60_000 })]);
    expect(idsOf(await take(store().queue, { limit: 3 }))).toEqual(['high', 'a', 'b']);
    expect(idsOf(await take(store().queue))).toEqual(['low']);
    expect(await take(store().queue)).toEqual([]);
  });

  it('takes from the first queue what it has, then from the next, and from no other', async () => {
    await store().queue.push([
      newRun('a', { queue: 'low', priority: 5 }),
      newRun('b', { queue: 'high' }),
      newRun('c', { queue: 'other' }),
      newRun('d', { queue: 'high', connection: 'elsewhere' }),
    ]);
    expect(idsOf(await take(store().queue, { queues: ['high', 'low'] }))).toEqual(['b', 'a']);
    expect(await take(store().queue, { queues: [] })).toEqual([]);
    expect(await take(store().queue, { queues: ['other'], limit: 0 })).toEqual([]);
  });

  it('tells who holds a run, until when, and counts its claims', async () => {
    await store().queue.push([newRun('a')]);
    const run = await takeOne(store());
    expect(run).toMatchObject({ state: 'running', worker: 'w1', fence: 1, attempt: 0 });
    expect(run.token).toMatch(/^[0-9a-f]{16}$/);
    expect((run.leaseUntil ?? 0) - (run.startedDate ?? 0)).toBe(15_000);
    const { token: _token, ...kept } = run;
    expect(await store().queue.get('a')).toEqual(kept);
    await store().queue.release([run]);
    const again = await takeOne(store());
    expect(again).toMatchObject({ fence: 2, crashes: 0, attempt: 0 });
    expect(again.token).not.toBe(run.token);
  });

  it('takes those whose time has come', async () => {
    await store().queue.push([newRun('a', { delayMs: 150 }), newRun('b', { delayMs: 150, priority: 1 })]);
    expect(await take(store().queue)).toEqual([]);
    await sleep(200);
    expect(idsOf(await take(store().queue))).toEqual(['b', 'a']);
  });
}

function finishing(store: () => Store): void {
  it('ends runs once, each as it is told', async () => {
    await store().queue.push(['a', 'b', 'c', 'd'].map((id) => newRun(id, { uniqueKey: `key ${id}` })));
    const [a, b, c, d] = (await take(store().queue)) as [ClaimedRun, ClaimedRun, ClaimedRun, ClaimedRun];
    const cancelled = { ...done(d), outcome: 'cancelled', reason: 'stopped', logId: null } as const;
    const ends = [done(a), failed(b), failed(c, 60_000), cancelled];
    expect(await store().queue.finish(ends)).toEqual([true, true, true, true]);
    expect(await store().queue.finish(ends)).toEqual([false, false, false, false]);
    expect(await store().queue.get('a')).toMatchObject({ state: 'done', leaseUntil: null, worker: null });
    const why = { reason: 'Error: no', logId: 'log-1', attempt: 1 };
    expect(await store().queue.get('b')).toMatchObject({ ...why, state: 'failed' });
    expect(await store().queue.get('c')).toMatchObject({ ...why, state: 'ready', finishedDate: null });
    expect(await store().queue.get('d')).toMatchObject({ state: 'cancelled', reason: 'stopped', attempt: 0 });
    expect(await take(store().queue)).toEqual([]);
    const next = await store().queue.push(['e', 'f', 'g'].map((id, at) => newRun(id, keyOf(at))));
    expect(next).toEqual(['e', 'f', 'c']);
  });
  const keyOf = (at: number) => ({ uniqueKey: `key ${['a', 'b', 'c'][at]}` });

  it('starts a failed run again after its pause, or at once', async () => {
    await store().queue.push([newRun('a'), newRun('b')]);
    const [a, b] = (await take(store().queue)) as [ClaimedRun, ClaimedRun];
    await store().queue.finish([failed(a, 150), failed(b, 0)]);
    expect(await take(store().queue)).toMatchObject([{ id: 'b', attempt: 1, fence: 2 }]);
    await sleep(200);
    expect(await take(store().queue)).toMatchObject([{ id: 'a', attempt: 1 }]);
  });

  it('takes no word from who does not hold the run', async () => {
    await store().queue.push([newRun('a')]);
    const run = await takeOne(store());
    const stranger = { position: run.position, token: '0'.repeat(16) };
    expect(await store().queue.finish([done(stranger), failed(stranger), done(run)])).toEqual([
      false,
      false,
      true,
    ]);
    expect(await store().queue.beat([stranger, run], 1_000)).toEqual(['lost', 'lost']);
    expect(await store().queue.release([run])).toEqual([false]);
    expect(await store().queue.finish([done({ position: 4_711, token: run.token })])).toEqual([false]);
  });

  it('finishes with what else a transaction does, or not at all', async () => {
    await store().queue.push([newRun('a')]);
    const run = await takeOne(store());
    const failing = store().transaction(async (inside) => {
      expect(await inside.queue.finish([done(run)])).toEqual([true]);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await store().queue.finish([done(run)])).toEqual([true]);
  });

  it('extends leases', async () => {
    await store().queue.push([newRun('a')]);
    const run = await takeOne(store(), 300);
    expect(await store().queue.beat([run], 60_000)).toEqual(['held']);
    await sleep(350);
    expect(await store().queue.sweep(10)).toEqual([]);
    expect(await store().queue.finish([done(run)])).toEqual([true]);
    expect(await store().queue.beat([], 1)).toEqual([]);
  });
}

function lostWorkers(store: () => Store): void {
  const lose = async () => {
    const runs = await take(store().queue, { leaseMs: 0 });
    await sleep(5);
    return runs;
  };

  it('gives their runs to others, and puts aside what costs too many', async () => {
    await store().queue.push([newRun('a')]);
    for (let crash = 1; crash <= 3; crash++) {
      const [run] = await lose();
      expect(run).toMatchObject({ crashes: crash - 1, attempt: 0 });
      expect(await store().queue.sweep(10)).toMatchObject([{ id: 'a', state: 'ready' }]);
      expect(await store().queue.finish(run === undefined ? [] : [done(run)])).toEqual([false]);
    }
    await lose();
    expect(await store().queue.sweep(10)).toMatchObject([{ id: 'a', state: 'quarantined' }]);
    expect(await store().queue.sweep(10)).toEqual([]);
    const kept = await store().queue.get('a');
    expect(kept).toMatchObject({ state: 'quarantined', crashes: 4, attempt: 0, worker: null });
    expect(kept?.reason).toContain('lost');
  });

  it('gives what cost a worker by itself, so that the next loss is its own', async () => {
    const { queue } = store();
    await queue.push([newRun('a'), newRun('b')]);
    expect(await lose()).toHaveLength(2);
    expect(await queue.sweep(10)).toHaveLength(2);
    await queue.push([newRun('c', { priority: 1 }), newRun('d')]);
    const claims: string[][] = [];
    for (let claim = 0; claim < 5; claim++) claims.push(idsOf(await take(queue)));
    // Fresh ones go before it by priority, and never with it.
    expect(claims).toEqual([['c'], ['a'], ['b'], ['d'], []]);
  });

  it('never starts a run again that may be started only once', async () => {
    await store().queue.push([newRun('a', { delivery: 'at-most-once' }), newRun('b')]);
    expect(await lose()).toHaveLength(2);
    const swept = await store().queue.sweep(10);
    expect(swept.map(({ id, state }) => [id, state]).sort()).toEqual([
      ['a', 'failed'],
      ['b', 'ready'],
    ]);
    expect(await store().queue.get('a')).toMatchObject({ reason: 'interrupted', attempt: 0 });
  });

  it('looks at a part at a time', async () => {
    await store().queue.push([newRun('a'), newRun('b'), newRun('c')]);
    await lose();
    expect(await store().queue.sweep(2)).toHaveLength(2);
    expect(await store().queue.sweep(2)).toHaveLength(1);
  });
}
