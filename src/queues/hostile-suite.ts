// What transports by brokers promise: brokers that lose, repeat and mix up what they are given, that others
// write to, and that are away, have runs performed all the same, each once. Each kind's test calls this.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSqliteStore } from '../store/sqlite.ts';
import { Worker } from '../worker/worker.ts';
import type { BrokerCase, RunningBroker } from './broker-fixture.ts';
import { done, type Node, newConnection, newRun, openNode, until } from './fixture.ts';
import type { MessageLink } from './message-link.ts';

/** Longer than any test: what is found in time was not found by looking. */
const never = 600_000;

/** Defines the tests of what must not matter, for the transport by a kind of brokers. */
export function hostileSuite(broker: BrokerCase): void {
  describe.runIf(broker.isThere)(`the transport ${broker.type}`, () => hostile(broker));
}

function hostile(broker: BrokerCase): void {
  const folder = mkdtempSync(join(tmpdir(), 'brokers-'));
  let number = 0;
  let running: RunningBroker;
  let world: World;

  beforeAll(async () => {
    await (await createSqliteStore({ file: join(folder, 'new.db') })).close();
    running = await broker.start();
  });

  beforeEach(async () => {
    number += 1;
    const file = join(folder, `${number}.db`);
    copyFileSync(join(folder, 'new.db'), file);
    world = await openWorld({ broker, running, file, mark: `w${number}` });
  });

  afterEach(() => world.close());

  const restart = async () => {
    await running.stop();
    running = await broker.start(running.port);
  };
  const scene: Test = {
    world: () => world,
    link: () => broker.link(running.port, world.mark),
    restart,
    stop: () => running.stop(),
  };
  afterAll(async () => {
    await running.stop();
    rmSync(folder, { recursive: true });
  });

  telling(scene);
  troubles(scene);
  outages(scene);
}

/** What a test has. */
interface Test {
  readonly world: () => World;
  /** Where the connection leads, for others than its transport. */
  readonly link: () => MessageLink;
  readonly stop: () => Promise<void>;
  /** On the same port, having lost everything. */
  readonly restart: () => Promise<void>;
}

function telling({ world }: Test): void {
  it('tells a worker of another process, whatever its queue is called', async () => {
    const names = ['usual', 'ü queue/1', 'ü queue/2', '-'];
    for (const queue of names) world().work({ queues: [queue], pollMs: never });
    for (const [at, queue] of names.entries()) await world().push([newRun(`r${at}`, { queue })]);
    await world().allDone(names.length);
  });

  it('tells workers of all queues of the default one, and of the others before long', async () => {
    const { performed } = world().work({ queues: ['*'], pollMs: never });
    await world().push([newRun('a')]);
    await until(() => performed().length === 1);
    // A queue that is new is not listened to yet.
    await world().push([newRun('b', { queue: 'new' })]);
    await world().allDone(2);
  });

  it('leaves runs to workers that have room', async () => {
    const blocked = Promise.withResolvers<void>();
    const [first, second] = [0, 1].map(() =>
      world().work({ queues: ['usual'], pollMs: never, isOwnNode: true }),
    );
    const acts = [first, second].map((work) => work?.node.performer);
    for (const performer of acts) {
      if (performer === undefined) continue;
      performer.act = async ({ id }) => {
        if (id === 'long') await blocked.promise;
        return done;
      };
    }
    await world().push([newRun('long')]);
    await until(() => acts.some((performer) => performer?.ids.includes('long')));
    const ids = Array.from({ length: 12 }, (_, at) => `r${at}`);
    for (const id of ids) await world().push([newRun(id)]);
    await until(() => acts.flatMap((performer) => performer?.ids).length === 13);
    const busy = acts.find((performer) => performer?.ids.includes('long'));
    expect(busy?.ids).toEqual(['long']);
    blocked.resolve();
    await world().allDone(13);
  });
}

function troubles({ world, link, restart }: Test): void {
  it('may lose everything: workers look', async () => {
    await world().push(Array.from({ length: 20 }, (_, at) => newRun(`r${at}`)));
    await restart();
    world().work({ queues: ['usual'], pollMs: 100 });
    await world().allDone(20);
  });

  it('may repeat and mix up, and may be given anything by others', async () => {
    const own = link();
    const send = (...texts: string[]) =>
      own.send(
        'usual',
        texts.map((text) => ({ text, delayMs: 0 })),
      );
    const foreign = [
      'garbage',
      '{"id":5}',
      '{"id":""}',
      'null',
      '[]',
      '{"id":"a\\u0000b"}',
      `"${'x'.repeat(2_000)}"`,
    ];
    const ids = Array.from({ length: 10 }, (_, at) => `r${at}`);
    await world().node.store.queue.push(
      world().node.connections.consign(ids.map((id) => newRun(id, { connection: 'tested' }))).runs,
    );
    await send(...foreign, '{"id":"forged"}', '{"id":"r3\' or 1=1"}');
    for (const order of [ids, ids.toReversed(), ids])
      await send(...order.map((id) => JSON.stringify({ id })));
    const { performed, seen } = world().work({ queues: ['usual'], pollMs: never, concurrency: 3 });
    await world().allDone(10);
    await send(...ids.map((id) => JSON.stringify({ id })));
    await world().push([newRun('last')]);
    await world().allDone(11);
    expect(performed().sort()).toEqual([...ids, 'last'].sort());
    const refused = () => seen.filter(({ kind }) => kind === 'broker.refused');
    await until(() => refused().length === 1);
    expect(refused()[0]).toMatchObject({ connection: 'tested', place: 'usual' });
    await own.close();
  });
}

