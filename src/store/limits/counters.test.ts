// Counters in a file, in memory and in Redis, and what is done when they cannot be reached.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../core/limits.ts';
import type { Observation } from '../../core/observe.ts';
import type { Store } from '../../core/store.ts';
import { createSqliteStore } from '../sqlite.ts';
import { createLimitCounters } from './index.ts';
import { hasRedis, type RedisServer, startRedis } from './redis-fixture.ts';
import { describeCounters } from './suite.ts';

const folders: string[] = [];

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-counters-'));
  folders.push(folder);
  return join(folder, 'system.sqlite');
}

afterEach(() => {
  vi.useRealTimers();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const silent = () => undefined;

describeCounters(
  'a file',
  async () => {
    const file = newFile();
    const store = await createSqliteStore({ file });
    const database = new Sqlite(file);
    return {
      open: () => createLimitCounters({ database: file, redisUrl: undefined, observe: silent }),
      expire: async () => void database.exec(`update limit_counter set expire = ${Date.now() - 1}`),
      clear: async () => {
        database.close();
        await store.close();
      },
    };
  },
  true,
);

describeCounters(
  'memory',
  async () => ({
    open: () => createLimitCounters({ database: ':memory:', redisUrl: undefined, observe: silent }),
    expire: async () => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2_592_000_001 }),
    clear: async () => undefined,
  }),
  false,
);

describe.runIf(hasRedis())('with a Redis', () => {
  let redis: RedisServer;

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(() => redis.stop());

  describeCounters(
    'Redis',
    async () => ({
      open: () => createLimitCounters({ database: '', redisUrl: redis.url, observe: silent }),
      expire: async () => {
        const client = new Redis(redis.url);
        for (const key of await client.keys('*')) await client.pexpire(key, 0);
        client.disconnect();
      },
      clear: async () => undefined,
    }),
    true,
  );

  it('limits go on when it is away, and are shared again when it is back', async () => {
    const observed: Observation[] = [];
    const observe = (seen: Observation) => void observed.push(seen);
    const counters = createLimitCounters({ database: '', redisUrl: redis.url, observe });
    await counters.prepare([{ id: 1, rate: 3, periodSeconds: 60 }]);
    await counters.take(1, 'all');
    await redis.stop();
    const alone = [];
    for (let call = 0; call < 5; call++) alone.push((await counters.take(1, 'all'))?.isExceeded);
    expect(alone).toEqual([false, false, false, true, true]);
    await expect(counters.list()).rejects.toMatchObject({ kind: 'service.unavailable' });
    await expect(counters.reset()).rejects.toMatchObject({ kind: 'service.unavailable' });
    redis = await startRedis(redis.port);
    await vi.waitFor(() => expect(observed).toHaveLength(2), { timeout: 20_000 });
    expect(observed).toEqual([
      { kind: 'limits.counting', isShared: false, reason: expect.stringContaining('Redis: ') },
      { kind: 'limits.counting', isShared: true, reason: null },
    ]);
    expect(await counters.take(1, 'all')).toMatchObject({ isExceeded: false, used: 1 });
    await counters.close();
  });

  it('is not waited for when it is away from the start', async () => {
    await redis.stop();
    const counters = createLimitCounters({ database: '', redisUrl: redis.url, observe: silent });
    await counters.prepare([{ id: 1, rate: 1, periodSeconds: 60 }]);
    expect((await counters.take(1, 'all'))?.isExceeded).toBe(false);
    expect((await counters.take(1, 'all'))?.isExceeded).toBe(true);
    await counters.close();
  });
});

describe('counters in the system database', () => {
  let file: string;
  let store: Store;
  const observed: Observation[] = [];
  const open = async () => {
    const observe = (seen: Observation) => void observed.push(seen);
    const counters = createLimitCounters({ database: file, redisUrl: undefined, observe });
    await counters.prepare([{ id: 1, rate: 3, periodSeconds: 60 }]);
    return counters;
  };

  beforeEach(async () => {
    file = newFile();
    store = await createSqliteStore({ file });
    observed.length = 0;
  });

  afterEach(() => store.close());

  it('wait for a transaction that is open beside them, without keeping it from going on', async () => {
    const counters = await open();
    let taking: Promise<unknown> = Promise.resolve();
    await store.transaction(async (inside) => {
      await inside.limits.list();
      taking = counters.take(1, 'all');
      // The transaction goes on over many turns of the event loop, each of which counting must leave to it.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      await inside.settings.add({ owner: 'user:1', userId: null, name: 'x', value: 'y' } as never, null);
    });
    expect(await taking).toMatchObject({ isExceeded: false, used: 1 });
    expect(await store.settings.list()).toHaveLength(1);
    expect(await counters.list()).toHaveLength(1);
    expect(observed).toEqual([]);
    await counters.close();
  });

  it('are not rolled back with what happens beside them', async () => {
    const counters = await open();
    await counters.take(1, 'all');
    await store.transaction(async () => Promise.reject(new Error('no'))).catch(() => undefined);
    expect((await counters.take(1, 'all'))?.used).toBe(2);
    await counters.close();
  });

  it('that cannot be written are counted in memory, and this is told once', async () => {
    const counters = await open();
    await counters.take(1, 'all');
    const other = new Sqlite(file);
    other.exec('drop table limit_counter');
    const alone = [];
    for (let call = 0; call < 5; call++) alone.push((await counters.take(1, 'all'))?.isExceeded);
    expect(alone).toEqual([false, false, false, true, true]);
    expect(observed).toEqual([
      { kind: 'limits.counting', isShared: false, reason: expect.stringContaining('no such table') },
    ]);
    other.close();
    await counters.close();
  });

  it('are dropped some time after their window', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const counters = await open();
    await counters.take(1, 'all');
    const other = new Sqlite(file);
    const add = other.prepare('insert into limit_counter (key, points, expire) values (?, 1, 5)');
    for (let row = 0; row < limits.limitPruneRows + 10; row++) add.run(`1:user:${row}`);
    vi.advanceTimersByTime(limits.limitPruneMs);
    const count = other.prepare('select count(*) from limit_counter').pluck();
    vi.useRealTimers();
    await vi.waitFor(() => expect(count.get()).toBe(1), { timeout: 30_000 });
    other.close();
    await counters.close();
  });
});
