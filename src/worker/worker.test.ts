// A worker on a real store: what it takes, in which order, and what becomes of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import type { ClaimedRun } from '../core/queue.ts';
import { Actor, done, failure, newRun, testStore, testWorker, toStop, until, untilState } from './fixture.ts';

const text = (id: string, over = {}) => newRun(id, over);

describe('taking runs', () => {
  it('performs what is queued, and what comes later, each once', async () => {
    const { store } = await testStore();
    await store.queue.push(Array.from({ length: 30 }, (_, at) => text(`a${at}`)));
    const actor = new Actor();
    const { worker, kinds } = testWorker(store, actor, { concurrency: 4, pollMs: 60_000 });
    worker.start();
    await until(() => actor.started.length === 30);
    // The signal wakes it: there is no look for a minute.
    await store.queue.push([text('late')]);
    await untilState(store, 'late', 'done');
    expect(new Set(actor.started).size).toBe(31);
    expect(actor.started).toHaveLength(31);
    expect(actor.mostAtOnce).toBeLessThanOrEqual(4);
    await until(() => kinds().filter((kind) => kind === 'queue.done').length === 31);
  });

  it('hears of what others pushed by looking', async () => {
    const { store, open } = await testStore();
    const actor = new Actor();
    const { worker } = testWorker(store, actor);
    worker.start();
    await (await open()).queue.push([text('a')]);
    await untilState(store, 'a', 'done');
  });

  it('takes the first queue first, by priority, and no other connection', async () => {
    const { store } = await testStore();
    await store.queue.push([
      text('low', { queue: 'low', priority: 9 }),
      text('b', { queue: 'high' }),
      text('a', { queue: 'high', priority: 1 }),
      text('other', { queue: 'other' }),
      text('elsewhere', { queue: 'high', connection: 'elsewhere' }),
    ]);
    const actor = new Actor();
    const { worker } = testWorker(store, actor, { queues: ['high', 'low'] });
    worker.start();
    await untilState(store, 'low', 'done');
    expect(actor.started).toEqual(['a', 'b', 'low']);
    expect(await store.queue.count({ kind: 'compare', field: 'state', op: '=', value: 'ready' })).toBe(2);
  });

  it('starts nothing of a later queue while something waits in one before it', async () => {
    const { store } = await testStore();
    const low = Array.from({ length: 60 }, (_, at) => text(`low${at}`, { queue: 'low' }));
    await store.queue.push(low);
    // Quick runs, of which many would be taken ahead; in the middle of them others come that go before.
    const actor: Actor = new Actor(async ({ id }) => {
      if (id === 'low20')
        await store.queue.push([text('high0', { queue: 'high' }), text('high1', { queue: 'high' })]);
      return done;
    });
    testWorker(store, actor, { queues: ['high', 'low'] }).worker.start();
    await until(() => actor.started.length === 62);
    expect(actor.started.slice(21, 23)).toEqual(['high0', 'high1']);
  });

  it('takes all queues of its connection, those that come later, too', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a', { queue: 'zebra' }), text('b', { queue: 'ant' }), text('c')]);
    const actor = new Actor();
    const { worker } = testWorker(store, actor, { queues: ['default', '*'] });
    worker.start();
    await untilState(store, 'a', 'done');
    expect(actor.started).toEqual(['c', 'b', 'a']);
    await store.queue.push([text('d', { queue: 'new' }), text('e', { queue: 'later', delayMs: 100 })]);
    await untilState(store, 'd', 'done');
    await untilState(store, 'e', 'done');
  });

  it('waits for runs with a delay no longer than it must', async () => {
    const { store } = await testStore();
    const actor = new Actor();
    const { worker } = testWorker(store, actor, { pollMs: 60_000 });
    worker.start();
    await store.queue.push([text('a', { delayMs: 300 })]);
    await untilState(store, 'a', 'done');
    const run = await store.queue.get('a');
    expect(run?.startedDate).toBeGreaterThanOrEqual(run?.availableDate ?? Infinity);
  });

  it('does not take what it cannot start soon', async () => {
    const { store } = await testStore();
    await store.queue.push(Array.from({ length: 20 }, (_, at) => text(`r${at}`)));
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const actor = new Actor(async () => {
      await gate;
      return done;
    });
    const { worker } = testWorker(store, actor, { concurrency: 2 });
    worker.start();
    await until(() => actor.atOnce === 2);
    await sleep(200);
    const running = { kind: 'compare', field: 'state', op: '=', value: 'running' } as const;
    expect(await store.queue.count(running)).toBe(2);
    release();
    await until(() => actor.started.length === 20);
    expect(actor.mostAtOnce).toBe(2);
  });

  it('starts the next of an ordering key as soon as the one before is over', async () => {
    const { store } = await testStore();
    const runs = Array.from({ length: 10 }, (_, at) => text(`r${at}`, { orderingKey: 'k' }));
    await store.queue.push(runs);
    const actor = new Actor();
    const { worker } = testWorker(store, actor, { concurrency: 4, pollMs: 60_000 });
    worker.start();
    await untilState(store, 'r9', 'done');
    expect(actor.started).toEqual(runs.map(({ id }) => id));
    expect(actor.mostAtOnce).toBe(1);
  });

  it('works beside others on one store, each run once', async () => {
    const { store, open } = await testStore();
    const ids = Array.from({ length: 300 }, (_, at) => `r${at}`);
    await store.queue.push(ids.map((id) => text(id)));
    const actor = new Actor();
    for (const server of [store, await open(), await open()]) {
      testWorker(server, actor, { concurrency: 3 }).worker.start();
    }
    await until(
      async () =>
        (await store.queue.count({ kind: 'compare', field: 'state', op: '=', value: 'done' })) === 300,
    );
    expect(actor.started.sort()).toEqual(ids.sort());
  }, 30_000);

  it('sleeps when there is nothing to do', async () => {
    const { store } = await testStore();
    await store.queue.push([text('later', { delayMs: 3_600_000 }), text('a', { queue: 'paused' })]);
    await store.queue.pause({ connection: 'database', queue: 'paused' });
    let claims = 0;
    const queue = new Proxy(store.queue, {
      get: (target, name: keyof typeof store.queue) => {
        if (name === 'claim') claims += 1;
        return (target[name] as () => unknown).bind(target);
      },
    });
    const { worker } = testWorker({ ...store, queue }, new Actor(), { queues: ['*'], pollMs: 100 });
    worker.start();
    await sleep(1_000);
    expect(claims).toBeGreaterThan(2);
    expect(claims).toBeLessThan(15);
  });
});

