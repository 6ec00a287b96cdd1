// What is special about runs that are performed by whoever queues them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../core/limits.ts';
import type { ClaimedRun, NewQueuedRun } from '../../core/queue.ts';
import type { Store } from '../../core/store.ts';
import { createSqliteStore } from '../../store/sqlite.ts';
import { done, failure, type Node, newRun, openNode, until } from '../fixture.ts';

let store: Store;
let node: Node;

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  node = await openNode(store);
});

afterEach(async () => {
  await node.connections.close();
  await store.close();
});

const on = { connection: 'sync' };
const place = { connection: 'sync', queue: 'default' };
const push = (...runs: NewQueuedRun[]) => node.connections.push(runs);
const stateOf = async (id: string) => (await store.queue.get(id))?.state;
const seen = () => node.observations.map(({ kind, ...rest }) => `${kind} ${'id' in rest ? rest.id : ''}`);

describe('a run that is performed at once', () => {
  it('is performed in its order, once, whatever its delay', async () => {
    await push(
      newRun('a', { ...on, delayMs: 3_600_000 }),
      newRun('b', on),
      newRun('c', { ...on, priority: 9 }),
    );
    expect(node.performer.ids).toEqual(['c', 'a', 'b']);
    expect(node.performer.runs[0]).toMatchObject({ ...place, state: 'running', attempt: 0, crashes: 0 });
    await push(newRun('a', on));
    expect(node.performer.ids).toHaveLength(3);
    expect(seen()).toEqual(['c', 'a', 'b'].flatMap((id) => [`queue.started ${id}`, `queue.done ${id}`]));
  });

  it('that fails is put away after one try, with the reason, and fails nobody', async () => {
    node.performer.act = () => failure({ reason: 'TypeError: x', logId: 'log-1', retry: { afterMs: 5 } });
    await push(newRun('a', { ...on, tries: 5, backoff: '{"kind":"list","delaysMs":[0]}' }));
    const run = await store.queue.get('a');
    expect(run).toMatchObject({ state: 'failed', reason: 'TypeError: x', logId: 'log-1', attempt: 1 });
    expect(node.performer.ids).toEqual(['a']);
    expect(node.observations.at(-1)).toMatchObject({
      kind: 'queue.failed',
      reason: 'TypeError: x',
      attempt: 1,
    });
  });

  it('lets what it sets off go on their own ways, with its end', async () => {
    const further = [newRun('b', on), newRun('c', { connection: 'database', queue: 'mails' })];
    const first = { outcome: 'done', further } as const;
    node.performer.act = ({ id }) => (id === 'a' ? first : done);
    await push(newRun('a', on));
    expect(node.performer.ids).toEqual(['a', 'b']);
    expect(await store.queue.get('c')).toMatchObject({
      connection: 'database',
      queue: 'mails',
      state: 'ready',
    });
  });

  it('lets what follows a failure be performed, too', async () => {
    node.performer.act = ({ id }) => (id === 'a' ? failure({ onFailure: newRun('alarm', on) }) : done);
    await push(newRun('a', on));
    expect(node.performer.ids).toEqual(['a', 'alarm']);
    expect([await stateOf('a'), await stateOf('alarm')]).toEqual(['failed', 'done']);
  });

  it('may queue others while it is performed, however deep', async () => {
    node.performer.act = async ({ id }) => {
      const number = Number(id.slice(1));
      if (number < limits.queueSyncRuns * 2) await push(newRun(`r${number + 1}`, on));
      return done;
    };
    await push(newRun('r1', on));
    await until(async () => node.performer.ids.length === limits.queueSyncRuns * 2);
    await until(async () => (await store.queue.count(isOver)) === limits.queueSyncRuns * 2);
    expect(new Set(node.performer.ids).size).toBe(limits.queueSyncRuns * 2);
  });

  it('remembers, notes its effects, and hears that it is to stop', async () => {
    const heard: unknown[] = [];
    node.performer.act = async (run, control) => {
      heard.push(
        await control.noteEffects('db'),
        await control.remember('k', '1'),
        await control.recall('k'),
      );
      heard.push((await store.queue.get(run.id))?.effectsService, control.signal.aborted);
      await new Promise((resolve) => control.signal.addEventListener('abort', resolve, { once: true }));
      return failure({ reason: 'stopped' });
    };
    await push(newRun('a', { ...on, timeoutMs: 50 }));
    expect(heard).toEqual([true, true, '1', 'db', false]);
    expect(await stateOf('a')).toBe('failed');
  });

  it('is stopped when somebody cancels it', async () => {
    node.performer.act = async (run, { signal }) => {
      await store.queue.cancel({ ids: [run.id] }, 'enough');
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      return failure({ reason: 'stopped' });
    };
    await push(newRun('a', on));
    expect(await stateOf('a')).toBe('cancelled');
    expect(seen()).toEqual(['queue.started a', 'queue.cancelled a']);
  }, 15_000);
});

