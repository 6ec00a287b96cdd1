import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import { fc } from '../../../../../test/properties.ts';
import { writeJson } from '../../../../core/body.ts';
import { PlatformError } from '../../../../core/errors.ts';
import type { Literal } from '../../../../core/query.ts';
import { parameterField } from '../../routines/routine.ts';
import type { Field } from '../../schema.ts';
import { columnType } from './column-type.ts';
import { MysqlEngine } from './engine.ts';
import { readShape } from './geometry.ts';
import { engineOptions } from './login.ts';
import { decode, encode, encodeLiteral } from './values.ts';

function fieldOf(declared: string, more: Partial<Field> = {}): Field {
  const [, dataType = ''] = /^(\w+)/.exec(declared) ?? [];
  const [, first, second] = /\((\d+)(?:,(\d+))?\)/.exec(declared) ?? [];
  const form = columnType({
    ...{ dataType, columnType: declared, charset: 'utf8mb4', isJson: false },
    length: first === undefined ? null : Number(first),
    precision: first === undefined ? null : Number(first),
    scale: second === undefined ? null : Number(second),
  });
  return { ...parameterField({ name: 'v', ...form }), ...more };
}

const two = (number: number) => String(number).padStart(2, '0');
const fraction = fc
  .integer({ min: 0, max: 999_999 })
  .map((n) => (n === 0 ? '' : `.${String(n).padStart(6, '0')}`));
const clock = fc
  .tuple(
    fc.integer({ min: 0, max: 23 }),
    fc.integer({ min: 0, max: 59 }),
    fc.integer({ min: 0, max: 59 }),
    fraction,
  )
  .map(([h, m, s, f]) => `${two(h)}:${two(m)}:${two(s)}${f}`);
const day = fc
  .date({ min: new Date('1000-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const stampDay = fc
  .date({ min: new Date('1970-01-02T00:00:00Z'), max: new Date('2038-01-18T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const canonical = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
const integers = (min: bigint, max: bigint) =>
  fc.bigInt({ min, max }).map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n));
const decimals = fc
  .tuple(fc.bigInt({ min: -(10n ** 40n) + 1n, max: 10n ** 40n - 1n }), fc.integer({ min: 0, max: 20 }))
  .map(([digits, scale]) => {
    const [sign, all] = digits < 0n ? ['-', String(-digits)] : ['', String(digits)];
    const padded = all.padStart(scale + 1, '0');
    return scale === 0
      ? `${sign}${all.slice(0, 20)}`
      : `${sign}${padded.slice(0, -scale).slice(-20)}.${padded.slice(-scale)}`;
  });

/** What goes in, what comes out, and whether it is found by what came out. */
interface RoundTrip {
  readonly declared: string;
  readonly given: fc.Arbitrary<unknown>;
  readonly answered?: (given: never) => unknown;
  readonly isComparable?: boolean;
}

const trips: readonly RoundTrip[] = [
  { declared: 'bigint(20)', given: integers(-(2n ** 63n), 2n ** 63n - 1n) },
  { declared: 'bigint(20) unsigned', given: integers(0n, 2n ** 64n - 1n) },
  { declared: 'int(10) unsigned', given: integers(0n, 2n ** 32n - 1n) },
  { declared: 'bit(64)', given: integers(0n, 2n ** 64n - 1n) },
  { declared: 'tinyint(1)', given: fc.boolean() },
  { declared: 'double', given: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0) },
  {
    declared: 'float',
    given: fc
      .float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) })
      .map((n) => (Math.abs(n) < 1e-30 ? 0 : Number(n.toPrecision(6)))),
  },
  { declared: 'varchar(80)', given: fc.string({ unit: 'grapheme', maxLength: 20 }) },
  { declared: 'text', given: fc.string({ unit: 'binary', maxLength: 300 }) },
  {
    declared: 'longblob',
    given: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    isComparable: false,
  },
  { declared: 'date', given: day },
  {
    declared: 'datetime(6)',
    given: fc.tuple(day, clock).map((parts) => parts.join(' ')),
    answered: canonical,
  },
  {
    declared: 'timestamp(6)',
    given: fc.tuple(stampDay, clock).map((parts) => parts.join(' ')),
    answered: canonical,
  },
  {
    declared: 'time(6)',
    given: fc
      .tuple(fc.constantFrom('', '-'), fc.integer({ min: 1, max: 837 }), clock)
      .map(([sign, hours, rest]) => `${sign}${two(hours)}${rest.slice(2)}`),
    answered: canonical,
  },
  { declared: 'year(4)', given: fc.integer({ min: 1901, max: 2155 }) },
  { declared: 'uuid', given: fc.uuid({ version: [1, 2, 3, 4, 5] }) },
];

