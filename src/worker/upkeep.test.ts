// What workers do beside performing runs.
import { describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { ClaimedRun, RunEnd } from '../core/queue.ts';
import type { Store } from '../core/store.ts';
import { Actor, newRun, testStore, testWorker, until, untilState } from './fixture.ts';
import { Health } from './health.ts';
import { type Retention, Upkeep, usualRetention } from './upkeep.ts';

function upkeepOf(store: Store, over: { retention?: Retention; versions?: readonly string[] } = {}) {
  const seen: Observation[] = [];
  const observe = (observation: Observation) => void seen.push(observation);
  const { retention = usualRetention, versions } = over;
  const upkeep = new Upkeep({
    ...{ store, observe, retention, health: new Health({ worker: 'w', observe }) },
    // What is to be queued for a run is named in its payload here.
    performer: {
      onLost: ({ id, payload }) => (payload.includes('tell') ? newRun(`told of ${id}`) : undefined),
    },
    consign: (runs) => ({ runs, announce: async () => undefined }),
    currentVersions: versions === undefined ? undefined : async () => versions,
    onRestart: () => undefined,
  });
  return { upkeep, seen };
}

const request = { connection: 'database', queues: ['default'], limit: 9, worker: 'gone' };

describe('runs of lost workers', () => {
  it('are performed by others when their lease is over, the usual one within 20 s', async () => {
    expect(limits.queueLeaseMs + limits.queueSweepMs + limits.queuePollMs).toBeLessThanOrEqual(20_000);
    const { store, open } = await testStore();
    await store.queue.push([newRun('a')]);
    await store.queue.claim({ ...request, leaseMs: 300 });
    const actor = new Actor();
    testWorker(await open(), actor).worker.start();
    await untilState(store, 'a', 'done');
    expect(await store.queue.get('a')).toMatchObject({ crashes: 1, attempt: 0, fence: 2 });
  }, 20_000);

  it('are told of where they are put aside, or were to be started once', async () => {
    const clock = { now: 1_000_000 };
    const { store } = await testStore(() => clock.now);
    await store.queue.push([newRun('poison'), newRun('once', { delivery: 'at-most-once' })]);
    const { upkeep, seen } = upkeepOf(store);
    for (let crash = 0; crash <= limits.queueCrashes; crash++) {
      await store.queue.claim({ ...request, leaseMs: 10 });
      await store.queue.claim({ ...request, leaseMs: 10 });
      clock.now += 11;
      await upkeep.sweep();
    }
    const told = seen.map((one) => ('position' in one ? [one.kind, one.id, one.reason] : [one.kind]));
    expect(told).toEqual([
      ['queue.failed', 'once', 'interrupted'],
      ['queue.quarantined', 'poison', expect.stringContaining('lost')],
    ]);
  });

  it('set off what is to happen when they have failed for good, and nothing when they are taken over', async () => {
    const clock = { now: 1_000_000 };
    const { store } = await testStore(() => clock.now);
    const payload = '{"tell":1}';
    const delivery = 'at-most-once' as const;
    await store.queue.push([newRun('again', { payload }), newRun('once', { payload, delivery })]);
    await store.queue.push([newRun('silent', { delivery })]);
    const { upkeep } = upkeepOf(store);
    await store.queue.claim({ ...request, leaseMs: 10 });
    clock.now += 11;
    await upkeep.sweep();
    const runs = await store.queue.list({ limit: 9, order: [{ field: 'position', descending: false }] });
    expect(runs.map(({ id, state }) => [id, state])).toEqual([
      ['again', 'ready'],
      ['once', 'failed'],
      ['silent', 'failed'],
      ['told of once', 'ready'],
    ]);
  });

  it('that cost one worker after the other are performed alone', async () => {
    const clock = { now: 1_000_000 };
    const { store } = await testStore(() => clock.now);
    const suspects = ['a', 'b', 'c'];
    await store.queue.push(suspects.map((id) => newRun(id)));
    for (let crash = 1; crash < limits.queueCrashes; crash++) {
      for (const _ of suspects) await store.queue.claim({ ...request, leaseMs: 10 });
      clock.now += 11;
      while ((await store.queue.sweep(9)).length > 0);
    }
    await store.queue.push(Array.from({ length: 6 }, (_, at) => newRun(`ok${at}`)));
    const company = new Map<string, number>();
    const actor: Actor = new Actor(async ({ id }) => {
      company.set(id, actor.atOnce);
      await new Promise((resolve) => setTimeout(resolve, 30));
      company.set(id, Math.max(company.get(id) ?? 0, actor.atOnce));
      return { outcome: 'done', further: [] };
    });
    testWorker(store, actor, { concurrency: 4 }).worker.start();
    await until(() => actor.started.length === 9 && actor.atOnce === 0);
    for (const id of suspects) expect(company.get(id)).toBe(1);
    expect(actor.mostAtOnce).toBeGreaterThan(1);
  }, 20_000);

  it('that cost a worker once do not wait for each other', async () => {
    const clock = { now: 1_000_000 };
    const { store } = await testStore(() => clock.now);
    await store.queue.push(Array.from({ length: 4 }, (_, at) => newRun(`r${at}`)));
    await store.queue.claim({ ...request, leaseMs: 10 });
    clock.now += 11;
    await store.queue.sweep(9);
    const { promise, resolve } = Promise.withResolvers<void>();
    const actor: Actor = new Actor(async () => {
      if (actor.atOnce === 4) resolve();
      await promise;
      return { outcome: 'done', further: [] };
    });
    testWorker(store, actor, { concurrency: 4, pollMs: 3_600_000 }).worker.start();
    await promise;
    await until(() => actor.atOnce === 0);
  });
});

describe('what is old', () => {
  const dayMs = 86_400_000;

  async function endedRuns() {
    const clock = { now: 1_000_000 };
    const { store } = await testStore(() => clock.now);
    const end = async (id: string, outcome: 'done' | 'failed' | 'cancelled') => {
      await store.queue.push([newRun(id, { version: id })]);
      await store.scriptTexts.keep(id, `text of ${id}`);
      const [run] = (await store.queue.claim({ ...request, leaseMs: 1_000 })) as [ClaimedRun];
      const { position, token } = run;
      await store.queue.finish([{ position, token, outcome, reason: 'x', logId: null } as RunEnd]);
    };
    const left = async () => (await store.queue.list({ limit: 99 })).map(({ id }) => id).sort();
    return { clock, store, end, left };
  }

  it('is dropped by age, failures later than the rest', async () => {
    const { clock, store, end, left } = await endedRuns();
    await end('a', 'done');
    await end('b', 'failed');
    await end('c', 'cancelled');
    const { upkeep } = upkeepOf(store, { retention: { doneDays: 2, doneCount: 9, failedDays: 5 } });
    upkeep.start();
    clock.now += dayMs;
    await end('d', 'done');
    await upkeep.trim();
    expect(await left()).toEqual(['a', 'b', 'c', 'd']);
    clock.now += dayMs + 1;
    await upkeep.trim();
    expect(await left()).toEqual(['b', 'c', 'd']);
    clock.now += 4 * dayMs;
    await upkeep.trim();
    expect(await left()).toEqual([]);
    await upkeep.stop();
  });

  it('is dropped by number where it is done', async () => {
    const { clock, store, end, left } = await endedRuns();
    for (let at = 0; at < 6; at++) await end(`r${at}`, 'done');
    for (let at = 0; at < 3; at++) await end(`f${at}`, 'failed');
    const { upkeep } = upkeepOf(store, { retention: { doneDays: 9, doneCount: 2, failedDays: 9 } });
    upkeep.start();
    // An outbox may hand one on a second time, which must not be run again.
    clock.now += limits.queueDoneLeastMs - 1;
    await upkeep.trim();
    expect(await left()).toHaveLength(9);
    await store.queue.push([newRun('r0')]);
    expect(await left()).toHaveLength(9);
    clock.now += 1;
    await upkeep.trim();
    expect(await left()).toEqual(['f0', 'f1', 'f2', 'r4', 'r5']);
    await upkeep.stop();
  });

  it('takes texts of scripts along that no run needs, but not the present ones', async () => {
    const { clock, store, end } = await endedRuns();
    for (const id of ['old', 'now']) await end(id, 'done');
    await end('needed', 'failed');
    clock.now += 3 * dayMs;
    const retention = { doneDays: 2, doneCount: 9, failedDays: 9 };
    const { upkeep } = upkeepOf(store, { retention, versions: ['now'] });
    upkeep.start();
    await upkeep.trim();
    await upkeep.stop();
    expect(await store.scriptTexts.get('old')).toBeUndefined();
    expect(await store.scriptTexts.get('now')).toBe('text of now');
    expect(await store.scriptTexts.get('needed')).toBe('text of needed');
  });
});

describe('health', () => {
  it('is told when it changes, and not before every errand goes well', () => {
    const seen: Observation[] = [];
    const health = new Health({ worker: 'w', observe: (observation) => void seen.push(observation) });
    health.succeeded('claiming');
    expect(health.failed('claiming', new Error('away'))).toBe(limits.queueAwayMs);
    expect(health.failed('claiming', new Error('away'))).toBe(2 * limits.queueAwayMs);
    health.failed('beating', 'away, too');
    health.succeeded('claiming');
    health.succeeded('ending');
    expect(seen).toEqual([{ kind: 'worker.failed', worker: 'w', reason: 'away' }]);
    health.succeeded('beating');
    expect(seen.at(-1)).toEqual({ kind: 'worker.recovered', worker: 'w' });
    for (let at = 0; at < 99; at++) health.failed('ending', 'x');
    expect(health.failed('ending', 'x')).toBe(limits.queueAwayMostMs);
    expect(seen).toHaveLength(3);
  });
});
