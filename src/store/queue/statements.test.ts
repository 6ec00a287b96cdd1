// Statements that are made once and asked often.
import Sqlite from 'better-sqlite3';
import { Kysely, SqliteDialect, sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoreDialect } from '../dialect.ts';
import type { Handle } from '../table.ts';
import { filledUp, listOf, Statements } from './statements.ts';

let handle: Handle;
const kept: string[] = [];
const dialect = { keep: (text: string) => void kept.push(text) } as unknown as StoreDialect;

beforeEach(() => {
  kept.length = 0;
  handle = new Kysely({ dialect: new SqliteDialect({ database: new Sqlite(':memory:') }) });
});
afterEach(() => handle.destroy());

test('a list is filled up with its last value, to one of few lengths', () => {
  expect(filledUp([7])).toEqual([7]);
  expect(filledUp([1, 2, 3])).toEqual([1, 2, 3, 3]);
  expect(filledUp([1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
  expect(new Set(Array.from({ length: 500 }, (_, at) => filledUp(Array(at + 1)).length)).size).toBe(10);
});

test('values that fill a list up match no more rows', async () => {
  const statements = new Statements(dialect);
  await sql`create table thing (id integer primary key)`.execute(handle);
  await sql`insert into thing values (1), (2), (3), (4), (5)`.execute(handle);
  const values = filledUp([1, 3, 5]);
  const make = () => sql`select id from thing where id in ${listOf(values.length)} order by id`;
  const rows = await statements.ask(handle, { name: 'things', make, values });
  expect(rows.map(({ id }) => id)).toEqual([1, 3, 5]);
});

test('a text is made once, told to the engine, and asked with other values', async () => {
  const statements = new Statements(dialect);
  let made = 0;
  const make = () => {
    made += 1;
    return sql`select ${null} as value`;
  };
  const answers = [];
  for (const value of ['one', "two'; drop table thing", 3]) {
    answers.push(...(await statements.ask(handle, { name: 'value', make, values: [value] })));
  }
  expect(answers.map(({ value }) => value)).toEqual(['one', "two'; drop table thing", 3]);
  expect([made, kept]).toEqual([1, ['select ? as value']]);
});
