// Several servers on one queue at the same time; part of the suite of the run store.
import { describe, expect, it } from 'vitest';
import type { ClaimedRun } from '../../core/queue.ts';
import type { Store } from '../../core/store.ts';
import { done, idsOf, newRun, place, take, takeAll } from './fixture.ts';

/** Defines the tests; `open` gives the store of another server. */
export function contention(store: () => Store, open: () => Promise<Store>): void {
  const servers = async () => [store(), await open(), await open(), await open()];
  describe('servers at the same time', () => {
    exactlyOnce(store, servers);
    limitsAndKeys(store, servers);
  });
}

type Servers = () => Promise<Store[]>;

/** Works until nothing is left, as a worker does; `each` is told of every claim. */
async function work(
  store: Store,
  limit: number,
  each: (runs: readonly ClaimedRun[]) => Promise<void> | void,
): Promise<void> {
  for (let idle = 0; idle < 10; ) {
    const runs = await take(store.queue, { limit });
    await each(runs);
    const counted = await store.queue.finish(runs.map(done));
    expect(counted.every(Boolean)).toBe(true);
    if (runs.length > 0) idle = 0;
    else if ((await store.queue.count(unfinished)) === 0) return;
    else {
      idle += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const unfinished = { kind: 'in', field: 'state', values: ['ready', 'running'] } as const;

function exactlyOnce(store: () => Store, servers: Servers): void {
  it('get every run exactly once', async () => {
    const all = Array.from({ length: 2_000 }, (_, at) => newRun(`r${at}`, { priority: at % 3 }));
    await store().queue.push(all);
    const started: string[] = [];
    await Promise.all(
      (await servers()).map((server) => work(server, 25, (runs) => void started.push(...idsOf(runs)))),
    );
    expect(started.sort()).toEqual(idsOf(all).sort());
    expect(await store().queue.count({ kind: 'compare', field: 'state', op: '=', value: 'done' })).toBe(
      2_000,
    );
  }, 60_000);

  it('push and claim beside each other and lose nothing', async () => {
    const [first, second, third, fourth] = (await servers()) as [Store, Store, Store, Store];
    const started: string[] = [];
    const pushed = [first, second].map(async (server, of) => {
      for (let at = 0; at < 60; at++) {
        await server.queue.push([
          newRun(`p${of}-${at}`, { uniqueKey: `u${of}-${at}` }),
          newRun(`q${of}-${at}`),
        ]);
      }
    });
    const working = [third, fourth].map((server) =>
      work(server, 10, (runs) => void started.push(...idsOf(runs))),
    );
    await Promise.all(pushed);
    await Promise.all(working);
    await work(third, 10, (runs) => void started.push(...idsOf(runs)));
    expect(new Set(started).size).toBe(240);
    expect(started).toHaveLength(240);
  }, 60_000);

  it('never both end a run that went from one to the other', async () => {
    const [first, second] = (await servers()) as [Store, Store];
    await store().queue.push(Array.from({ length: 50 }, (_, at) => newRun(`r${at}`)));
    const stale = await take(first.queue, { limit: 50, leaseMs: 0 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await second.queue.sweep(100)).toHaveLength(50);
    const held = await takeAll(second.queue);
    const [late, good] = await Promise.all([
      first.queue.finish(stale.map(done)),
      second.queue.finish(held.map(done)),
    ]);
    expect(late).toEqual(stale.map(() => false));
    expect(good).toEqual(held.map(() => true));
  }, 30_000);

  it('sweep a lost run once', async () => {
    await store().queue.push(Array.from({ length: 40 }, (_, at) => newRun(`r${at}`)));
    await take(store().queue, { limit: 40, leaseMs: 0 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const swept = await Promise.all((await servers()).map((server) => server.queue.sweep(100)));
    expect(idsOf(swept.flat()).sort()).toEqual(idsOf(await takeAll(store().queue)).sort());
    expect(await store().queue.count({ kind: 'compare', field: 'crashes', op: '=', value: 1 })).toBe(40);
  }, 30_000);
}

function limitsAndKeys(store: () => Store, servers: Servers): void {
  it('keep the order of every key, one at a time', async () => {
    const all = Array.from({ length: 200 }, (_, at) =>
      newRun(`r${String(at).padStart(3, '0')}`, { orderingKey: `k${at % 7}`, priority: at % 2 }),
    );
    await store().queue.push(all);
    const running = new Set<string>();
    const order = new Map<string, string[]>();
    const broken: string[] = [];
    const each = async (runs: readonly ClaimedRun[]) => {
      for (const { id, orderingKey } of runs) {
        const key = String(orderingKey);
        if (running.has(key)) broken.push(id);
        running.add(key);
        order.set(key, [...(order.get(key) ?? []), id]);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
      for (const { orderingKey } of runs) running.delete(String(orderingKey));
    };
    await Promise.all((await servers()).map((server) => work(server, 10, each)));
    expect(broken).toEqual([]);
    for (const ids of order.values()) expect(ids).toEqual([...ids].sort());
    expect([...order.values()].flat()).toHaveLength(200);
  }, 60_000);

  it('start no more together than a queue allows', async () => {
    await store().queue.limit(place, { concurrency: 7, rate: { count: 40, periodMs: 3_600_000 } });
    await store().queue.push(Array.from({ length: 100 }, (_, at) => newRun(`r${at}`)));
    const all = await servers();
    const first = await Promise.all(all.map((server) => take(server.queue, { limit: 5 })));
    expect(first.flat()).toHaveLength(7);
    await store().queue.finish(first.flat().map(done));
    await store().queue.limit(place, { concurrency: null, rate: { count: 40, periodMs: 3_600_000 } });
    const second = await Promise.all(all.map((server) => take(server.queue, { limit: 20 })));
    expect(second.flat()).toHaveLength(33);
  }, 30_000);

  it('have one run for a unique key, however many push it', async () => {
    const all = await servers();
    for (let round = 0; round < 10; round++) {
      const ids = await Promise.all(
        all.map((server, at) => server.queue.push([newRun(`r${round}-${at}`, { uniqueKey: 'k' })])),
      );
      expect(new Set(ids.flat()).size).toBe(1);
      const [run] = await take(store().queue);
      expect(run?.id).toBe(ids[0]?.[0]);
      await store().queue.finish(run === undefined ? [] : [done(run)]);
    }
    expect(await store().queue.count()).toBe(10);
  }, 30_000);
}