describe.runIf(canTest('mysql'))('values go in and out of a live database', () => {
  let place: TestDatabase;
  let engine: MysqlEngine;
  let fields: readonly Field[];

  beforeAll(async () => {
    place = await testDatabase('mysql');
    const columns = trips.map(({ declared }, index) => `c${index} ${declared} NULL COLLATE utf8mb4_bin`);
    const typed = columns.map((column) =>
      /char|text/.test(column) ? column : column.replace(/ COLLATE .*/, ''),
    );
    await place.execute(
      `CREATE TABLE t(id INT AUTO_INCREMENT PRIMARY KEY, ${typed.join(', ')}, d DECIMAL(40,20), j JSON)`,
    );
    const { host, port, user: username, password, database } = place;
    engine = new MysqlEngine(engineOptions({ host, port, username, password, database, max_connections: 2 }));
    const { tables } = await engine.introspect();
    fields = (tables[0]?.columns ?? []).map((column) => parameterField(column));
  });
  afterAll(async () => {
    engine.close();
    await place.drop();
  });

  const field = (name: string): Field => {
    const found = fields.find((each) => each.name === name);
    if (found === undefined) throw new Error(name);
    return found;
  };

  /** Stores a value, reads it in both ways, and looks for it. */
  async function stored(column: Field, value: unknown, isComparable: boolean): Promise<string> {
    const name = column.name;
    const database = engine.database();
    const { lastId } = await database.run({ sql: `insert into \`t\` (\`${name}\`) values (?)` }, [
      encode(column, value),
    ]);
    const read = { sql: `SELECT ${name} FROM t WHERE id = ?` };
    const [row] = await database.rows(read, [lastId ?? null]);
    const decoded = decode(column, row?.[name]);
    const text = await engine.dialect.readJson?.(database, {
      statement: read,
      values: [lastId ?? null],
      fields: [column],
    });
    expect(text?.text).toBe(`[{"${name}":${writeJson(decoded)}}]`);
    if (isComparable) {
      const { grammar, builder } = engine.dialect;
      const mark = grammar.mark(column).compile(builder).sql;
      const literal = encodeLiteral(column, (typeof decoded === 'object' ? value : decoded) as Literal);
      const found = await database.column({ sql: `SELECT id FROM t WHERE ${name} = ${mark}` }, [literal]);
      expect(found, `looked for ${String(value)}`).toContain(lastId);
    }
    return writeJson(decoded);
  }

  test.each(trips.map((trip, index) => [trip.declared, trip, index] as const))(
    '%s',
    async (_name, trip, index) => {
      const column = field(`c${index}`);
      const { given, answered = (value: unknown) => value, isComparable = true } = trip;
      await fc.assert(
        fc.asyncProperty(given, async (value) => {
          expect(await stored(column, value, isComparable)).toBe(writeJson(answered(value as never)));
        }),
        { numRuns: 40 },
      );
    },
  );

  test('decimal(40,20), to the last digit', async () => {
    await fc.assert(
      fc.asyncProperty(decimals, async (digits) => {
        const text = await stored(field('d'), digits, true);
        const plain = (value: string) => (value.includes('.') ? value.replace(/\.?0+$/, '') : value);
        const without = plain(digits.replace(/^(-?)0+(?=\d)/, '$1'));
        // A small number comes as JavaScript writes it, with an exponent.
        if (/e/.test(text)) expect(Number(text)).toBe(Number(digits));
        else expect(text).toBe(/[1-9]/.test(without) ? without : '0');
      }),
      { numRuns: 60 },
    );
  });

  test('JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
        fc.pre(!/\\ud[89a-f]/i.test(JSON.stringify(value)));
        expect(await stored(field('j'), value, false)).toBe(JSON.stringify(value));
      }),
      { numRuns: 60 },
    );
  });
});

