import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import { newRun, testStore } from './fixture.ts';
import { QueueNames } from './queue-names.ts';

/** Names of queues over a real store whose searches are counted, and take so long. */
async function namesOf(queues: readonly string[], takesMs = 0) {
  const { store } = await testStore();
  let searches = 0;
  const queuesOf = async (connection: string) => {
    searches += 1;
    await sleep(takesMs);
    return store.queue.queuesOf(connection);
  };
  const names = new QueueNames({ queue: { queuesOf }, connection: 'database', queues });
  const push = (...to: string[]) => store.queue.push(to.map((queue) => newRun(`in ${queue}`, { queue })));
  return { names, push, searches: () => searches };
}

it('knows queues that are named without looking for any', async () => {
  const { names, searches } = await namesOf(['high', 'low', 'lower']);
  expect(await names.list()).toEqual([['high'], ['low', 'lower']]);
  names.forget([]);
  await names.list();
  expect(searches()).toBe(0);
});

it('finds all others in the place of a star, each once', async () => {
  const { names, push } = await namesOf(['high', '*', 'last']);
  await push('b', 'a', 'last', 'high');
  expect(await names.list()).toEqual([['high'], ['a', 'b', 'last']]);
  const all = await namesOf(['*']);
  expect(await all.names.list()).toEqual([[], []]);
  await all.push('z');
  await sleep(20 + limits.queueLookMs);
  expect(await all.names.list()).toEqual([['z'], []]);
});

it('looks again when it is told that there may be others', async () => {
  const { names, push, searches } = await namesOf(['*']);
  await names.list();
  await push('a');
  expect(await names.list()).toEqual([[], []]);
  expect(searches()).toBe(1);
  names.forget([]);
  await expect.poll(() => names.list()).toEqual([['a'], []]);
});

it('looks the more rarely the longer that takes', async () => {
  const { names, searches } = await namesOf(['*'], 150);
  await names.list();
  for (let at = 0; at < 5; at++) {
    names.forget([]);
    await sleep(20);
    await names.list();
  }
  expect(searches()).toBe(1);
});
