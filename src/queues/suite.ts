// What every transport promises. Each kind's test calls this with what it can, a way to open its system
// database, and the configuration of a connection.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../core/store.ts';
import { done, failure, type Node, newConnection, newRun, openNode, until } from './fixture.ts';
import type { HeardNote } from './transport.ts';

/** A kind of transport under test, and what it can. */
export interface TransportCase {
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether the run store keeps the runs. */
  readonly keepsRuns: boolean;
  /** Whether workers perform them, and hear of them by it. */
  readonly hasWorkers: boolean;
  /** Whether workers of other processes hear of them, too. */
  readonly reachesOthers: boolean;
  /** Makes the system database as it is when it is new. */
  empty(): Promise<void>;
  /** The store of a server on it. */
  open(): Promise<Store>;
}

/** Defines the conformance tests of a transport. */
export function transportSuite(name: string, kind: TransportCase): void {
  describe(`transport ${name}`, () => {
    const nodes: Node[] = [];
    const open = async () => {
      const node = await openNode(await kind.open());
      nodes.push(node);
      return node;
    };
    beforeEach(async () => {
      await kind.empty();
      const first = await open();
      const { type, config } = kind;
      const record = newConnection('tested', { type, config, defaultQueue: 'usual' });
      await first.store.queueConnections.create(record, null);
      await first.connections.load();
    }, 30_000);
    afterEach(async () => {
      for (const { connections } of nodes) await connections.close();
      for (const { store } of nodes.splice(0)) await store.close();
    });
    const node = () => {
      const [first] = nodes;
      if (first === undefined) throw new Error('no server is open');
      return first;
    };
    describe('accepting', () => accepting(node, kind));
    if (kind.keepsRuns) describe('keeping', () => keeping(node, kind));
    describe('performing', () => performing(node, kind));
    if (kind.hasWorkers) describe('waking', () => waking(node, open, kind));
    describe('closing', () => closing(node, kind));
  });
}

const on = { connection: 'tested' };

