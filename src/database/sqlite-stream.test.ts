import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Row } from './connection.ts';
import { openSqlite, type SqliteDatabase } from './sqlite.ts';

const count = 3_500;
const ids = { sql: 'SELECT id FROM item ORDER BY id LIMIT ?' };
const all = { sql: 'SELECT id, name FROM item ORDER BY id LIMIT ?' };
const everything = [1_000_000];

let folder: string;
let database: SqliteDatabase;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-stream-'));
  database = openSqlite({ path: join(folder, 'a.sqlite'), create: true });
  await fill(database);
});

afterEach(async () => {
  vi.useRealTimers();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

async function fill(into: SqliteDatabase): Promise<void> {
  await into.run({ sql: 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, big INTEGER)' }, []);
  const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)';
  const sql = `INSERT INTO item ${numbers} SELECT i, 'item ' || i, 9007199254740992 + i FROM n`;
  await into.run({ sql: sql.replace(`INSERT INTO item ${numbers}`, `${numbers} INSERT INTO item`) }, [count]);
}

async function portionsOf(rows: AsyncIterable<readonly Row[]>): Promise<(readonly Row[])[]> {
  const portions: (readonly Row[])[] = [];
  for await (const portion of rows) portions.push(portion);
  return portions;
}

function begun(values: readonly number[] = everything): AsyncIterator<readonly Row[]> {
  return database.stream(all, values)[Symbol.asyncIterator]();
}

describe('a read in portions', () => {
  test('gives every row once, in order', async () => {
    const portions = await portionsOf(database.stream(ids, everything));
    expect(portions.map((portion) => portion.length)).toEqual([1_000, 1_000, 1_000, 500]);
    const rows = (await portionsOf(database.stream(all, everything))).flat();
    expect(rows).toEqual(database.rows(all, everything));
  });

  test.each([0, 1, 999, 1_000, 1_001, 2_000])('of %i rows ends behind them', async (length) => {
    const portions = await portionsOf(database.stream(all, [length]));
    expect(portions.flat().length).toBe(length);
    expect(portions.every((portion) => portion.length > 0)).toBe(true);
  });

  test('gives fewer rows at a time when they are long', async () => {
    await database.run({ sql: "UPDATE item SET name = printf('%.*c', 30000, 'x')" }, []);
    const portions = await portionsOf(database.stream(all, [10]));
    expect(portions.map((portion) => portion.length)).toEqual([2, 2, 2, 2, 2]);
  });

  test('keeps great numbers exact, and small ones numbers', async () => {
    const [portion] = await portionsOf(database.stream({ sql: 'SELECT id, big FROM item LIMIT 1' }, []));
    expect(portion).toEqual([{ id: 1, big: 9_007_199_254_740_993n }]);
  });

  test('sees one state, whatever is written meanwhile', async () => {
    const rows = begun();
    const first = await rows.next();
    await database.run({ sql: "UPDATE item SET name = 'changed'" }, []);
    await database.run({ sql: 'DELETE FROM item WHERE id > 3000' }, []);
    const rest = await portionsOf({ [Symbol.asyncIterator]: () => rows });
    expect([...first.value, ...rest.flat()].map((row: Row) => row.name)).toEqual(
      Array.from({ length: count }, (_each, index) => `item ${index + 1}`),
    );
    expect(database.rows({ sql: 'SELECT count(*) AS n FROM item' }, [])).toEqual([{ n: 3_000 }]);
  });

  test('of a database in memory comes in portions, too', async () => {
    const inMemory = openSqlite({ path: ':memory:' });
    await fill(inMemory);
    const portions = await portionsOf(inMemory.stream(all, everything));
    expect(portions.map((portion) => portion.length)).toEqual([1_000, 1_000, 1_000, 500]);
    await inMemory.close();
  });

  test('refuses what the database refuses, in its words', async () => {
    const reading = portionsOf(database.stream({ sql: 'SELECT absent FROM item' }, []));
    await expect(reading).rejects.toMatchObject({ failure: 'other', message: 'no such column: absent' });
    const writing = portionsOf(database.stream({ sql: 'DELETE FROM item RETURNING id' }, []));
    await expect(writing).rejects.toMatchObject({ failure: 'read_only' });
    expect((await portionsOf(database.stream(ids, everything))).length).toBe(4);
  });
});

describe('its connections', () => {
  test('are bounded: further reads wait for one that ends, in their order', async () => {
    const reads = Array.from({ length: limits.streams }, () => begun());
    await Promise.all(reads.map((rows) => rows.next()));
    const order: number[] = [];
    const waiting = [1, 2].map((number) =>
      portionsOf(database.stream(all, [number])).then((portions) => {
        order.push(number);
        return portions.flat().length;
      }),
    );
    await new Promise((done) => setTimeout(done, 20));
    expect(order).toEqual([]);
    await reads[0]?.return?.();
    expect([await Promise.all(waiting), order]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    await Promise.all(reads.map((rows) => rows.return?.()));
  });

  test('that do not become free in time are refused as busy', async () => {
    const reads = Array.from({ length: limits.streams }, () => begun());
    await Promise.all(reads.map((rows) => rows.next()));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const late = portionsOf(database.stream(all, [1]));
    const refused = expect(late).rejects.toMatchObject({ failure: 'busy' });
    await vi.advanceTimersByTimeAsync(limits.databaseWaitMs);
    await refused;
    await Promise.all(reads.map((rows) => rows.return?.()));
    expect((await portionsOf(database.stream(all, [1]))).flat().length).toBe(1);
  });

  test('come back when a loop is left, or fails', async () => {
    for (let i = 0; i < limits.streams * 3; i++) {
      for await (const _portion of database.stream(all, everything)) break;
      await expect(portionsOf(database.stream({ sql: 'SELECT absent' }, []))).rejects.toThrow();
    }
    expect((await portionsOf(database.stream(ids, everything))).length).toBe(4);
  });

  test('come back when nobody goes on reading', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const reads = Array.from({ length: limits.streams }, () => begun());
    await Promise.all(reads.map((rows) => rows.next()));
    await vi.advanceTimersByTimeAsync(limits.streamIdleMs);
    expect((await portionsOf(database.stream(ids, everything))).length).toBe(4);
    await expect(reads[0]?.next()).rejects.toMatchObject({ failure: 'unavailable' });
  });

  test('end with the database', async () => {
    const rows = begun();
    await rows.next();
    await database.close();
    await expect(rows.next()).rejects.toMatchObject({ failure: 'unavailable' });
    await expect(begun().next()).rejects.toMatchObject({ failure: 'unavailable' });
  });
});
