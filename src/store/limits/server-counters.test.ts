// Counters in a system database on a server.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../../../test/databases.ts';
import { limits } from '../../core/limits.ts';
import type { Observation } from '../../core/observe.ts';
import { openSystemStore } from '../open.ts';
import { createLimitCounters } from './index.ts';
import { describeCounters } from './suite.ts';

const kinds = [
  { kind: 'postgres', name: 'PostgreSQL' },
  { kind: 'mysql', name: 'MariaDB' },
] as const;

describe.each(kinds)('with $name', ({ kind, name }) => {
  describe.runIf(canTest(kind))('running', () => {
    let database: TestDatabase;
    const url = () => addressOf(kind, database);

    beforeAll(async () => {
      database = await testDatabase(kind);
      await (await openSystemStore(url())).close();
    }, 60_000);

    beforeEach(() => database.execute('delete from limit_counter'));

    afterEach(() => vi.useRealTimers());

    afterAll(() => database.drop());

    describeCounters(
      name,
      async () => ({
        open: () => createLimitCounters({ database: url(), redisUrl: undefined, observe: () => {} }),
        expire: () => database.execute('update limit_counter set expire = 1'),
        clear: async () => undefined,
      }),
      true,
    );

    it('limits go on when the table cannot be used, and are shared again when it can', async () => {
      const observed: Observation[] = [];
      const observe = (seen: Observation) => void observed.push(seen);
      const counters = createLimitCounters({ database: url(), redisUrl: undefined, observe });
      await counters.prepare([{ id: 1, rate: 2, periodSeconds: 60 }]);
      await database.execute('alter table limit_counter rename to gone');
      const alone = [];
      for (let call = 0; call < 4; call++) alone.push((await counters.take(1, 'all'))?.isExceeded);
      expect(alone).toEqual([false, false, true, true]);
      await database.execute('alter table gone rename to limit_counter');
      expect(await counters.take(1, 'all')).toMatchObject({ isExceeded: false, used: 1 });
      expect(observed).toEqual([
        { kind: 'limits.counting', isShared: false, reason: expect.stringContaining('limit_counter') },
        { kind: 'limits.counting', isShared: true, reason: null },
      ]);
      await counters.close();
    });

    it('counters whose window is over are dropped', async () => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
      const counters = createLimitCounters({ database: url(), redisUrl: undefined, observe: () => {} });
      await counters.prepare([{ id: 1, rate: 2, periodSeconds: 60 }]);
      await counters.take(1, 'user:1');
      await database.execute("insert into limit_counter values ('1:user:2', 1, 5), ('1:user:3', 1, 5)");
      vi.advanceTimersByTime(limits.limitPruneMs);
      vi.useRealTimers();
      // Breaks the key for as long as one of those rows is there.
      const probe = "insert into limit_counter select '1:user:1', 1, 5 from limit_counter where expire = 5";
      await vi.waitFor(() => database.execute(probe), { timeout: 30_000 });
      expect((await counters.list()).map(({ who }) => who)).toEqual(['user:1']);
      await counters.close();
    });
  });

  it('limits go on where there is no server', async () => {
    const observed: Observation[] = [];
    const observe = (seen: Observation) => void observed.push(seen);
    const address = kind === 'postgres' ? 'postgres://x@127.0.0.1:1/x' : 'mysql://x@127.0.0.1:1/x';
    const counters = createLimitCounters({ database: address, redisUrl: undefined, observe });
    await counters.prepare([{ id: 1, rate: 1, periodSeconds: 60 }]);
    expect((await counters.take(1, 'all'))?.isExceeded).toBe(false);
    expect((await counters.take(1, 'all'))?.isExceeded).toBe(true);
    expect(observed).toEqual([
      { kind: 'limits.counting', isShared: false, reason: expect.stringContaining('the system database: ') },
    ]);
    await counters.close();
  });
});

function addressOf(kind: ServerKind, { user, password, host, port, database }: TestDatabase): string {
  return `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
}