function accepting(node: () => Node, kind: TransportCase): void {
  it('takes runs, one, many and none', async () => {
    await node().connections.push([]);
    await node().connections.push([newRun('a', on)]);
    const many = Array.from({ length: 120 }, (_, at) => newRun(`m${at}`, on));
    await node().connections.push(many);
    expect(await node().store.queue.count()).toBe(kind.keepsRuns ? 121 : 0);
    expect(node().observations.filter(({ kind: seen }) => seen === 'service.failed')).toEqual([]);
  });

  it('takes a run that comes again once', async () => {
    await Promise.all([1, 2, 3].map(() => node().connections.push([newRun('a', on)])));
    await node().connections.push([newRun('a', on)]);
    expect(await node().store.queue.count()).toBe(kind.keepsRuns ? 1 : 0);
    expect(node().performer.ids.length).toBeLessThanOrEqual(1);
  });

  it('takes what is queued in a transaction with it, and is told of it afterwards', async () => {
    const { store, connections } = node();
    const failing = store.transaction(async (inside) => {
      await inside.queue.push(connections.consign([newRun('a', on)]).runs);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    const consignment = connections.consign([newRun('b', on)]);
    await store.transaction((inside) => inside.queue.push(consignment.runs));
    expect(node().performer.ids).toEqual([]);
    await consignment.announce();
    expect(await store.queue.get('a')).toBeUndefined();
    expect((await store.queue.get('b')) !== undefined).toBe(kind.keepsRuns);
  });
}

function keeping(node: () => Node, kind: TransportCase): void {
  it('keeps every field, with the connection and its queue where none is named', async () => {
    const keys = { uniqueKey: 'u', orderingKey: 'o', backoff: '[1]', tries: 3, timeoutMs: 9_000 };
    const whose = { userId: 1, appId: 2, roleId: 3, version: 'v', delivery: 'at-least-once' as const };
    const { delayMs: _delay, ...run } = newRun('a', { ...on, ...keys, ...whose, priority: 4 });
    await node().connections.push([{ ...run, delayMs: 0 }, newRun('b', { ...on, queue: 'ü queue/1' })]);
    expect(await node().store.queue.get('a')).toMatchObject({ ...run, queue: 'usual' });
    expect(await node().store.queue.get('b')).toMatchObject({ connection: 'tested', queue: 'ü queue/1' });
  });

  it('refuses what the run store refuses, and keeps nothing of that', async () => {
    const pushed = node().connections.push([newRun('a', on), newRun('b', { ...on, queue: 'x'.repeat(65) })]);
    await expect(pushed).rejects.toMatchObject({ kind: 'request.invalid_parameter' });
    expect(await node().store.queue.count()).toBe(0);
    expect(node().performer.ids).toEqual([]);
  });

  it('starts no run before its time, unless nobody waits', async () => {
    await node().connections.push([newRun('a', { ...on, delayMs: 3_600_000 })]);
    const claimed = kind.hasWorkers ? await take(node()) : [];
    expect(claimed).toEqual([]);
    expect((await node().store.queue.get('a'))?.state).toBe(kind.hasWorkers ? 'ready' : 'done');
  });
}

function performing(node: () => Node, kind: TransportCase): void {
  it('leaves runs to workers, or performs them before it is done with them', async () => {
    await node().connections.push(['a', 'b', 'c'].map((id) => newRun(id, on)));
    const isOver = kind.keepsRuns && !kind.hasWorkers;
    expect(node().performer.ids).toEqual(isOver ? ['a', 'b', 'c'] : []);
    const states = (await node().store.queue.list({ limit: 9 })).map(({ state }) => state);
    expect(states).toEqual(kind.keepsRuns ? Array(3).fill(isOver ? 'done' : 'ready') : []);
  });

  it('never fails whoever queues a run that fails', async () => {
    node().performer.act = () => failure();
    await node().connections.push([newRun('a', on)]);
    const state = (await node().store.queue.get('a'))?.state;
    expect(state).toBe(!kind.keepsRuns ? undefined : kind.hasWorkers ? 'ready' : 'failed');
  });
}

/** Claims as a worker does. */
function take({ store }: Node, notes?: readonly HeardNote[]) {
  const ids = notes === undefined ? {} : { ids: notes.map(({ id }) => id) };
  const queues = [...new Set(['usual', ...(notes ?? []).map(({ queue }) => queue)])];
  const held = { worker: 'w', leaseMs: 15_000, limit: 10 };
  return store.queue.claim({ connection: 'tested', queues, ...held, ...ids });
}

/** Works whatever it hears of, one look after the other, until it is stopped. */
function worker(node: Node) {
  const worked: string[] = [];
  let looking = Promise.resolve();
  const look = async (notes?: readonly HeardNote[]) => {
    for (;;) {
      const runs = await take(node, notes);
      if (runs.length === 0) return;
      worked.push(...runs.map(({ id }) => id));
      await node.store.queue.finish(
        runs.map(({ position, token }) => ({ position, token, outcome: done.outcome as 'done' })),
      );
    }
  };
  const { transport } = node.connections.find('tested');
  expect(transport.isWorked).toBe(true);
  const hear = async (notes?: readonly HeardNote[]) => {
    looking = looking.then(() => look(notes));
    await looking;
    return true;
  };
  const stop = transport.consume(hear, ['*']);
  return {
    worked,
    stop: async () => {
      stop();
      await looking;
    },
  };
}

function waking(node: () => Node, open: () => Promise<Node>, kind: TransportCase): void {
  it('lets a worker of the same process hear of every run', async () => {
    const own = worker(node());
    const ids = Array.from({ length: 50 }, (_, at) => `r${at}`);
    await Promise.all(ids.map((id) => node().connections.push([newRun(id, on)])));
    await until(() => own.worked.length === 50);
    await own.stop();
    expect(own.worked.sort()).toEqual(ids.sort());
  });

  it('tells nobody of the runs of other connections', async () => {
    const heard: unknown[] = [];
    const { transport } = node().connections.find('tested');
    const hear = (name: string) => async () => heard.push(name) > 0;
    const stop = transport.consume(hear('tested'), ['*']);
    node().connections.find('database').transport.consume(hear('database'), ['*']);
    await node().connections.push([newRun('a', { connection: 'database' })]);
    await until(() => heard.length > 0);
    stop();
    expect(new Set(heard)).toEqual(new Set(['database']));
  });

  if (kind.reachesOthers) {
    it('lets workers of other processes hear, and each run is worked once', async () => {
      const others = [worker(await open()), worker(await open())];
      // Who just began to listen may not be heard of yet: something comes again and again, as in life.
      const pushed: string[] = [];
      await until(async () => {
        const id = `r${pushed.length}`;
        pushed.push(id);
        await node().connections.push([newRun(id, on)]);
        return others.every(({ worked }) => worked.length > 0) || pushed.length === 100;
      });
      await until(async () => others.flatMap(({ worked }) => worked).length === pushed.length);
      for (const other of others) await other.stop();
      expect(others.flatMap(({ worked }) => worked).sort()).toEqual(pushed.sort());
    }, 30_000);
  }

  it('may lose what it tells: whoever looks finds every run', async () => {
    const { store, connections } = node();
    const consignment = connections.consign([newRun('a', on), newRun('b', on)]);
    await store.queue.push(consignment.runs);
    expect((await take(node())).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('tells a worker nothing more once it stops listening', async () => {
    let heard = 0;
    const { transport } = node().connections.find('tested');
    const hear = async () => {
      heard += 1;
      return true;
    };
    const stop = transport.consume(hear, ['usual']);
    await node().connections.push([newRun('a', on)]);
    await until(() => heard > 0);
    stop();
    const before = heard;
    await node().connections.push([newRun('b', on)]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard).toBe(before);
  });
}

function closing(node: () => Node, kind: TransportCase): void {
  it('ends what is under way, and loses nothing that comes meanwhile', async () => {
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    node().performer.act = async () => {
      begun.resolve();
      await end.promise;
      return done;
    };
    const pushed = node().connections.push([newRun('a', on), newRun('b', on)]);
    if (kind.keepsRuns && !kind.hasWorkers) await begun.promise;
    const { transport } = node().connections.find('tested');
    const closed = transport.close();
    end.resolve();
    await Promise.all([pushed, closed]);
    const runs = await node().store.queue.list({ limit: 9 });
    expect(runs.length).toBe(kind.keepsRuns ? 2 : 0);
    expect(runs.filter(({ state }) => state === 'running')).toEqual([]);
    expect(node().performer.ids).toEqual(kind.keepsRuns && !kind.hasWorkers ? ['a'] : []);
  });
}
