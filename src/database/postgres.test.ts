import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../test/databases.ts';
import { limits } from '../core/limits.ts';
import { DatabaseError, type DatabaseFailure, type Row } from './connection.ts';
import { PostgresDatabase, type PostgresOptions } from './postgres.ts';

const st = (sql: string) => ({ sql });

async function failure(
  work: () => unknown,
): Promise<{ failure: DatabaseFailure; field: string | undefined }> {
  try {
    await work();
  } catch (error) {
    if (error instanceof DatabaseError) return { failure: error.failure, field: error.field };
    throw error;
  }
  throw new Error('nothing was refused');
}

describe.runIf(canTest('postgres'))('PostgreSQL', () => {
  let own: TestDatabase;
  let db: PostgresDatabase;
  const opened: PostgresDatabase[] = [];

  beforeAll(async () => {
    own = await testDatabase('postgres');
  });

  afterAll(() => own.drop());

  beforeEach(async () => {
    await own.execute(`DROP SCHEMA public CASCADE; CREATE SCHEMA public;
      CREATE TABLE parent(id int PRIMARY KEY);
      CREATE TABLE t(id serial PRIMARY KEY, name text NOT NULL UNIQUE, n int CHECK (n > 0), x int,
        p int REFERENCES parent(id) DEFERRABLE, UNIQUE (n, p));`);
    db = open();
  });

  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });

  function open(over: Partial<PostgresOptions> = {}): PostgresDatabase {
    const { host, port, user, password, database } = own;
    const made = new PostgresDatabase({
      client: { host, port, user, database, password: () => password, ssl: false },
      ...{ maxConnections: 3, connectMs: 2_000, queryMs: 10_000, isPreparing: true, ...over },
    });
    opened.push(made);
    return made;
  }

  const insert = st('INSERT INTO t(name) VALUES ($1) RETURNING id');
  const names = st('SELECT name FROM t ORDER BY id');

  describe('values', () => {
    test('come as what they are, and nothing is rounded', async () => {
      const [row] = await db.rows(
        st(`SELECT 2::int2 AS small, 9223372036854775807 AS big, 5::int8 AS long, 0.1::float4 AS single,
          1e300::float8 AS double, 'NaN'::float8 AS nan, true AS yes, NULL::int AS none, 1.50 AS exact,
          '\\x00ff'::bytea AS bytes, '2020-01-01 10:00:00.123456+02'::timestamptz AS moment,
          '{1,2}'::int[] AS list`),
        [],
      );
      expect(row).toEqual({
        ...{ small: 2, big: 9_223_372_036_854_775_807n, long: 5, single: 0.1, double: 1e300, nan: 'NaN' },
        ...{ yes: true, none: null, exact: '1.50', bytes: Buffer.from([0, 255]), list: '{1,2}' },
        moment: '2020-01-01 08:00:00.123456+00',
      });
    });

    test('go in as text, number, bigint, bytes or nothing', async () => {
      const asked = st('SELECT $1::text AS a, $2::int AS b, $3::int8 AS c, $4::bytea AS d, $5::text AS e');
      const bytes = Uint8Array.of(1, 0, 255);
      const values = ['ü€😀', 7, 2n ** 62n, bytes, null];
      expect(await db.rows(asked, values)).toEqual([
        { a: 'ü€😀', b: 7, c: 2n ** 62n, d: Buffer.from(bytes), e: null },
      ]);
      expect(await db.column(st('SELECT generate_series(1, 3)'), [])).toEqual([1, 2, 3]);
    });

    test('of the older form of bytes are read, too', async () => {
      const found = await db.transaction(async (session) => {
        await session.run(st("SET LOCAL bytea_output = 'escape'"), []);
        return session.column(st("SELECT 'a\\\\\\000\\377'::bytea"), []);
      });
      expect(found).toEqual([Buffer.from([97, 92, 0, 255])]);
    });
  });

  describe('refusals', () => {
    test.each<[string, DatabaseFailure, string | undefined]>([
      ["INSERT INTO t(name) VALUES ('a'), ('a')", 'unique', 'name'],
      ['INSERT INTO parent VALUES (1), (1)', 'unique', 'id'],
      ['INSERT INTO t(n) VALUES (1)', 'not_null', 'name'],
      ["INSERT INTO t(name, n) VALUES ('a', 0)", 'check', undefined],
      ["INSERT INTO t(name, p) VALUES ('a', 9)", 'foreign_key', 'p'],
      ["INSERT INTO t(name, n) VALUES ('a', 9999999999)", 'type', undefined],
      ["SELECT 'x'::json = 'y'::json", 'type', undefined],
      ['SELECT 1/0', 'type', undefined],
      ["DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", 'raised', undefined],
      ['SELECT nothing', 'other', undefined],
      ['SELECT pg_sleep(5)', 'busy', undefined],
    ])('%s is %s', async (sql, expected, field) => {
      const quick = sql.includes('sleep') ? open({ queryMs: 50 }) : db;
      expect(await failure(() => quick.run(st(sql), []))).toEqual({ failure: expected, field });
    });

    test('of a bound value name the field by its place', async () => {
      const statement = { sql: 'INSERT INTO t(name, n) VALUES ($1, $2)', names: ['name', 'n'] };
      expect(await failure(() => db.run(statement, ['a', 'x']))).toEqual({ failure: 'type', field: 'n' });
    });

    test('leave the connection as good as it was', async () => {
      const single = open({ maxConnections: 1 });
      for (let i = 0; i < 5; i++) {
        expect(await failure(() => single.rows(insert, [null]))).toMatchObject({ failure: 'not_null' });
        expect(await single.column(names, [])).toEqual([]);
      }
      expect(await single.run(st("UPDATE t SET name = 'x'"), [])).toEqual({ changes: 0, lastId: undefined });
    });

    test('where only reading is allowed', async () => {
      const refused = db.transaction(async (session) => {
        await session.run(st('SET TRANSACTION READ ONLY'), []);
        await session.rows(insert, ['a']);
      });
      expect(await failure(() => refused)).toMatchObject({ failure: 'read_only' });
    });
  });

  describe('transactions', () => {
    test('keep all or nothing, and others see them when they are over', async () => {
      await db.transaction(async (session) => {
        await session.rows(insert, ['a']);
        expect(await session.column(names, [])).toEqual(['a']);
        expect(await db.column(names, [])).toEqual([]);
      });
      expect(await db.column(names, [])).toEqual(['a']);
      const thrown = db.transaction(async (session) => {
        await session.rows(insert, ['b']);
        throw new Error('out');
      });
      await expect(thrown).rejects.toThrow('out');
      expect(await db.column(names, [])).toEqual(['a']);
    });

    test('without a statement cost nothing and hold nothing back', async () => {
      const single = open({ maxConnections: 1 });
      expect(await single.transaction(() => 5)).toBe(5);
      await expect(single.transaction(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
      const status = await single.column(st('SELECT pg_current_xact_id_if_assigned() IS NULL'), []);
      expect(status).toEqual([true]);
    });

    test('savepoints are undone alone, nested ones too', async () => {
      await db.transaction(async (session) => {
        await session.rows(insert, ['a']);
        const inner = session.savepoint(async () => {
          await session.rows(insert, ['b']);
          await session.savepoint(() => session.rows(insert, ['c']));
          expect(await failure(() => session.savepoint(() => session.rows(insert, ['a'])))).toMatchObject({
            failure: 'unique',
          });
          expect(await session.column(names, [])).toEqual(['a', 'b', 'c']);
          throw new Error('undo b and c');
        });
        await expect(inner).rejects.toThrow('undo b and c');
        await session.savepoint(() => session.rows(insert, ['d']));
      });
      expect(await db.column(names, [])).toEqual(['a', 'd']);
    });

    test('many savepoints, some of them refused', async () => {
      const single = open({ maxConnections: 1 });
      await single.transaction(async (session) => {
        for (let i = 0; i < 50; i++) {
          const refused = i % 5 === 0;
          const one = session.savepoint(() => session.rows(insert, [refused ? null : `s${i}`]));
          await (refused ? expect(one).rejects.toBeInstanceOf(DatabaseError) : one);
        }
      });
      expect(await single.column(names, [])).toHaveLength(40);
    });

    test('what is refused at the end undoes all', async () => {
      const late = db.transaction(async (session) => {
        await session.run(st('SET CONSTRAINTS ALL DEFERRED'), []);
        await session.run(st("INSERT INTO t(name, p) VALUES ('a', 9)"), []);
      });
      expect(await failure(() => late)).toMatchObject({ failure: 'foreign_key', field: 'p' });
      expect(await db.column(names, [])).toEqual([]);
    });

    test('a failure that somebody overlooked is not taken for success', async () => {
      const overlooked = db.transaction(async (session) => {
        await session.rows(insert, ['a']);
        await Promise.resolve(session.rows(insert, [null])).catch(() => undefined);
      });
      expect(await failure(() => overlooked)).toMatchObject({ failure: 'other' });
      expect(await db.column(names, [])).toEqual([]);
    });

    test('statements that are not waited for keep their order', async () => {
      await db.transaction(async (session) => {
        await Promise.all(['a', 'b', 'c'].map((name) => session.rows(insert, [name])));
      });
      expect(await db.column(names, [])).toEqual(['a', 'b', 'c']);
    });

    test('a session whose transaction is over does nothing', async () => {
      const kept = await db.transaction((session) => session);
      expect(await failure(() => kept.rows(insert, ['late']))).toMatchObject({ failure: 'other' });
      expect(await db.column(names, [])).toEqual([]);
    });

    test('of two in a deadlock the statement outside a transaction gets through', async () => {
      await db.rows(insert, ['a']);
      await db.rows(insert, ['b']);
      const lock = st('UPDATE t SET n = $2 WHERE name = $1');
      const { promise: met, resolve: meet } = Promise.withResolvers<void>();
      const slow = db.transaction(async (session) => {
        await session.run(lock, ['b', 1]);
        meet();
        // The other one finds out first, and gives way.
        await session.run(st('SET LOCAL deadlock_timeout = 10000'), []);
        return session.run(lock, ['a', 2]);
      });
      await met;
      const both = st("UPDATE t SET n = n FROM (SELECT pg_sleep(0.05)) s WHERE name IN ('a', 'b')");
      const outcomes = await Promise.allSettled([slow, db.run(both, [])]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    });
  });

  describe('prepared statements', () => {
    const one = st('SELECT x FROM t WHERE id = $1');

    test('are prepared anew after the schema changed', async () => {
      await db.run(st("INSERT INTO t(name, x) VALUES ('a', 5)"), []);
      const all = () => Promise.all(Array.from({ length: 12 }, () => db.column(one, [1])));
      expect(new Set((await all()).flat())).toEqual(new Set([5]));
      await own.execute('ALTER TABLE t ALTER x TYPE text USING x::text');
      expect(new Set((await all()).flat())).toEqual(new Set(['5']));
    });

    test('inside a transaction a changed schema is a matter of trying again', async () => {
      const single = open({ maxConnections: 1 });
      await single.column(one, [1]);
      await own.execute('ALTER TABLE t ALTER x TYPE text USING x::text');
      const stale = single.transaction((session) => session.column(one, [1]));
      expect(await failure(() => stale)).toMatchObject({ failure: 'busy' });
      expect(await single.transaction((session) => session.column(one, [1]))).toEqual([]);
    });

    test('that the server forgot are prepared anew', async () => {
      const single = open({ maxConnections: 1 });
      await single.column(one, [1]);
      await single.run(st('DEALLOCATE ALL'), []);
      expect(await single.column(one, [1])).toEqual([]);
    });

    test('are kept up to a bound', async () => {
      const single = open({ maxConnections: 1 });
      for (let i = 0; i < limits.preparedStatements + 20; i++) {
        expect(await single.column(st(`SELECT ${i}`), [])).toEqual([i]);
      }
      const [count] = await single.column(st('SELECT count(*) FROM pg_prepared_statements'), []);
      expect(Number(count)).toBeLessThanOrEqual(limits.preparedStatements);
    });

    test('are not kept where they must not be', async () => {
      const single = open({ maxConnections: 1, isPreparing: false });
      await single.transaction(async (session) => {
        await session.rows(insert, ['a']);
        await session.savepoint(() => session.rows(insert, ['b']));
      });
      expect(await single.column(names, [])).toEqual(['a', 'b']);
      expect(await single.column(st('SELECT count(*) FROM pg_prepared_statements'), [])).toEqual([0]);
    });
  });

  describe('portions', () => {
    const numbers = st('SELECT g AS n, repeat($1, 5) AS t FROM generate_series(1, 5000) g');

    test('give all rows of one moment, none larger than a portion', async () => {
      const sizes: number[] = [];
      const rows: Row[] = [];
      await db.run(st('INSERT INTO t(name) SELECT g::text FROM generate_series(1, 2500) g'), []);
      for await (const portion of db.stream(st('SELECT id, name FROM t ORDER BY id'), [])) {
        if (sizes.length === 0) await db.run(st('DELETE FROM t'), []);
        sizes.push(portion.length);
        rows.push(...portion);
      }
      expect(rows.map(({ name }) => name)).toEqual(Array.from({ length: 2_500 }, (_n, i) => String(i + 1)));
      expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.streamPortion);
    });

    test('are smaller where rows are large', async () => {
      const wide = st(`SELECT repeat('x', 100000) AS t FROM generate_series(1, 300)`);
      const sizes: number[] = [];
      for await (const portion of db.stream(wide, [])) sizes.push(portion.length);
      expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(3);
    });

    test('left early give their connection back, again and again', async () => {
      for (let i = 0; i < limits.streams * 3; i++) {
        for await (const portion of db.stream(numbers, ['x'])) {
          expect(portion[0]).toEqual({ n: 1, t: 'xxxxx' });
          break;
        }
      }
      const active = st(
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()",
      );
      expect(await db.column(active, [])).toEqual([0]);
    });

    test('can not write, and say what is wrong', async () => {
      const read = async (statement: { sql: string }) => {
        for await (const portion of db.stream(statement, [])) expect(portion).toBeDefined();
      };
      expect(await failure(() => read(st('SELECT nothing')))).toMatchObject({ failure: 'other' });
      expect(await failure(() => read(st('SELECT 1 / (g - 3) FROM generate_series(1, 5) g')))).toMatchObject({
        failure: 'type',
      });
      expect(await failure(() => read(st("SELECT setval('t_id_seq', 5)")))).toMatchObject({
        failure: 'read_only',
      });
    });
  });

  describe('connections', () => {
    const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`;

    test('that are cut while they idle are replaced unseen', async () => {
      await Promise.all(Array.from({ length: 3 }, () => db.column(names, [])));
      await own.execute(cut);
      await expect
        .poll(async () => db.column(names, []).catch((error: DatabaseError) => error.failure))
        .toEqual([]);
    });

    test('that are cut at work are unavailable, and the pool heals', async () => {
      const sleeping = failure(() => db.run(st('SELECT pg_sleep(20)'), []));
      const active = st(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND state = 'active'",
      );
      await expect.poll(async () => Number((await db.column(active, []))[0])).toBeGreaterThan(1);
      await own.execute(cut);
      expect(await sleeping).toMatchObject({ failure: 'unavailable' });
      await expect
        .poll(async () => db.column(names, []).catch((error: DatabaseError) => error.failure))
        .toEqual([]);
    });

    test('that are cut inside a transaction end it, and are not used again', async () => {
      const single = open({ maxConnections: 1 });
      const broken = single.transaction(async (session) => {
        await session.rows(insert, ['a']);
        await own.execute(cut);
        await session.rows(insert, ['b']);
      });
      expect(await failure(() => broken)).toMatchObject({ failure: 'unavailable' });
      expect(await single.column(names, [])).toEqual([]);
    });

    test('are no more than allowed, and everybody gets a turn', async () => {
      const few = open({ maxConnections: 2 });
      const asked = Array.from({ length: 40 }, () => few.column(st('SELECT pg_backend_pid()'), []));
      expect(new Set((await Promise.all(asked)).flat()).size).toBeLessThanOrEqual(2);
    });

    test('a pool of one that is held refuses others after a while', async () => {
      const single = open({ maxConnections: 1 });
      const refused = await single.transaction(() => failure(() => single.column(names, [])));
      expect(refused).toMatchObject({ failure: 'busy' });
      expect(await single.column(names, [])).toEqual([]);
    });

    test('to where nothing is are refused at once, all of them', async () => {
      const nowhere = open({ client: { host: '127.0.0.1', port: 1, user: 'x', ssl: false } });
      const asked = Array.from({ length: 20 }, () => failure(() => nowhere.column(names, [])));
      for (const refused of await Promise.all(asked))
        expect(refused).toMatchObject({ failure: 'unavailable' });
    });

    test('after closing everything is refused', async () => {
      const other = open();
      await other.column(names, []);
      await other.close();
      expect(await failure(() => other.column(names, []))).toMatchObject({ failure: 'unavailable' });
      expect(await failure(() => other.transaction(() => 1))).toMatchObject({ failure: 'unavailable' });
    });
  });
});
