import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../test/databases.ts';
import { openSystemStore } from './open.ts';
import { newRun } from './queue/fixture.ts';
import { storeSuite } from './suite.ts';

describe.runIf(canTest('postgres'))('on PostgreSQL', () => {
  let database: TestDatabase;
  const url = () => {
    const { user, password, host, port, database: name } = database;
    return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  };
  beforeAll(async () => {
    database = await testDatabase('postgres');
  });
  afterAll(() => database.drop());

  storeSuite('PostgreSQL', async () => {
    await database.execute('drop schema public cascade; create schema public');
    return openSystemStore(url());
  });

  it('tells a server that is not there from a statement that is not taken', async () => {
    const away = openSystemStore('postgres://nobody@127.0.0.1:1/nothing');
    await expect(away).rejects.toMatchObject({ kind: 'service.unavailable' });
  });

  it('that ends a connection in the middle of a transaction is away for it, and there for the next', async () => {
    await database.execute('drop schema public cascade; create schema public');
    const store = await openSystemStore(url());
    const others =
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tenon' " +
      'and datname = current_database()';
    const broken = store.transaction(async (inside) => {
      await inside.queue.push([newRun('a')]);
      await database.execute(others);
      await inside.queue.push([newRun('b')]);
    });
    await expect(broken).rejects.toMatchObject({ kind: 'service.unavailable', status: 503 });
    await store.queue.push([newRun('c')]);
    expect((await store.queue.list({ limit: 9 })).map(({ id }) => id)).toEqual(['c']);
    await store.close();
  });

  it('gives up a transaction in which nothing is done, as one that is away', async () => {
    await database.execute('drop schema public cascade; create schema public');
    const short = `${url()}?idle_in_transaction_session_timeout=50`;
    const store = await openSystemStore(short);
    const idle = store.transaction(async (inside) => {
      await inside.queue.push([newRun('a')]);
      await expect.poll(() => store.queue.get('a').catch(() => 'away')).toBeUndefined();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await inside.queue.push([newRun('b')]);
    });
    await expect(idle).rejects.toMatchObject({ kind: 'service.unavailable', status: 503 });
    expect(await store.queue.count()).toBe(0);
    await store.close();
  });

  it('is migrated once, however many servers start', async () => {
    await database.execute('drop schema public cascade; create schema public');
    const stores = await Promise.all([1, 2, 3].map(() => openSystemStore(url())));
    for (const store of stores) expect(await store.services.list()).toHaveLength(1);
    for (const store of stores) await store.close();
  });
});
