// Connections of queues: what always is there, what records add and change, and what is refused.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { type Node, newConnection, newRun, openNode, until } from './fixture.ts';

let store: Store;
const nodes: Node[] = [];

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
});

afterEach(async () => {
  for (const { connections } of nodes.splice(0)) await connections.close();
  await store.close();
});

async function open(fallback?: { connection: string; queue: string }, more = {}): Promise<Node> {
  const node = await openNode(store, fallback, more);
  nodes.push(node);
  return node;
}

const placeOf = async (id: string) => {
  const run = await store.queue.get(id);
  return run === undefined ? undefined : `${run.connection}/${run.queue}`;
};

describe('connections', () => {
  it('that nobody made are there, and runs that name none go where the settings say', async () => {
    const { connections } = await open({ connection: 'database', queue: 'usual' });
    expect(connections.names()).toEqual(['database', 'null', 'sync']);
    await connections.push([
      newRun('a'),
      newRun('b', { queue: 'high' }),
      newRun('c', { connection: 'sync' }),
    ]);
    expect([await placeOf('a'), await placeOf('b'), await placeOf('c')]).toEqual([
      ...['database/usual', 'database/high', 'sync/usual'],
    ]);
    const other = await open({ connection: 'null', queue: 'usual' });
    await other.connections.push([newRun('d')]);
    expect(await placeOf('d')).toBeUndefined();
  });

  it('of records join them, with a queue of their own, and one may be the default', async () => {
    const { connections } = await open();
    await store.queueConnections.create(newConnection('mails', { defaultQueue: 'letters' }), null);
    await connections.load();
    expect(connections.names()).toEqual(['database', 'mails', 'null', 'sync']);
    await connections.push([newRun('a'), newRun('b', { connection: 'mails' })]);
    await store.queueConnections.update(1, { isDefault: true }, null);
    await connections.load();
    await connections.push([newRun('c'), newRun('d', { connection: 'database' })]);
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(placeOf))).toEqual([
      ...['database/default', 'mails/letters', 'mails/letters', 'database/default'],
    ]);
  });

  it('that are always there can be given another queue, and switched off', async () => {
    const { connections } = await open();
    const record = newConnection('database', { defaultQueue: 'first', isDefault: true });
    await store.queueConnections.create(record, null);
    await connections.load();
    await connections.push([newRun('a')]);
    expect(await placeOf('a')).toBe('database/first');
    await store.queueConnections.update(1, { isActive: false }, null);
    await connections.load();
    expect(connections.names()).toEqual(['null', 'sync']);
    await expect(connections.push([newRun('b')])).rejects.toMatchObject({ kind: 'queue.unknown_connection' });
    await store.queueConnections.delete(1);
    await connections.load();
    await connections.push([newRun('b')]);
    expect(await placeOf('b')).toBe('database/default');
  });

  it('that nobody knows, or that are switched off, refuse all runs of a call by name', async () => {
    const { connections } = await open();
    await store.queueConnections.create(newConnection('off', { isActive: false }), null);
    await connections.load();
    for (const connection of ['off', 'redis', 'Database', 'toString']) {
      const pushed = connections.push([newRun('a'), newRun('b', { connection })]);
      await expect(pushed).rejects.toMatchObject({
        kind: 'queue.unknown_connection',
        status: 400,
        message: expect.stringContaining(`'${connection}'`),
      });
      expect(() => connections.check(connection)).toThrow('There are database, null, sync');
    }
    expect(await store.queue.count()).toBe(0);
    for (const known of ['', 'database', 'null', 'sync']) connections.check(known);
  });

  it('whose default nobody knows say so, and take what names one', async () => {
    const { connections } = await open({ connection: 'redis', queue: 'default' });
    await expect(connections.push([newRun('a')])).rejects.toThrow("no active queue connection 'redis'");
    await connections.push([newRun('b', { connection: 'database' })]);
    expect(await placeOf('b')).toBe('database/default');
  });

  it('that are being stored may be named, until it shows whether they were', async () => {
    const { connections } = await open();
    connections.expect('mails');
    connections.check('mails');
    await expect(connections.push([newRun('a', { connection: 'mails' })])).rejects.toThrow("'mails'");
    await connections.load();
    expect(() => connections.check('mails')).toThrow("'mails'");
  });

  it('of a kind that this server has not are told of, and the others stay', async () => {
    const { connections, observations } = await open();
    await store.queueConnections.create(newConnection('later', { type: 'carrier-pigeon' }), null);
    await connections.load();
    expect(connections.names()).toEqual(['database', 'null', 'sync']);
    expect(observations).toEqual([
      {
        kind: 'service.failed',
        service: 'queue',
        reason: "connection 'later': there is no kind of queue connections 'carrier-pigeon'",
      },
    ]);
  });

  it('that did not change stay in use; others are made anew', async () => {
    const { connections } = await open();
    await store.queueConnections.create(newConnection('kept'), null);
    await store.queueConnections.create(newConnection('changed'), null);
    await connections.load();
    const [kept, changed, own] = ['kept', 'changed', 'database'].map((name) => connections.find(name));
    await store.queueConnections.update(1, { description: 'other words', isDefault: true }, null);
    await store.queueConnections.update(2, { type: 'null' }, null);
    await connections.load();
    expect(connections.find('kept')).toBe(kept);
    expect(connections.find('')).toBe(kept);
    expect(connections.find('database')).toBe(own);
    expect(connections.find('changed')).not.toBe(changed);
    expect(connections.find('changed').type).toBe('null');
  });

  it('include Redis where this server has one, until a record says otherwise', async () => {
    const { connections } = await open(undefined, { redisUrl: 'redis://127.0.0.1:1/0' });
    expect(connections.names()).toEqual(['database', 'null', 'redis', 'sync']);
    expect(connections.find('redis')).toMatchObject({ type: 'redis', defaultQueue: 'default' });
    expect(await connections.flaw('redis')).toContain('ECONNREFUSED');
    expect(await connections.flaw('database')).toBeUndefined();
    // Who queues runs does not notice that it is away.
    await connections.push([newRun('a', { connection: 'redis' })]);
    expect(await placeOf('a')).toBe('redis/default');
    await store.queueConnections.create(newConnection('redis'), null);
    await connections.load();
    expect(connections.find('redis').type).toBe('database');
  });

  it('that are made anew are heard of by who listened before, and by no other way', async () => {
    const { connections } = await open();
    let heard = 0;
    const hear = async () => {
      heard += 1;
      return true;
    };
    const stop = connections.consume('mails', ['*'], hear);
    await store.queueConnections.create(newConnection('mails'), null);
    await connections.load();
    // It may have missed something.
    expect(heard).toBe(1);
    await connections.push([newRun('a', { connection: 'mails' })]);
    await until(() => heard === 2);
    await store.queueConnections.update(1, { defaultQueue: 'letters' }, null);
    await connections.load();
    await connections.push([newRun('b', { connection: 'mails' })]);
    await until(() => heard === 4);
    await store.queueConnections.update(1, { type: 'sync' }, null);
    await connections.load();
    expect(connections.find('mails').transport.isWorked).toBe(false);
    await store.queueConnections.update(1, { type: 'database', isActive: false }, null);
    await connections.load();
    stop();
    const before = heard;
    await store.queueConnections.update(1, { isActive: true }, null);
    await connections.load();
    await connections.push([newRun('c', { connection: 'mails' })]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toBe(before);
  });

  it('take runs that were promised although their connection is gone', async () => {
    const { connections } = await open({ connection: 'gone', queue: 'usual' });
    await connections.pushPromised([newRun('a'), newRun('b', { connection: 'other', queue: 'high' })]);
    expect([await placeOf('a'), await placeOf('b')]).toEqual(['gone/usual', 'other/high']);
  });
});
