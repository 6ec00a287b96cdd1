import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import { fc } from '../../../../../test/properties.ts';
import { writeJson } from '../../../../core/body.ts';
import { PlatformError } from '../../../../core/errors.ts';
import { DatabaseError } from '../../../../database/connection.ts';
import { decodeRow } from '../../reading/fetch.ts';
import { assemble } from '../../schema/assembly.ts';
import type { Field, Table } from '../../schema.ts';
import { readArray, writeArray } from './array-text.ts';
import { connectionOf } from './connection.ts';
import { PostgresEngine } from './engine.ts';
import { readMoment, writeMoment } from './moments.ts';

const two = (number: number) => String(number).padStart(2, '0');
const day = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([year, month, date]) => `${String(year).padStart(4, '0')}-${two(month)}-${two(date)}`);
const fraction = fc.constantFrom('', '.5', '.123456', '.000001');
const clock = fc
  .tuple(
    fc.integer({ min: 0, max: 23 }),
    fc.integer({ min: 0, max: 59 }),
    fc.integer({ min: 0, max: 59 }),
    fraction,
  )
  .map(([hour, minute, second, part]) => `${two(hour)}:${two(minute)}:${two(second)}${part}`);
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', 'NULL', '"', '\\', '{}', '\n', "'", '\u2028', '\u007f', ' ', 'a,b'),
);
const storable = text.filter((each) => !each.includes('\0') && each.isWellFormed());
const whole = (bits: number) =>
  fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n }).map(plainNumber);
const digits = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 25 }))
  .map(([number, scale]) => decimalText(number, scale));

function plainNumber(number: bigint): number | bigint {
  return Number.isSafeInteger(Number(number)) ? Number(number) : number;
}

function decimalText(number: bigint, scale: number): string {
  const plain = (number < 0n ? -number : number).toString().padStart(scale + 1, '0');
  const point = plain.length - scale;
  return `${number < 0n ? '-' : ''}${plain.slice(0, point)}${scale === 0 ? '' : `.${plain.slice(point)}`}`;
}

// What each type takes and answers alike.
const alike: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  smallint: whole(16),
  integer: whole(32),
  bigint: whole(64),
  boolean: fc.boolean(),
  text: storable,
  'varchar(400)': storable,
  'double precision': fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  date: day,
  time: clock,
  timestamp: fc.tuple(day, clock).map((parts) => parts.join(' ')),
  'timestamp with time zone': fc.tuple(day, clock).map((parts) => `${parts.join('T')}Z`),
  uuid: fc.uuid(),
  bytea: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  jsonb: fc
    .jsonValue({ maxDepth: 3 })
    .filter((value) => !/\\u|-0|e[+-]|__proto__/.test(JSON.stringify(value))),
  'integer[]': fc.array(fc.option(whole(32))),
  'text[]': fc.array(fc.option(storable)),
  'boolean[]': fc.array(fc.option(fc.boolean())),
  'timestamp with time zone[]': fc.array(fc.tuple(day, clock).map((parts) => `${parts.join('T')}Z`)),
  'bytea[]': fc.array(fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('base64'))),
};

