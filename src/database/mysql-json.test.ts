import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../test/databases.ts';
import { fc } from '../../test/properties.ts';
import { limits } from '../core/limits.ts';
import type { Bindable } from './connection.ts';
import { MysqlDatabase } from './mysql.ts';
import { type JsonKind, JsonShape } from './mysql-json.ts';

/** What a column of JSON is when every value is written by JSON.stringify. */
const plain = (value: unknown) => JSON.stringify(typeof value === 'bigint' ? String(value) : value);

/** Types of columns, how they are read, and values of them; `shown`: the JSON of what is stored. */
interface Case {
  readonly declared: string;
  readonly kind: JsonKind;
  readonly values: fc.Arbitrary<Bindable>;
  readonly shown: (value: Bindable) => string;
}

const integers = (min: bigint, max: bigint) =>
  fc.bigInt({ min, max }).map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value));
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => value.isWellFormed());
const shownInteger = (value: Bindable) => (typeof value === 'bigint' ? `"${value}"` : String(value));
const two = (number: number) => String(number).padStart(2, '0');
const day = fc
  .tuple(
    fc.integer({ min: 1000, max: 9999 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 28 }),
  )
  .map(([year, month, date]) => `${year}-${two(month)}-${two(date)}`);
const clock = fc
  .tuple(...[23, 59, 59].map((max) => fc.integer({ min: 0, max })))
  .map((parts) => parts.map(two).join(':'));
const fraction = fc.integer({ min: 0, max: 999_999 }).map((n) => (n === 0 ? '' : `.${n}`));
const trimmed = (value: string) => (value.includes('.') ? value.replace(/\.?0+$/, '') : value);
const moment = fc
  .tuple(day, clock, fc.integer({ min: 0, max: 999_999 }))
  .map(([date, time, micro]) => `${date} ${time}${micro === 0 ? '' : `.${String(micro).padStart(6, '0')}`}`)
  .map((value) => (value.includes('.') ? value.replace(/0+$/, '') : value));

const cases: readonly Case[] = [
  { declared: 'TINYINT', kind: 'number', values: integers(-128n, 127n), shown: shownInteger },
  { declared: 'TINYINT UNSIGNED', kind: 'number', values: integers(0n, 255n), shown: shownInteger },
  { declared: 'SMALLINT', kind: 'number', values: integers(-32_768n, 32_767n), shown: shownInteger },
  { declared: 'SMALLINT UNSIGNED', kind: 'number', values: integers(0n, 65_535n), shown: shownInteger },
  {
    declared: 'MEDIUMINT',
    kind: 'number',
    values: integers(-(2n ** 23n), 2n ** 23n - 1n),
    shown: shownInteger,
  },
  { declared: 'INT', kind: 'number', values: integers(-(2n ** 31n), 2n ** 31n - 1n), shown: shownInteger },
  { declared: 'INT UNSIGNED', kind: 'number', values: integers(0n, 2n ** 32n - 1n), shown: shownInteger },
  { declared: 'BIGINT', kind: 'number', values: integers(-(2n ** 63n), 2n ** 63n - 1n), shown: shownInteger },
  { declared: 'BIGINT UNSIGNED', kind: 'number', values: integers(0n, 2n ** 64n - 1n), shown: shownInteger },
  {
    declared: 'TINYINT(1)',
    kind: 'boolean',
    values: fc.constantFrom(0, 1),
    shown: (value) => String(value === 1),
  },
  { declared: 'VARCHAR(60)', kind: 'text', values: text, shown: plain },
  { declared: 'TEXT', kind: 'text', values: fc.string({ minLength: 0, maxLength: 700 }), shown: plain },
  {
    declared: 'VARBINARY(50)',
    kind: 'text',
    values: fc.uint8Array({ maxLength: 50 }),
    shown: (value) => plain(Buffer.from(value as Uint8Array)),
  },
  {
    declared: 'DOUBLE',
    kind: 'other',
    values: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    shown: plain,
  },
  { declared: 'DATE', kind: 'moment', values: day, shown: plain },
  { declared: 'DATE', kind: 'other', values: day, shown: plain },
  { declared: 'DATETIME(6)', kind: 'moment', values: moment, shown: plain },
  { declared: 'DATETIME(6)', kind: 'other', values: moment, shown: plain },
  {
    declared: 'TIME(6)',
    kind: 'moment',
    values: fc
      .tuple(fc.constantFrom('', '-'), fc.integer({ min: 0, max: 837 }), clock, fraction)
      .map(([sign, hours, rest, part]) => trimmed(`${sign}${two(hours)}${rest.slice(2)}${part}`))
      .map((value) => (/[1-9]/.test(value) ? value : value.replace('-', ''))),
    shown: plain,
  },
  {
    declared: 'DECIMAL(14,4)',
    kind: 'number',
    values: fc.integer({ min: -(10 ** 13), max: 10 ** 13 }).map((n) => String(n / 10_000)),
    shown: (value) => String(Number(value)),
  },
];

