// Transactions that break in the middle: by a refused record, by a killed connection, by a deadlock.
// Invariant: a batch with rollback is done wholly or not at all, and the next request finds a clean connection.
import { setTimeout as pause } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../databases.ts';
import { startTestServer, type TestServer } from '../server.ts';

const kinds: readonly ServerKind[] = (['postgres', 'mysql'] as const).filter((kind) => canTest(kind));
const account = '/api/v2/live/_table/account';
const types: Readonly<Record<ServerKind, string>> = { postgres: 'pgsql', mysql: 'mysql' };

const fixture = `create table account (id integer primary key, owner varchar(20) unique, amount integer not null);
  insert into account values (1, 'a', 10), (2, 'b', 20), (3, 'c', 30);`;

/** What a test does beside the service, on one connection of its own. */
interface Beside {
  run(sql: string): Promise<Record<string, unknown>[]>;
  end(): Promise<void>;
}

async function besideOf(
  kind: ServerKind,
  { host, port, user, password, database }: TestDatabase,
): Promise<Beside> {
  const login = { host, port, user, password, database };
  if (kind === 'postgres') {
    const client = new pg.Client(login);
    await client.connect();
    return { run: async (sql) => (await client.query(sql)).rows, end: () => client.end() };
  }
  const connection = await mysql.createConnection(login);
  const run = async (sql: string) => (await connection.query(sql))[0] as Record<string, unknown>[];
  return { run, end: () => connection.end() };
}

/** Statements that wait for a lock, by the number of their connection. */
const waiting: Readonly<Record<ServerKind, string>> = {
  postgres: `select pid as id from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`,
  mysql: `select trx_mysql_thread_id as id from information_schema.innodb_trx
    join information_schema.processlist on id = trx_mysql_thread_id
    where trx_state = 'LOCK WAIT' and db = database()`,
};

describe.each(kinds)('%s', (kind) => {
  let server: TestServer;
  let database: TestDatabase;
  let beside: Beside;
  /** Another one, because a transaction sees the activity of others as it was. */
  let watcher: Beside;

  beforeEach(async () => {
    database = await testDatabase(kind);
    await database.execute(fixture);
    beside = await besideOf(kind, database);
    watcher = await besideOf(kind, database);
    server = await startTestServer();
    const { host, port, user: username, password, database: name } = database;
    // One connection, so that what is left behind on it meets the next request.
    const config = { host, port, username, password, database: name, max_connections: 1 };
    const service = { name: 'live', label: 'live', type: types[kind], is_active: true, config };
    const made = await server.ask('/api/v2/system/service', {
      method: 'POST',
      body: { resource: [service] },
    });
    if (made.status !== 201) throw new Error(made.text);
  });

  afterEach(async () => {
    await server.close();
    await beside.end();
    await watcher.end();
    await database.drop();
  });

  const amounts = async () => {
    const rows = await beside.run('select amount from account order by id');
    return rows.map(({ amount }) => amount);
  };

  async function waiter(): Promise<number> {
    for (;;) {
      const [found] = await watcher.run(waiting[kind]);
      if (found !== undefined) return Number(found.id);
      // InnoDB shows what it showed before to whoever asks again within a tenth of a second.
      await pause(150);
    }
  }

  const raise = (...ids: readonly number[]) => ids.map((id) => ({ id, amount: 100 + id }));

  test('a refused record undoes a batch with rollback, and the connection is clean', async () => {
    const resource = [
      { id: 4, owner: 'd', amount: 40 },
      { id: 5, owner: 'a', amount: 50 },
      { id: 6, owner: 'f', amount: 60 },
    ];
    const { status, body } = await server.ask(`${account}?rollback=true`, {
      method: 'POST',
      body: { resource },
    });
    expect(status).toBe(400);
    expect(body.error.message).toContain('All changes rolled back');
    expect(await amounts()).toEqual([10, 20, 30]);
    expect((await server.ask(`${account}?fields=id`)).body.resource).toHaveLength(3);
    const good = await server.ask(`${account}?rollback=true`, {
      method: 'POST',
      body: { resource: [resource[0], resource[2]] },
    });
    expect(good.status).toBe(200);
    expect(await amounts()).toEqual([10, 20, 30, 40, 60]);
  });

  test('a refused record leaves the others of a batch that goes on', async () => {
    const resource = [
      { id: 4, owner: 'd', amount: 40 },
      { id: 5, owner: 'a', amount: 50 },
      { id: 6, owner: 'f', amount: 60 },
    ];
    const { status } = await server.ask(`${account}?continue=true`, { method: 'POST', body: { resource } });
    expect(status).toBe(400);
    expect(await amounts()).toEqual([10, 20, 30, 40, 60]);
  });

  test('a connection that is killed inside a batch undoes it', async () => {
    await beside.run('begin');
    await beside.run('update account set amount = amount where id = 2');
    const answer = server.ask(`${account}?rollback=true`, {
      method: 'PATCH',
      body: { resource: raise(1, 2, 3) },
    });
    const id = await waiter();
    await watcher.run(kind === 'postgres' ? `select pg_terminate_backend(${id})` : `kill ${id}`);
    const { status, body } = await answer;
    expect([status, body.error.message]).toEqual([
      503,
      expect.stringContaining("The database of service 'live' is"),
    ]);
    await beside.run('rollback');
    expect(await amounts()).toEqual([10, 20, 30]);
    const again = await server.ask(`${account}?rollback=true`, {
      method: 'PATCH',
      body: { resource: raise(1, 2, 3) },
    });
    expect(again.status).toBe(200);
    expect(await amounts()).toEqual([101, 102, 103]);
  });

  test('a statement that is cancelled inside a batch undoes it', async () => {
    await beside.run('begin');
    await beside.run('update account set amount = amount where id = 3');
    const answer = server.ask(`${account}?rollback=true`, {
      method: 'PATCH',
      body: { resource: raise(1, 2, 3) },
    });
    const id = await waiter();
    await watcher.run(kind === 'postgres' ? `select pg_cancel_backend(${id})` : `kill query ${id}`);
    const { status } = await answer;
    expect(status).toBe(503);
    await beside.run('rollback');
    expect(await amounts()).toEqual([10, 20, 30]);
    expect((await server.ask(`${account}/1`)).body).toMatchObject({ amount: 10 });
  });

  test('of a deadlock one side gives way, and nothing is half done', async () => {
    await beside.run('begin');
    await beside.run('update account set amount = 900 where id = 2');
    const answer = server.ask(`${account}?rollback=true`, {
      method: 'PATCH',
      body: { resource: raise(1, 2) },
    });
    await waiter();
    // Now both wait for the other; whoever is chosen as the victim, the other one ends.
    const mine = await beside.run('update account set amount = 900 where id = 1').then(
      () => beside.run('commit'),
      () => beside.run('rollback'),
    );
    expect(mine).toBeDefined();
    const { status } = await answer;
    expect([200, 503]).toContain(status);
    expect([
      [101, 102, 30],
      [900, 900, 30],
    ]).toContainEqual(await amounts());
    expect((await server.ask(account)).status).toBe(200);
  });
});