const isOver = { kind: 'compare', field: 'state', op: '=', value: 'done' } as const;

/** Takes a run as a process does that is gone a moment later. */
async function loseOne(): Promise<ClaimedRun | undefined> {
  const [run] = await store.queue.claim({
    ...place,
    queues: ['default'],
    worker: 'gone',
    leaseMs: 0,
    limit: 1,
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  return run;
}

describe('a run that could not be performed at once', () => {
  it('of a queue that is paused waits, and goes with the next one', async () => {
    await store.queue.pause(place);
    await push(newRun('a', on));
    expect(await stateOf('a')).toBe('ready');
    await store.queue.resume(place);
    await push(newRun('b', on), newRun('b', on));
    await until(async () => (await stateOf('a')) === 'done');
    expect([...node.performer.ids].sort()).toEqual(['a', 'b']);
  });

  it('of an ordering key that is taken is performed after the one that has it', async () => {
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    node.performer.act = async ({ id }) => {
      if (id === 'a') begun.resolve();
      if (id === 'a') await end.promise;
      return done;
    };
    const first = push(newRun('a', { ...on, orderingKey: 'k' }));
    await begun.promise;
    await push(newRun('b', { ...on, orderingKey: 'k' }));
    expect(await stateOf('b')).toBe('ready');
    end.resolve();
    await first;
    await until(async () => (await stateOf('b')) === 'done');
    expect(node.performer.ids).toEqual(['a', 'b']);
  });

  it('of a queue that takes few at once is performed when there is a place', async () => {
    await store.queue.limit(place, { concurrency: 1, rate: null });
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    node.performer.act = async ({ id }) => {
      if (id === 'a') begun.resolve();
      if (id === 'a') await end.promise;
      return done;
    };
    const first = push(newRun('a', on));
    await begun.promise;
    for (const id of ['b', 'c', 'd']) await push(newRun(id, on));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(node.performer.ids).toEqual(['a']);
    end.resolve();
    await first;
    await until(async () => (await store.queue.count(isOver)) === 4);
    expect(node.performer.ids).toEqual(['a', 'b', 'c', 'd']);
  });

  it('because its process is gone is taken over by another one that starts', async () => {
    await store.queue.push([newRun('a', place), newRun('b', { ...place, queue: 'other' })]);
    expect(await loseOne()).toMatchObject({ id: 'a' });
    const next = await openNode(store);
    expect(next.performer.ids).toEqual([]);
    next.connections.start();
    await until(async () => (await store.queue.count(isOver)) === 2);
    await next.connections.close();
    expect(next.performer.ids.sort()).toEqual(['a', 'b']);
    expect(next.performer.runs.find(({ id }) => id === 'a')).toMatchObject({ fence: 2, crashes: 1 });
  });

  it('because something was not there is put off, and not asked for again and again', async () => {
    node.performer.act = ({ id }) =>
      id === 'a' ? { outcome: 'postponed', reason: 'no service', delayMs: 0 } : done;
    await push(newRun('a', on), newRun('b', on));
    const run = await store.queue.get('a');
    expect(run).toMatchObject({ state: 'ready', attempt: 0, reason: 'no service' });
    expect(run?.availableDate).toBeGreaterThanOrEqual((run?.createdDate ?? 0) + limits.queueLeastWaitMs);
    expect(node.performer.ids).toEqual(['a', 'b']);
    expect(seen()).toContain('queue.postponed a');
  });

  it('is not said to have ended by who lost it', async () => {
    node.performer.act = async (run) => {
      if (run.fence > 1) return done;
      await store.queue.release([run]);
      return { outcome: 'done', further: [newRun('never', on)] };
    };
    await push(newRun('a', on));
    expect(await stateOf('a')).toBe('ready');
    expect(await store.queue.get('never')).toBeUndefined();
    expect(seen()).toEqual(['queue.started a', 'queue.lost a']);
  });

  it('because the store is away fails nobody, and is told of once', async () => {
    const away = new Error('away');
    const broken = {
      ...store,
      queue: Object.create(store.queue, { claim: { value: () => Promise.reject(away) } }) as Store['queue'],
    };
    const unlucky = await openNode(broken);
    broken.queue.push = (runs) => store.queue.push(runs);
    await unlucky.connections.push([newRun('a', on)]);
    await unlucky.connections.push([newRun('b', on)]);
    await unlucky.connections.close();
    expect(unlucky.observations).toMatchObject([{ kind: 'worker.failed', reason: 'away' }]);
    expect([await stateOf('a'), await stateOf('b')]).toEqual(['ready', 'ready']);
  });
});