describe.runIf(canTest('postgres'))('values of PostgreSQL', () => {
  let own: TestDatabase;
  let engine: PostgresEngine;
  let table: Table;
  const names = [...Object.keys(alike), 'numeric', 'real'];

  beforeAll(async () => {
    own = await testDatabase('postgres');
    await own.execute(
      `CREATE TABLE t(number serial, ${names.map((type, index) => `c${index} ${type}`).join()});`,
    );
    const { host, port, user: username, password, database } = own;
    const connection = connectionOf({ host, port, username, password, database });
    engine = new PostgresEngine({ connection, schemas: [] });
    const [found] = assemble(await engine.introspect());
    if (found === undefined) throw new Error('no table');
    table = found;
  });

  afterAll(async () => {
    await engine.close();
    await own.drop();
  });

  function fieldOf(type: string): Field {
    const found = table.field(`c${names.indexOf(type)}`);
    if (found === undefined) throw new Error(`no field of type ${type}`);
    return found;
  }

  /** Stores values and answers them by both ways: as values, and as JSON made of the bytes. */
  async function stored(type: string, values: readonly unknown[]): Promise<{ rows: string; json: string }> {
    const field = fieldOf(type);
    const database = engine.database();
    await database.run({ sql: 'DELETE FROM t' }, []);
    const bound = values.map((value) => engine.dialect.encode(field, value));
    const marks = bound.map((_value, index) => `(${index}, $${index + 1})`).join();
    await database.run(
      { sql: `INSERT INTO t(${field.column}) SELECT v::${type} FROM (VALUES ${marks}) x(i, v) ORDER BY i` },
      bound.map((value) =>
        value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : value,
      ),
    );
    const statement = { sql: `SELECT ${field.column} FROM t ORDER BY number` };
    const rows = await database.rows(statement, []);
    const fields = [field];
    const json = await engine.dialect.readJson?.(database, { statement, values: [], fields });
    return {
      rows: writeJson(rows.map((row) => decodeRow(engine.dialect, fields, row))),
      json: json?.text ?? '',
    };
  }

  test.each(Object.entries(alike))('%s comes back as it was', async (type, arbitrary) => {
    const { name } = fieldOf(type);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(arbitrary), { minLength: 1, maxLength: 40 }), async (values) => {
        const { rows, json } = await stored(type, values);
        const expected = writeJson(values.map((value) => ({ [name]: value })));
        // jsonb sorts the keys of objects.
        if (type === 'jsonb') expect(JSON.parse(rows)).toEqual(JSON.parse(expected));
        else expect(rows).toBe(expected);
        expect(json).toBe(rows);
      }),
      { numRuns: 25 },
    );
  });

  test('numbers of any length keep their digits, made of values or of bytes', async () => {
    const odd = [
      'NaN',
      'Infinity',
      '-Infinity',
      '0',
      '0.0',
      '-0.5',
      '0.0000001',
      '1e-30',
      '1e25',
      '-0',
      '100.00',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(digits, fc.constantFrom(...odd)), { minLength: 1 }),
        async (values) => {
          const { rows, json } = await stored('numeric', values);
          expect(json).toBe(rows);
          const database = engine.database();
          const sql = `SELECT c${names.indexOf('numeric')}::text AS v FROM t ORDER BY number`;
          const exact = await database.column({ sql }, []);
          const answered = JSON.parse(
            rows,
            (_key, value, context?: { source?: string }) => context?.source ?? value,
          );
          for (const [index, entry] of exact.entries()) {
            const [mine] = Object.values(answered[index] as Record<string, string>);
            const same = await database.column({ sql: 'SELECT $1::numeric = $2::numeric' }, [
              String(mine).replaceAll('"', ''),
              String(entry),
            ]);
            expect(same, `${mine} is ${entry}`).toEqual([true]);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  test('single floats come back as what they were rounded to', async () => {
    const singles = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(singles, async (values) => {
        const { rows, json } = await stored('real', values);
        expect(json).toBe(rows);
        const answered = JSON.parse(rows).map((row: Record<string, number>) =>
          Math.fround(Number(Object.values(row)[0])),
        );
        expect(answered).toEqual(values.map((value) => value + 0));
      }),
      { numRuns: 25 },
    );
  });

  test('anything at all is taken or refused, never a failure', async () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      text,
      fc.constantFrom('infinity', '2026-02-30', '1e400', '{1,2}'),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), anything, async (type, value) => {
        const field = fieldOf(type);
        const database = engine.database();
        try {
          const bound = engine.dialect.encode(field, value);
          const place = `INSERT INTO t(${field.column}) VALUES ($1)`;
          await database.run({ sql: place, names: [field.name] }, [bound]);
        } catch (error) {
          if (error instanceof PlatformError) expect(error.message).toContain(`'${field.name}'`);
          else expect(error).toMatchObject({ failure: 'type', field: field.name });
        }
        try {
          const literal = engine.dialect.encodeLiteral(field, value as string);
          const mark = field.type === 'float' ? '$1::float8' : '$1';
          await database.rows({ sql: `SELECT 1 FROM t WHERE ${field.column} = ${mark}` }, [literal]);
        } catch (error) {
          if (!(error instanceof DatabaseError)) expect(error).toBeInstanceOf(PlatformError);
          else expect(error.failure).toBe('type');
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('texts of arrays', () => {
  test('are read back as the list that was written', () => {
    const matrix = fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.array(text, { minLength: 3, maxLength: 9 }))
      .map(([width, list]) => chunks(list, width));
    const flat = fc.array(fc.option(text));
    fc.assert(
      fc.property(fc.oneof(flat, matrix), (list) => {
        const written = writeArray(list, ',');
        expect(readArray(written ?? '', ',')).toEqual(list);
      }),
    );
  });

  test('of the server have bounds and bare words', () => {
    expect(readArray('[0:1]={a,NULL}', ',')).toEqual(['a', null]);
    expect(readArray('{{1,2},{3,"NULL"}}', ',')).toEqual([
      ['1', '2'],
      ['3', 'NULL'],
    ]);
    expect(readArray('{(1,2),(0,0);(3,4),(1,1)}', ';')).toEqual(['(1,2),(0,0)', '(3,4),(1,1)']);
    expect(() => readArray('{a', ',')).toThrow('without an end');
  });

  test('exist only for lists that are a matrix', () => {
    expect(writeArray([['a'], ['b', 'c']], ',')).toBeUndefined();
    expect(writeArray([['a'], 'b'], ',')).toBeUndefined();
    expect(writeArray([[]], ',')).toBeUndefined();
    expect(writeArray([[], []], ',')).toBeUndefined();
    expect(writeArray([], ',')).toBe('{}');
  });

  function chunks(list: readonly string[], width: number): string[][] {
    const rows: string[][] = [];
    for (let at = 0; at + width <= list.length; at += width) rows.push(list.slice(at, at + width));
    return rows;
  }
});

describe('moments', () => {
  test.each([
    ['date', '0044-03-15 BC', '0044-03-15 BC'],
    ['date', '0001-02-29 BC', '0001-02-29 BC'],
    ['date', '0002-02-29 BC', undefined],
    ['date', '12026-02-29', undefined],
    ['date', '12024-02-29', '12024-02-29'],
    ['date', 'Infinity', undefined],
    ['time', '24:00:00', '24:00:00'],
    ['time', '24:00:01', undefined],
    ['timetz', '10:00', '10:00:00+00'],
    ['timetz', '10:00:00+16', undefined],
    ['timestamptz', '12026-01-01T00:00:00Z', '12026-01-01 00:00:00+00'],
    ['timestamptz', '12026-01-01 00:00:00+02', '12026-01-01 00:00:00+02'],
    ['timestamp', '-infinity', '-infinity'],
    ['timestamp', '99999999-01-01 00:00:00', undefined],
  ])('%s %s', (type, given, expected) => {
    expect(readMoment(type, given)).toBe(expected);
  });

  test('are answered in UTC, or as they are where they are no common ones', () => {
    expect(writeMoment('2026-01-31 09:30:00.5+00')).toBe('2026-01-31T09:30:00.5Z');
    expect(writeMoment('infinity')).toBe('infinity');
  });
});