describe.runIf(canTest('mysql'))('records as JSON', () => {
  let place: TestDatabase;
  let database: MysqlDatabase;

  beforeAll(async () => {
    place = await testDatabase('mysql');
    const columns = cases.map(({ declared }, index) => `c${index} ${declared}`);
    await place.execute(`CREATE TABLE t(id INT PRIMARY KEY, ${columns.join(', ')})`);
    const { host, port, user, password } = place;
    database = new MysqlDatabase({
      login: {
        host,
        port,
        user,
        password,
        database: place.database,
        tls: 'disable',
        connectMs: limits.poolConnectMs,
      },
      ...{ maxConnections: 2, statementMs: 20_000, timeZone: '+00:00' },
    });
  });
  afterAll(async () => {
    database.close();
    await place.drop();
  });

  const shapeOf = (kinds: readonly JsonKind[]) =>
    new JsonShape(
      kinds.map((kind, index) => ({
        name: `c"${index}`,
        kind,
        json: (value) => plain(kind === 'number' && typeof value === 'string' ? Number(value) : value),
      })),
    );

  test('are what the values are', async () => {
    const shape = shapeOf(cases.map(({ kind }) => kind));
    const list = cases.map((_case, index) => `c${index}`).join(', ');
    const marks = cases.map(() => '?').join(', ');
    const write = { sql: `REPLACE INTO t(id, ${list}) VALUES (?, ${marks})` };
    const read = { sql: `SELECT ${list} FROM t WHERE id <= ? ORDER BY id` };
    const row = fc.tuple(...cases.map(({ values }) => fc.option(values, { freq: 8 })));
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 3 }), async (rows) => {
        for (const [id, values] of rows.entries()) await database.run(write, [id, ...values]);
        const { text: json, count } = await database.records(read, [rows.length - 1], shape);
        const expected = rows.map((values) => {
          const pairs = values.map((value, index) => {
            const shown = value === null ? 'null' : cases[index]?.shown(value);
            return `"c\\"${index}":${shown}`;
          });
          return `{${pairs.join(',')}}`;
        });
        expect(count).toBe(rows.length);
        expect(json).toBe(`[${expected.join(',')}]`);
      }),
      { numRuns: 60 },
    );
  });

  test('none are an empty list, and many are one text', async () => {
    const shape = shapeOf(['number', 'text']);
    const none = await database.records({ sql: 'SELECT id, c10 FROM t WHERE id < 0' }, [], shape);
    expect(none).toEqual({ text: '[]', count: 0 });
    const many = await database.records(
      { sql: "SELECT seq, repeat('ü', 200) FROM seq_1_to_3000 ORDER BY seq" },
      [],
      shape,
    );
    const records = JSON.parse(many.text) as Record<string, unknown>[];
    expect(many.count).toBe(3_000);
    expect(records.map((record) => record['c"0'])).toEqual(Array.from({ length: 3_000 }, (_n, i) => i + 1));
    expect(records.every((record) => record['c"1'] === 'ü'.repeat(200))).toBe(true);
  });

  test('several at a time do not mix', async () => {
    const shape = shapeOf(['number', 'text']);
    const asked = Array.from({ length: 30 }, (_none, n) =>
      database.records({ sql: 'SELECT ?, ? FROM seq_1_to_2' }, [n, `text ${n}`], shape),
    );
    for (const [n, { text: json }] of (await Promise.all(asked)).entries()) {
      expect(json).toBe(JSON.stringify(new Array(2).fill({ 'c"0': n, 'c"1': `text ${n}` })));
    }
  });

  test('long texts', async () => {
    const shape = shapeOf(['text']);
    for (const length of [250, 251, 65_535, 65_536, 15_000_000]) {
      const { text: json } = await database.records({ sql: "SELECT repeat('a', ?)" }, [length], shape);
      expect(json.length).toBe(length + '[{"c\\"0":""}]'.length);
    }
  });

  test('a row of more bytes than a packet', async () => {
    const half = 9_000_000;
    const statement = { sql: "SELECT repeat('a', ?), repeat('b', ?)" };
    const { text: json } = await database.records(statement, [half, half], shapeOf(['text', 'text']));
    expect(json.length).toBe(2 * half + '[{"c\\"0":"","c\\"1":""}]'.length);
  });

  test('what is wrong is told', async () => {
    await expect(database.records({ sql: 'SELECT nothing' }, [], shapeOf(['text']))).rejects.toMatchObject({
      failure: 'other',
    });
  });
});
