import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, databaseIn, type TestDatabase, testDatabase } from '../../test/databases.ts';
import { startPrivateServer } from '../../tools/databases.mjs';
import { limits } from '../core/limits.ts';
import { DatabaseError } from './connection.ts';
import { MysqlDatabase, type MysqlOptions } from './mysql.ts';
import type { MysqlLogin } from './mysql-connection.ts';

function loginOf({ host, port, database, user, password }: TestDatabase): MysqlLogin {
  return { host, port, database, user, password, tls: 'prefer', connectMs: limits.poolConnectMs };
}

function opened(place: TestDatabase, more: Partial<MysqlOptions> = {}): MysqlDatabase {
  return new MysqlDatabase({
    login: loginOf(place),
    maxConnections: 4,
    statementMs: 20_000,
    timeZone: '+00:00',
    ...more,
  });
}

async function failure(work: Promise<unknown>): Promise<DatabaseError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof DatabaseError) return error;
  throw new Error(`no DatabaseError: ${String(error)}`);
}

/** The states that the threads of a process are in. */
function threadStates(pid: number): string[] {
  const folder = `/proc/${pid}/task`;
  const states = readdirSync(folder).map((id) => readFileSync(`${folder}/${id}/stat`, 'utf8'));
  return [...new Set(states.map((text) => text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3)))];
}

const insert = { sql: 'insert into `t` (`n`, `name`) values (?, ?)' };
const names = { sql: 'SELECT name FROM t ORDER BY n' };
const count = { sql: 'SELECT count(*) AS c FROM t' };