describe('the next run', () => {
  it('is performed, and whether there was one is told', async () => {
    const { store } = await testStore();
    await store.queue.push([text('low', { queue: 'low' }), text('a', { queue: 'high' }), text('b')]);
    const actor = new Actor();
    const { worker } = testWorker(store, actor, { queues: ['high', 'low'] });
    expect(await worker.performNext()).toBe(true);
    expect(actor.started).toEqual(['a']);
    expect(await store.queue.get('a')).toMatchObject({ state: 'done' });
    expect(await worker.performNext()).toBe(true);
    expect(await worker.performNext()).toBe(false);
    expect(actor.started).toEqual(['a', 'low']);
  });
});

describe('ends', () => {
  it('queues what a run set off with its end', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a')]);
    const told: string[] = [];
    const actor = new Actor(({ id }) =>
      id === 'a' ? { outcome: 'done', further: [text('b', { queue: '' })] } : done,
    );
    const { worker } = testWorker(store, actor, {
      consign: (runs) => ({
        runs: runs.map((run) => ({ ...run, queue: 'default' })),
        announce: async () => void told.push(...runs.map(({ id }) => id)),
      }),
    });
    worker.start();
    await untilState(store, 'b', 'done');
    expect(actor.started).toEqual(['a', 'b']);
    expect(told).toEqual(['b']);
  });

  it('tries again as often as the run, else the worker, says', async () => {
    const { store } = await testStore();
    const [backoff, onFailure] = ['{"kind":"list","delaysMs":[10]}', text('alarm', { queue: 'alarms' })];
    await store.queue.push([text('a', { backoff }), text('b', { backoff, tries: 1 })]);
    const actor = new Actor(({ id, attempt }) =>
      failure(`${id} ${attempt}`, { onFailure, logId: `log${attempt}` }),
    );
    const { worker, seen } = testWorker(store, actor, { tries: 2 });
    worker.start();
    await untilState(store, 'a', 'failed');
    await untilState(store, 'b', 'failed');
    expect(actor.started.sort()).toEqual(['a', 'a', 'b']);
    expect(await store.queue.get('a')).toMatchObject({ reason: 'a 1', attempt: 2, logId: 'log1' });
    expect(await store.queue.get('alarm')).toMatchObject({ state: 'ready', queue: 'alarms' });
    const told = seen.filter((one) => 'attempt' in one && one.id === 'a');
    expect(told).toMatchObject([
      { kind: 'queue.started', attempt: 1 },
      { kind: 'queue.retried', attempt: 1, reason: 'a 0' },
      { kind: 'queue.started', attempt: 2 },
      { kind: 'queue.failed', attempt: 2, reason: 'a 1' },
    ]);
  });

  it('does not queue what follows a failure before the last one', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a')]);
    const actor = new Actor(() => failure('no', { retry: { afterMs: 3_600_000 }, onFailure: text('alarm') }));
    const { worker } = testWorker(store, actor);
    worker.start();
    await until(async () => (await store.queue.get('a'))?.attempt === 1);
    const run = await store.queue.get('a');
    expect((run?.availableDate ?? 0) - (run?.createdDate ?? 0)).toBeGreaterThanOrEqual(3_600_000);
    expect(await store.queue.get('alarm')).toBeUndefined();
  });

  it('stops trying where the script says so', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a', { tries: 9 })]);
    const { worker } = testWorker(store, new Actor(() => failure('x'.repeat(9_999), { retry: 'never' })));
    worker.start();
    await untilState(store, 'a', 'failed');
    expect((await store.queue.get('a'))?.reason).toHaveLength(limits.queueReasonChars);
  });

  it('postpones without using up a try, and without asking all the time', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a', { tries: 1 })]);
    const actor: Actor = new Actor(() =>
      actor.started.length < 3 ? { outcome: 'postponed', reason: 'no runner', delayMs: 0 } : done,
    );
    const { worker, kinds } = testWorker(store, actor);
    worker.start();
    await untilState(store, 'a', 'done');
    expect(actor.started).toHaveLength(3);
    expect(kinds().filter((kind) => kind === 'queue.postponed')).toHaveLength(2);
    expect(await store.queue.get('a')).toMatchObject({ attempt: 0, fence: 3 });
  });

  it('survives a performer that throws', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a', { tries: 1 }), text('b')]);
    const actor = new Actor(({ id }) => {
      if (id === 'a') throw new Error('broken');
      return done;
    });
    const { worker } = testWorker(store, actor);
    worker.start();
    await untilState(store, 'b', 'done');
    expect(await store.queue.get('a')).toMatchObject({ state: 'failed', reason: 'broken' });
  });

  it('fails a run whose further runs nobody takes, instead of trying for ever', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a')]);
    const further = [text('b', { uniqueKey: 'x'.repeat(999) })];
    const { worker } = testWorker(store, new Actor(() => ({ outcome: 'done', further })));
    worker.start();
    await untilState(store, 'a', 'failed');
    expect((await store.queue.get('a'))?.reason).toMatch(/could not be queued.*255 characters/);
    expect(await store.queue.get('b')).toBeUndefined();
  });
});

