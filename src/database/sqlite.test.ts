import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { limits } from '../core/limits.ts';
import { DatabaseError, type DatabaseFailure } from './connection.ts';
import { openSqlite, type SqliteDatabase } from './sqlite.ts';

const st = (sql: string) => ({ sql });
const insert = st('INSERT INTO t(name) VALUES (?)');
const names = st('SELECT name FROM t ORDER BY id');
const schema = `
  CREATE TABLE parent(id INTEGER PRIMARY KEY);
  CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, n INTEGER CHECK (n > 0),
    p INTEGER REFERENCES parent(id), UNIQUE (n, p));
  CREATE TABLE strictly(n INTEGER) STRICT;`;

let folder: string;
let file: string;
let db: SqliteDatabase;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-sqlite-'));
  file = join(folder, 'data.sqlite');
  const setup = new Sqlite(file);
  setup.exec(schema);
  setup.close();
  db = openSqlite({ path: file });
});

afterEach(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

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

describe('opening', () => {
  test('a missing file is refused and not made', async () => {
    const path = join(folder, 'missing.sqlite');
    expect(await failure(() => openSqlite({ path }))).toMatchObject({ failure: 'unavailable' });
    expect(existsSync(path)).toBe(false);
  });

  test('a missing file is made on request, a missing folder never', async () => {
    const path = join(folder, 'new.sqlite');
    const made = openSqlite({ path, create: true });
    expect(made.column(st('SELECT 1'), [])).toEqual([1]);
    await made.close();
    const lost = join(folder, 'no', 'such', 'folder.sqlite');
    expect(await failure(() => openSqlite({ path: lost, create: true }))).toMatchObject({
      failure: 'unavailable',
    });
  });

  test('a file of something else is refused', async () => {
    const path = join(folder, 'text.sqlite');
    writeFileSync(path, 'this is no database, whatever its name says '.repeat(50));
    expect(await failure(() => openSqlite({ path }))).toMatchObject({ failure: 'unavailable' });
  });

  test('durability, foreign keys and the write-ahead log are set', async () => {
    const pragma = (name: string) => db.transaction((session) => session.column(st(`PRAGMA ${name}`), [])[0]);
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('foreign_keys')).toBe(1);
    expect(await pragma('synchronous')).toBe(2);
    const normal = openSqlite({ path: file, synchronous: 'NORMAL' });
    expect(await normal.transaction((session) => session.column(st('PRAGMA synchronous'), []))).toEqual([1]);
    await normal.close();
  });

  test.skipIf(process.getuid?.() === 0)('a file that may only be read is read', async () => {
    await db.close();
    chmodSync(file, 0o444);
    const readable = openSqlite({ path: file });
    expect(readable.column(names, [])).toEqual([]);
    expect(await failure(() => readable.run(insert, ['a']))).toMatchObject({ failure: 'read_only' });
    await readable.close();
    chmodSync(file, 0o644);
    db = openSqlite({ path: file });
  });

  test('after closing everything is refused', async () => {
    const other = openSqlite({ path: file });
    await other.close();
    expect(await failure(() => other.column(names, []))).toMatchObject({ failure: 'unavailable' });
    expect(await failure(() => other.transaction(() => 1))).toMatchObject({ failure: 'unavailable' });
  });
});

describe('values', () => {
  test('integers keep all their digits and small ones stay numbers', () => {
    const big = 9_007_199_254_740_993n;
    expect(db.rows(st('SELECT ? AS big, 5 AS small, 1.5 AS real, NULL AS none'), [big])).toEqual([
      { big, small: 5, real: 1.5, none: null },
    ]);
    expect(db.column(st('SELECT value FROM json_each(?) ORDER BY 1'), [`[${big}, 7]`])).toEqual([7, big]);
    expect(db.rows(st('SELECT -9223372036854775808 AS least'), [])).toEqual([{ least: -(2n ** 63n) }]);
    expect(db.rows(st('SELECT 1e300 AS large'), [])).toEqual([{ large: 1e300 }]);
  });

  test('rows made by RETURNING are exact too, and written once', async () => {
    const returning = st('INSERT INTO parent(id) VALUES (?) RETURNING id');
    const big = 2n ** 60n;
    expect(await db.transaction((session) => session.rows(returning, [big]))).toEqual([{ id: big }]);
    expect(db.column(st('SELECT count(*) FROM parent'), [])).toEqual([1]);
  });

  test('the generated key is exact', async () => {
    expect(await db.run(insert, ['a'])).toEqual({ changes: 1, lastId: 1 });
    await db.run(st('INSERT INTO t(id, name) VALUES (?, ?)'), [2n ** 62n, 'b']);
    expect(await db.run(insert, ['c'])).toEqual({ changes: 1, lastId: 2n ** 62n + 1n });
  });

  test('bytes come as bytes', () => {
    const [value] = db.column(st("SELECT x'00ff'"), []);
    expect([...(value as Uint8Array)]).toEqual([0, 255]);
  });
});