describe.runIf(canTest('mysql'))('a database of MariaDB', () => {
  let place: TestDatabase;
  let database: MysqlDatabase;

  beforeAll(async () => {
    place = await testDatabase('mysql');
    await place.execute(`
      CREATE TABLE t(id INT AUTO_INCREMENT PRIMARY KEY, n INT, name VARCHAR(10), u INT UNIQUE,
        req INT NOT NULL DEFAULT 0, CHECK (n < 1000), KEY (n));
      CREATE TABLE child(id INT PRIMARY KEY, t_id INT, FOREIGN KEY (t_id) REFERENCES t(id));
      CREATE TABLE big(id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v BIGINT, d DECIMAL(40,20), b VARBINARY(9));
      CREATE TABLE many AS SELECT seq AS id, concat('name ', seq) AS name FROM seq_1_to_5000;
      CREATE PROCEDURE raised() SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not on Sundays';`);
    database = opened(place, { indexColumns: (table, index) => `${table}:${index}` });
  });
  afterAll(async () => {
    database.close();
    await place.drop();
  });

  test('says what the server is', async () => {
    const { isMariadb, version } = await database.server();
    expect(isMariadb).toBe(true);
    expect(version).toBeGreaterThan(10_00_00);
  });

  test('answers rows, columns and what a write did', async () => {
    expect(await database.run(insert, [1, 'one'])).toEqual({ changes: 1, lastId: 1 });
    expect(await database.rows({ sql: 'SELECT id, n, name FROM t WHERE id = ?' }, [1])).toEqual([
      { id: 1, n: 1, name: 'one' },
    ]);
    expect(await database.column(names, [])).toEqual(['one']);
    expect(await database.column({ sql: 'SELECT name FROM t WHERE id = -1' }, [])).toEqual([]);
  });

  test('counts rows that were found, changed or not', async () => {
    const same = { sql: 'UPDATE t SET n = n WHERE id = ?' };
    expect((await database.run(same, [1])).changes).toBe(1);
    expect((await database.run(same, [-1])).changes).toBe(0);
  });

  test('loses no digit and no byte', async () => {
    const sql = { sql: 'INSERT INTO big(id, v, d, b) VALUES (?, ?, ?, ?)' };
    const bytes = new Uint8Array([0, 255, 39, 92]);
    await database.run(sql, [
      2n ** 64n - 3n,
      -(2n ** 63n),
      '12345678901234567890.12345678901234567891',
      bytes,
    ]);
    await database.run(sql, [5, 9_007_199_254_740_993n, '0.1', new Uint8Array()]);
    expect(await database.rows({ sql: 'SELECT * FROM big ORDER BY id' }, [])).toEqual([
      { id: 5, v: 9_007_199_254_740_993n, d: '0.10000000000000000000', b: Buffer.alloc(0) },
      {
        id: 2n ** 64n - 3n,
        v: -(2n ** 63n),
        d: '12345678901234567890.12345678901234567891',
        b: Buffer.from(bytes),
      },
    ]);
    const found = await database.column({ sql: 'SELECT id FROM big WHERE id = ?' }, [2n ** 64n - 3n]);
    expect(found).toEqual([2n ** 64n - 3n]);
    const made = await database.run({ sql: 'INSERT INTO big(v) VALUES (?)' }, [1]);
    expect(made.lastId).toBe(2n ** 64n - 2n);
    expect(await database.column({ sql: 'SELECT ? > ?' }, [2n ** 70n, 2n ** 64n - 1n])).toEqual([1]);
  });

  test('a backslash and a quote are characters', async () => {
    const like = { sql: "SELECT ? LIKE REPLACE(?, '\\', '\\\\') ESCAPE '\\'" };
    expect(await database.column(like, ['a\\b', 'a\\%'])).toEqual([1]);
    expect(await database.column(like, ['a%', 'a\\%'])).toEqual([0]);
    expect(await database.column({ sql: 'SELECT ?' }, ['\\\'"`;--'])).toEqual(['\\\'"`;--']);
  });

  test('commits, undoes, and undoes a part', async () => {
    await database.transaction(async (session) => {
      await session.run(insert, [2, 'two']);
      await expect(
        session.savepoint(async () => {
          await session.run(insert, [3, 'three']);
          await session.savepoint(() => session.run(insert, [4, 'four']));
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      await session.savepoint(() => session.run(insert, [5, 'five']));
    });
    const work = database.transaction(async (session) => {
      await session.run(insert, [6, 'six']);
      throw new Error('undo');
    });
    await expect(work).rejects.toThrow('undo');
    expect(await database.column(names, [])).toEqual(['one', 'two', 'five']);
  });

  test('a transaction that has ended takes no statements', async () => {
    let kept: (() => Promise<unknown>) | undefined;
    await database.transaction(async (session) => {
      kept = async () => session.rows(count, []);
      await session.rows(count, []);
    });
    expect((await failure(kept?.() ?? Promise.resolve())).message).toMatch(/has ended/);
  });

  test.each([
    ['unique', 't:u', 'insert into `t` (`u`) values (?)', [7]],
    ['not_null', 'req', 'insert into `t` (`req`) values (?)', [null]],
    ['not_null', 'id', 'insert into `child` (`t_id`) values (?)', [null]],
    ['foreign_key', undefined, 'insert into `child` (`id`, `t_id`) values (?, 9999)', [1]],
    ['check', undefined, 'insert into `t` (`n`) values (?)', [1000]],
    ['type', 'n', 'insert into `t` (`n`) values (?)', [2n ** 40n]],
    ['type', 'n', 'insert into `t` (`n`) values (?)', ['x']],
    ['type', 'name', 'insert into `t` (`name`) values (?)', ['eleven long']],
    ['raised', undefined, 'CALL raised()', []],
    ['other', undefined, 'SELECT nothing', []],
  ] as const)('%s is told with its field %s: %s', async (kind, field, sql, values) => {
    if (kind === 'unique') await database.run({ sql: 'INSERT INTO t(u) VALUES (7)' }, []);
    const refusal = await failure(database.run({ sql }, values));
    expect([refusal.failure, refusal.field]).toEqual([kind, field]);
  });

  test('what may not be prepared is run as it is', async () => {
    await database.run(
      { sql: 'CREATE TRIGGER tr BEFORE INSERT ON child FOR EACH ROW SET NEW.t_id = NEW.t_id' },
      [],
    );
    await database.run({ sql: 'DROP TRIGGER tr' }, []);
  });

  test('a statement whose table has changed is prepared anew', async () => {
    await place.execute('CREATE TABLE changing(a INT); INSERT INTO changing VALUES (1)');
    const statement = { sql: 'SELECT * FROM changing' };
    expect(await database.rows(statement, [])).toEqual([{ a: 1 }]);
    await place.execute('ALTER TABLE changing ADD COLUMN b INT DEFAULT 2');
    expect(await database.rows(statement, [])).toEqual([{ a: 1, b: 2 }]);
  });

  test('keeps a limited number of statements', async () => {
    const one = opened(place, { maxConnections: 1 });
    for (let i = 0; i < limits.preparedStatements + 20; i++) {
      expect(await one.column({ sql: `SELECT ${i}` }, [])).toEqual([i]);
    }
    const [prepared] = await one.rows({ sql: "SHOW SESSION STATUS LIKE 'Com_stmt_close'" }, []);
    expect(Number(prepared?.Value)).toBeGreaterThan(0);
    expect(await one.column({ sql: 'SELECT 0' }, [])).toEqual([0]);
    one.close();
  });

  test('hands out as many connections as it may, and others wait in line', async () => {
    const pair = opened(place, { maxConnections: 2 });
    const numbers = await Promise.all(
      Array.from({ length: 20 }, () => pair.column({ sql: 'SELECT connection_id()' }, [])),
    );
    expect(new Set(numbers.flat()).size).toBeLessThanOrEqual(2);
    pair.close();
  });

  test('a victim of a deadlock is told so, a single statement is repeated', async () => {
    await place.execute('CREATE TABLE d(id INT PRIMARY KEY, v INT); INSERT INTO d VALUES (1, 0), (2, 0)');
    const set = { sql: 'UPDATE d SET v = v + 1 WHERE id = ?' };
    const barrier = Promise.withResolvers<void>();
    let ready = 0;
    const both = [1, 2].map((first) =>
      database.transaction(async (session) => {
        await session.run(set, [first]);
        if (++ready === 2) barrier.resolve();
        await barrier.promise;
        await session.run(set, [3 - first]);
      }),
    );
    const results = await Promise.allSettled(both);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(1);
    expect(refused[0]?.reason).toMatchObject({ failure: 'busy' });
    expect(await database.column({ sql: 'SELECT v FROM d ORDER BY id' }, [])).toEqual([1, 1]);
  });

  test('a statement that takes too long is ended by the server', async () => {
    const hasty = opened(place, { statementMs: 100 });
    const { failure: kind } = await failure(hasty.rows({ sql: 'SELECT SLEEP(30) FROM many' }, []));
    expect(kind).toBe('busy');
    expect(await hasty.column({ sql: 'SELECT 1' }, [])).toEqual([1]);
    hasty.close();
  });

  test('a closed database refuses', async () => {
    const closed = opened(place);
    await closed.rows(count, []);
    closed.close();
    expect((await failure(closed.rows(count, []))).failure).toBe('unavailable');
  });

  describe('in portions', () => {
    const all = { sql: 'SELECT id, name FROM many ORDER BY id' };

    test('every row comes once, in order', async () => {
      const ids: unknown[] = [];
      const sizes: number[] = [];
      for await (const rows of database.stream(all, [])) {
        sizes.push(rows.length);
        for (const { id } of rows) ids.push(id);
      }
      expect(ids).toEqual(Array.from({ length: 5_000 }, (_none, index) => index + 1));
      expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * limits.streamPortion);
    });

    test('ending the loop early frees the connection', async () => {
      for (let round = 0; round < limits.streams * 2; round++) {
        for await (const rows of database.stream(all, [])) {
          expect(rows.length).toBeGreaterThan(0);
          break;
        }
      }
    });

    test('other statements go on meanwhile, also with a single connection', async () => {
      const one = opened(place, { maxConnections: 1 });
      for await (const rows of one.stream(all, [])) {
        expect(rows.length).toBeGreaterThan(0);
        expect(await one.column({ sql: 'SELECT 1' }, [])).toEqual([1]);
      }
      one.close();
    });

    test('what is wrong is told', async () => {
      const portions = database.stream({ sql: 'SELECT nothing' }, [])[Symbol.asyncIterator]();
      expect((await failure(portions.next())).failure).toBe('other');
    });

    test('none is a stream without portions', async () => {
      let portions = 0;
      for await (const _rows of database.stream({ sql: 'SELECT id FROM many WHERE id < 0' }, [])) portions++;
      expect(portions).toBe(0);
    });
  });

  test('nobody to connect to is told at once', async () => {
    const nowhere = opened(place, { login: { ...loginOf(place), port: 1 } });
    const refusal = await failure(nowhere.rows(count, []));
    expect(refusal).toMatchObject({ failure: 'unavailable', cause: { code: 'ECONNREFUSED' } });
    const stranger = opened(place, { login: { ...loginOf(place), password: 'wrong' } });
    expect(await failure(stranger.rows(count, []))).toMatchObject({ cause: { errno: 1045 } });
    const missing = opened(place, { login: { ...loginOf(place), database: 'missing_database' } });
    expect(await failure(missing.rows(count, []))).toMatchObject({ cause: { errno: 1049 } });
  });
});

describe.runIf(canTest('mysql') && process.platform === 'linux')('a server that dies', () => {
  test('is away at once, loses nothing that was answered, and is used again when it is back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tenon-mysql-'));
    const server = await startPrivateServer('mysql', { folder });
    const place = await databaseIn('mysql', server);
    await place.execute('CREATE TABLE t(id INT AUTO_INCREMENT PRIMARY KEY, n INT, name VARCHAR(10))');
    const database = opened(place);
    try {
      const done: number[] = [];
      const failures: string[] = [];
      let isRunning = true;
      const writer = async (n: number) => {
        while (isRunning) {
          try {
            await database.transaction(async (session) => {
              const { lastId } = await session.run(insert, [n, 'w']);
              await session.rows(count, []);
              done.push(Number(lastId));
            });
          } catch (error) {
            done.length = done.filter(Boolean).length;
            failures.push((error as DatabaseError).failure);
          }
        }
      };
      const acknowledged: number[] = [];
      const single = async () => {
        while (isRunning) {
          try {
            acknowledged.push(Number((await database.run(insert, [1, 's'])).lastId));
          } catch (error) {
            failures.push((error as DatabaseError).failure);
            await new Promise((resolve) => setImmediate(resolve));
          }
        }
      };
      const busy = [writer(1), writer(2), single(), single()];
      await expect.poll(() => acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(20);
      await server.kill9();
      expect((await failure(database.rows(count, []))).failure).toBe('unavailable');
      await server.start();
      await expect
        .poll(
          () =>
            database.rows(count, []).then(
              () => 'back',
              () => 'away',
            ),
          { timeout: 2_000, interval: 50 },
        )
        .toBe('back');
      isRunning = false;
      await Promise.all(busy);
      expect(new Set(failures)).toEqual(new Set(['unavailable']));
      const kept = new Set(await database.column({ sql: "SELECT id FROM t WHERE name = 's'" }, []));
      expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
    } finally {
      database.close();
      await server.remove();
    }
  }, 60_000);

  test('that stands still is away for those who wait for it, and is used again when it goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tenon-mysql-'));
    const server = await startPrivateServer('mysql', { folder });
    const database = opened(await databaseIn('mysql', server), { statementMs: 600_000 });
    try {
      expect(await database.column({ sql: 'SELECT 1' }, [])).toEqual([1]);
      process.kill(server.pid, 'SIGSTOP');
      await expect.poll(() => threadStates(server.pid)).toEqual(['T']);
      const waiting = database.transaction((session) => session.column({ sql: 'SELECT 1' }, []));
      expect((await failure(waiting)).failure).toBe('unavailable');
      process.kill(server.pid, 'SIGCONT');
      await expect
        .poll(() => database.column({ sql: 'SELECT 2' }, []).catch(() => []), { timeout: 10_000 })
        .toEqual([2]);
    } finally {
      database.close();
      await server.remove();
    }
  }, 60_000);

  test('a slow statement on a server that is there goes on', async () => {
    const place = await testDatabase('mysql');
    const database = opened(place, { statementMs: 600_000 });
    const slow = (2 * limits.poolConnectMs) / 1_000 + 1.5;
    expect(await database.column({ sql: `SELECT SLEEP(${slow})` }, [])).toEqual([0]);
    database.close();
    await place.drop();
  }, 60_000);
});
