// Processes that are lost, which takes a clock that can be moved on.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import type { NodePresence } from '../core/node.ts';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from './sqlite.ts';

const clock = { now: 1_000_000 };
let store: Store;
beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:', clock: () => clock.now });
});
afterEach(() => store.close());

const one: NodePresence = {
  ...{ id: 'a', host: 'north', hostMark: 'n', pid: 7, kind: 'serve', url: null },
  ...{ version: '1', queues: [], isDraining: false },
};

it('a process is lost when its lease is over, and told once', async () => {
  await store.nodes.beat(one);
  clock.now += limits.nodeLeaseMs - 1;
  expect(await store.nodes.takeLost()).toEqual([]);
  expect(await store.nodes.list()).toMatchObject([{ isAlive: true }]);
  clock.now += 1;
  expect(await store.nodes.list()).toMatchObject([{ isAlive: false }]);
  expect(await store.nodes.elsewhere('other')).toEqual([]);
  expect(await store.nodes.takeLost()).toMatchObject([{ id: 'a' }]);
  expect(await store.nodes.takeLost()).toEqual([]);
});

it('one that comes back is there as before, and may be lost again', async () => {
  await store.nodes.beat(one);
  const [{ startedDate } = {}] = await store.nodes.list();
  clock.now += limits.nodeLeaseMs;
  await store.nodes.takeLost();
  await store.nodes.beat(one);
  expect(await store.nodes.list()).toMatchObject([{ isAlive: true, startedDate }]);
  clock.now += limits.nodeLeaseMs;
  expect(await store.nodes.takeLost()).toHaveLength(1);
});

it('one that was lost long ago is forgotten', async () => {
  await store.nodes.beat(one);
  clock.now += limits.nodeKeepMs;
  await store.nodes.beat({ ...one, id: 'b' });
  expect(await store.nodes.trim()).toBe(0);
  clock.now += 1;
  expect(await store.nodes.trim()).toBe(1);
  expect(await store.nodes.list()).toMatchObject([{ id: 'b' }]);
});