function outages({ world, stop, restart }: Test): void {
  it('may be killed under load: no run is lost, doubled or waited for, and it is told once', async () => {
    const { performed, seen } = world().work({ queues: ['usual'], pollMs: 100, concurrency: 2 });
    const ids: string[] = [];
    const push = async () => {
      const id = `r${ids.length}`;
      ids.push(id);
      await world().push([newRun(id)]);
    };
    const kinds = (of: Node['observations']) => {
      return of.map(({ kind }) => kind).filter((kind) => kind.startsWith('broker.'));
    };
    for (let at = 0; at < 10; at++) await push();
    const stopped = stop();
    await until(async () => {
      await push();
      return kinds(seen).length > 0 && kinds(world().node.observations).length > 0;
    });
    await stopped;
    const [unsent, sent] = [ids.length, ids.length + 20];
    while (ids.length < sent) await push();
    await world().allDone(ids.length);
    await restart();
    const both = [seen, world().node.observations];
    await until(() => both.every((of) => kinds(of).at(-1) === 'broker.recovered'));
    // On a machine that is very busy a broker may seem to be away once more.
    for (const of of both) {
      expect(kinds(of)).toEqual(kinds(of).map((_, at) => ['broker.failed', 'broker.recovered'][at % 2]));
    }
    for (let at = 0; at < 10; at++) await push();
    await world().allDone(ids.length);
    expect(ids.length).toBeGreaterThan(unsent);
    expect(performed().sort()).toEqual(ids.toSorted());
  }, 60_000);
}

interface World {
  readonly node: Node;
  readonly mark: string;
  push(runs: Parameters<Node['connections']['push']>[0]): Promise<void>;
  work(plan: Plan): Work;
  /** Fails where a run was performed more than once. */
  allDone(count: number): Promise<void>;
  close(): Promise<void>;
}

interface Plan {
  readonly queues: readonly string[];
  readonly pollMs: number;
  readonly concurrency?: number;
  readonly isOwnNode?: boolean;
}

interface Work {
  readonly node: Node;
  readonly seen: Node['observations'];
  performed(): string[];
}

interface Scene {
  readonly broker: BrokerCase;
  readonly running: RunningBroker;
  readonly file: string;
  readonly mark: string;
}

/** A server that queues runs, and others that work them. */
async function openWorld({ broker, running, file, mark }: Scene): Promise<World> {
  const nodes: Node[] = [];
  const workers: Worker[] = [];
  const open = async () => {
    const node = await openNode(await createSqliteStore({ file }));
    nodes.push(node);
    return node;
  };
  const node = await open();
  const record = { type: broker.type, config: broker.config(running.port, mark), defaultQueue: 'usual' };
  await node.store.queueConnections.create(newConnection('tested', record), null);
  await node.connections.load();
  const others = [await open(), await open()];
  return {
    node,
    mark,
    push: (runs) => node.connections.push(runs.map((run) => ({ ...run, connection: 'tested' }))),
    work: ({ queues, pollMs, concurrency = 1, isOwnNode = false }) => {
      const [first, second] = others;
      const own = isOwnNode && workers.length > 0 ? second : first;
      if (own === undefined) throw new Error('there is no server');
      const { store, connections, performer, observations } = own;
      const observe = (seen: Node['observations'][number]) => void observations.push(seen);
      const worker = new Worker({
        ...{ store, performer, observe, connection: 'tested', queues, pollMs, concurrency },
        signal: { listen: (name, hear) => connections.consume(name, queues, hear) },
      });
      workers.push(worker);
      worker.start();
      return { node: own, seen: observations, performed: () => performer.ids };
    },
    allDone: async (count) => {
      const isDone = { kind: 'compare', field: 'state', op: '=', value: 'done' } as const;
      await until(async () => (await node.store.queue.count(isDone)) === count);
      const all = others.flatMap(({ performer }) => performer.ids);
      expect(all.length).toBe(new Set(all).size);
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
      for (const { connections } of nodes) await connections.close();
      for (const { store } of nodes) await store.close();
    },
  };
}