describe('stopping a run', () => {
  it('is done when it takes too long: by its own time, else that of the worker', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a', { timeoutMs: 50, tries: 1 }), text('b')]);
    const budgets: (number | null)[] = [];
    const actor = new Actor(async (run, control) => {
      budgets.push(run.timeoutMs);
      await toStop(control);
      return failure('stopped');
    });
    const { worker } = testWorker(store, actor, { timeoutMs: 150, tries: 1, concurrency: 2 });
    worker.start();
    await untilState(store, 'a', 'failed');
    await untilState(store, 'b', 'failed');
    expect(await store.queue.get('a')).toMatchObject({ reason: 'it took longer than 0.05 s', attempt: 1 });
    expect(await store.queue.get('b')).toMatchObject({ reason: 'it took longer than 0.15 s' });
    expect(budgets).toEqual([50, 150]);
  });

  it('is done where somebody cancelled it, soon', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a'), text('b')]);
    const actor = new Actor(async (_run, control) => {
      await toStop(control);
      return failure('stopped', { logId: 'log' });
    });
    const { worker, kinds } = testWorker(store, actor);
    worker.start();
    await until(() => actor.started.length === 1);
    await store.queue.cancel({ ids: ['a'] }, 'by ada');
    await untilState(store, 'a', 'cancelled');
    expect(await store.queue.get('a')).toMatchObject({ reason: 'by ada', attempt: 0, logId: 'log' });
    expect(kinds()).toContain('queue.cancelled');
  });

  it('does not undo what is done', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a')]);
    const actor = new Actor(async (_run, control) => {
      await toStop(control);
      return done;
    });
    const { worker } = testWorker(store, actor, { timeoutMs: 50 });
    worker.start();
    await untilState(store, 'a', 'done');
  });

  it('does not wait for ever for one that does not listen', async () => {
    const { store } = await testStore();
    await store.queue.push([text('a', { tries: 1, timeoutMs: 50 }), text('b')]);
    const deaf = new Promise<never>(() => undefined);
    const { worker } = testWorker(store, new Actor(({ id }) => (id === 'a' ? deaf : done)));
    worker.start();
    await untilState(store, 'b', 'done');
    expect(await store.queue.get('a')).toMatchObject({ state: 'failed' });
  }, 20_000);

  it('is done when it is held by somebody else, who is not disturbed', async () => {
    const clock = { now: 1_000_000 };
    const { store, open } = await testStore(() => clock.now);
    await store.queue.push([text('a')]);
    const notes: boolean[] = [];
    const actor = new Actor(async (_run, control) => {
      await toStop(control);
      notes.push(await control.noteEffects('hr'), await control.remember('k', '1'));
      return failure('stopped');
    });
    const { worker, kinds } = testWorker(store, actor, { beatMs: 100 });
    worker.start();
    await until(() => actor.started.length === 1);
    clock.now += limits.queueLeaseMs + 1;
    const other = await open();
    await other.queue.sweep(10);
    const request = { connection: 'database', queues: ['default'], limit: 1, worker: 'w2', leaseMs: 60_000 };
    // The other one may be this worker again, until it was told.
    const taken: ClaimedRun[] = [];
    await until(async () => {
      taken.push(...(await other.queue.claim(request)));
      return taken.length > 0 || kinds().includes('queue.lost');
    });
    await until(() => kinds().includes('queue.lost'));
    expect(notes.slice(0, 2)).toEqual([false, false]);
    expect((await store.queue.get('a'))?.crashes).toBe(1);
  });
});