describe('reading and writing', () => {
  test('a reader sees what is committed, never half of a transaction', async () => {
    await db.transaction(async (session) => {
      session.run(insert, ['a']);
      await new Promise((resolve) => setImmediate(resolve));
      expect(session.column(names, [])).toEqual(['a']);
      expect(db.column(names, [])).toEqual([]);
    });
    expect(db.column(names, [])).toEqual(['a']);
  });

  test('what is outside a transaction cannot write', async () => {
    const returning = st("INSERT INTO t(name) VALUES ('x') RETURNING id");
    expect(await failure(() => db.rows(returning, []))).toMatchObject({ failure: 'read_only' });
    expect(db.column(names, [])).toEqual([]);
  });

  test('a transaction that throws leaves nothing', async () => {
    const work = db.transaction(async (session) => {
      session.run(insert, ['a']);
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(db.column(names, [])).toEqual([]);
    expect(await db.run(insert, ['b'])).toMatchObject({ changes: 1 });
  });

  test('writers take their turns in the order of asking', async () => {
    const order: string[] = [];
    const write = (name: string) =>
      db.transaction(async (session) => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        session.run(insert, [name]);
        order.push(`${name} ends`);
      });
    const all = [write('a'), write('b')];
    const single = db.run(insert, ['c']);
    expect(single).toBeInstanceOf(Promise);
    await Promise.all([...all, single, write('d')]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'd begins', 'd ends']);
    expect(db.column(names, [])).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a writer whose turn does not come in time is refused, and the line goes on without it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const gate = Promise.withResolvers<void>();
    const holding = db.transaction(() => gate.promise);
    const refused = failure(() => db.transaction(() => 1));
    await vi.advanceTimersByTimeAsync(limits.databaseWaitMs - 1);
    const waiting = db.run(insert, ['a']);
    await vi.advanceTimersByTimeAsync(1);
    expect(await refused).toMatchObject({ failure: 'busy' });
    gate.resolve();
    await holding;
    expect(await waiting).toMatchObject({ changes: 1 });
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('a transaction that a trigger ended is not gone on with as if it were there', async () => {
    await db.run(
      st("CREATE TRIGGER no BEFORE INSERT ON t WHEN new.name = 'no' BEGIN SELECT RAISE(ROLLBACK, 'no'); END"),
      [],
    );
    const work = db.transaction((session) => {
      session.run(insert, ['a']);
      return session.savepoint(() => session.run(insert, ['no']));
    });
    await expect(work).rejects.toMatchObject({ failure: 'busy' });
    expect(db.column(names, [])).toEqual([]);
  });

  test('a lock held by another process is waited for', async () => {
    const other = new Sqlite(file);
    other.exec('BEGIN IMMEDIATE');
    const waiting = [
      db.transaction((session) => session.run(insert, ['later'])),
      Promise.resolve(db.run(insert, ['last'])),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    other.exec("INSERT INTO t(name) VALUES ('first'); COMMIT");
    await Promise.all(waiting);
    expect(db.column(names, [])).toEqual(['first', 'later', 'last']);
    other.close();
  });

  test('a database in memory is one for readers and writers', async () => {
    const memory = openSqlite({ path: ':memory:' });
    await memory.run(st('CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)'), []);
    await memory.run(insert, ['a']);
    expect(memory.column(names, [])).toEqual(['a']);
    await memory.close();
  });
});

describe('refusals say what kind they are', () => {
  const add = (columns: string, ...values: (string | number)[]) =>
    db.run(st(`INSERT INTO t(${columns}) VALUES (${values.map(() => '?').join()})`), values);

  test.each([
    ['a second value', ['name', 'a'], { failure: 'unique', field: 'name' }],
    ['a check', ['name, n', 'b', 0], { failure: 'check', field: undefined }],
    ['a missing parent', ['name, p', 'b', 7], { failure: 'foreign_key', field: undefined }],
    ['a missing value', ['n', 5], { failure: 'not_null', field: 'name' }],
  ] as const)('%s', async (_name, [columns, ...values], expected) => {
    await db.run(insert, ['a']);
    expect(await failure(() => add(columns, ...values))).toEqual(expected);
  });

  test('a key of several fields names them all', async () => {
    await db.run(st('INSERT INTO parent(id) VALUES (1)'), []);
    await add('name, n, p', 'a', 1, 1);
    expect(await failure(() => add('name, n, p', 'b', 1, 1))).toEqual({ failure: 'unique', field: 'n, p' });
  });

  test('a wrong type in a strict table', async () => {
    const wrong = st("INSERT INTO strictly(n) VALUES ('abc')");
    expect(await failure(() => db.run(wrong, []))).toEqual({ failure: 'type', field: 'n' });
  });

  test('whatever else goes wrong', async () => {
    expect(await failure(() => db.rows(st('SELECT nonsense FROM t'), []))).toMatchObject({
      failure: 'other',
    });
    expect(await failure(() => db.column(st('SELECT 1'), [1]))).toMatchObject({ failure: 'other' });
  });
});