describe('values that a column would not keep as they are', () => {
  test.each([
    ["enum('a','B')", 'b', 'B'],
    ["enum('1','2')", '2', '2'],
    ["set('x','y')", 'Y,x', 'y,x'],
    ["set('x','y')", '', ''],
    ['bigint(20) unsigned', '18446744073709551615', 18446744073709551615n],
    ['bigint(20) unsigned', '5.00', 5],
    ['year(4)', '2026', 2026],
    ['time', '01:30', '01:30:00'],
    ['time', '-00:00:00', '00:00:00'],
    ['time(1)', '01:00:00.19', '01:00:00.1'],
    ['datetime', '2026-01-31 10:00:00.999', '2026-01-31 10:00:00'],
    ['decimal(10,2)', 1e21, '1e+21'],
    ['point', 'POINT(1 2)', 'POINT(1 2)'],
  ])('%s takes %s as %s', (declared, given, bound) => {
    expect(encode(fieldOf(declared), given)).toEqual(bound);
  });

  test.each([
    ["enum('a','b')", '1'],
    ["enum('a','b')", 1],
    ["enum('a','b')", ''],
    ["set('x','y')", 'x,'],
    ["set('x','y')", '3'],
    ['bigint(20) unsigned', -1],
    ['bigint(20) unsigned', '18446744073709551616'],
    ['bigint(20) unsigned', 1.5],
    ['bit(5)', 32],
    ['year(4)', 99],
    ['time', '839:00:00'],
    ['time', '838:59:59.1'],
    ['time', '10'],
    ['decimal(10,2)', 'NaN'],
    ['point', 'POINT(1)'],
    ['geometry', { type: 'Point' }],
  ])('%s refuses %j by its name', (declared, given) => {
    const work = () => encode(fieldOf(declared), given);
    expect(work).toThrow(PlatformError);
    expect(work).toThrow(/^Field 'v' /);
  });

  test('null is null', () => expect(encode(fieldOf("enum('a')"), null)).toBeNull());

  test('filters compare with what no record can be', () => {
    expect(encodeLiteral(fieldOf("enum('a','b')"), 'zzz')).toBe('zzz');
    expect(encodeLiteral(fieldOf('time'), '01:00:00.5')).toBe('01:00:00.5');
    expect(encodeLiteral(fieldOf('float'), 0.1)).toBe(Math.fround(0.1));
    expect(encodeLiteral(fieldOf('float'), 1e300)).toBe(1e300);
    expect(() => encodeLiteral(fieldOf('date'), 'soon')).toThrow(/^Field 'v' /);
  });
});

describe('shapes as text', () => {
  test.each([
    'POINT(1 2)',
    'point ( -1.5  2e3 )',
    'LINESTRING(0 0,1 1)',
    'POLYGON((0 0,1 0,1 1,0 0),(0.1 0.1,0.2 0.1,0.2 0.2,0.1 0.1))',
    'MULTIPOINT(1 2,3 4)',
    'MULTIPOINT((1 2),(3 4))',
    'MULTILINESTRING((0 0,1 1),(2 2,3 3))',
    'MULTIPOLYGON(((0 0,1 0,1 1,0 0)))',
    'GEOMETRYCOLLECTION(POINT(1 2),GEOMETRYCOLLECTION EMPTY)',
  ])('%s', (text) => expect(readShape(text)).toBe(text));

  test.each([
    ['', 'POINT', 'POINT()', 'POINT(1,2)', 'POINT(1 2 3)', 'POINT(1 2),', 'POINT(1 2) x', 'CIRCLE(1 2)'],
    [
      'POINT(1 2',
      'LINESTRING((0 0))',
      'POLYGON(0 0)',
      'POINT(a b)',
      'POINT(1 2); DROP TABLE t',
      'POINT(1 2)\0',
    ],
    [`${'GEOMETRYCOLLECTION('.repeat(50)}POINT(1 2)${')'.repeat(50)}`, 'GEOMETRYCOLLECTION()'],
  ])('and what is none', (...texts) => {
    for (const text of texts) expect(readShape(text), text).toBeUndefined();
  });

  test('take no longer than their length', () => {
    const began = process.cpuUsage().user;
    expect(readShape(`LINESTRING(${'1 1,'.repeat(100_000)}x)`)).toBeUndefined();
    expect(process.cpuUsage().user - began).toBeLessThan(2_000_000);
  });
});
