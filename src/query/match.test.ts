import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import type { Comparison, Literal, Order, Where } from '../core/query.ts';
import { arbitraryFilter } from './filter-fixture.ts';
import { compileOrder, compileWhere, selectRows } from './match.ts';

type Row = Record<string, unknown>;

const holds = (held: unknown, op: Comparison, value: Literal) =>
  compileWhere({ kind: 'compare', field: 'x', op, value })({ x: held });

describe('comparisons take the literal in the type of what is held', () => {
  test.each<[unknown, Comparison, Literal, boolean | null]>([
    [5, '=', '5', true],
    [5, '=', '5.0', true],
    [5, '=', ' 5 ', true],
    [5, '=', 5n, true],
    [5, '=', '0x5', false],
    [5, '!=', 'five', true],
    [5, '<', 'five', true],
    [10, '>', '9', true],
    [1, '=', true, true],
    ['10', '>', '9', false],
    ['10', '=', 10, true],
    ['abc', '=', 'ABC', false],
    ['', '=', '', true],
    [true, '=', 'true', true],
    [true, '=', 'Yes', true],
    [true, '=', '1', true],
    [true, '=', 1, true],
    [true, '=', 'false', false],
    [false, '=', '0', true],
    [false, '=', 'no', true],
    [false, '!=', 'off', false],
    [false, '=', 'nonsense', false],
    [9007199254740993n, '=', '9007199254740993', true],
    [9007199254740993n, '=', '+9007199254740992', false],
    [9007199254740993n, '>', '1.5', true],
    [{ a: 1 }, '=', '{"a":1}', true],
    [null, '=', '5', null],
    [undefined, '!=', '5', null],
    [5, '=', null, null],
    [null, 'like', '%', null],
    ['x', 'like', null, null],
  ])('%s %s %s is %s', (held, op, value, expected) => {
    expect(holds(held, op, value)).toBe(expected);
  });

  test('texts compare by code points', () => {
    expect(holds('\u{1F600}', '>', '\uFF5E')).toBe(true);
    expect(holds('a', '<', 'ab')).toBe(true);
    expect(holds('Z', '<', 'a')).toBe(true);
  });
});

describe('texts', () => {
  test.each<[unknown, Comparison, Literal, boolean]>([
    ['Contact', 'like', 'con%', true],
    ['Contact', 'like', '_ONTAC_', true],
    ['Contact', 'like', 'onta', false],
    ['Contact', 'like', '%', true],
    ['', 'like', '', true],
    ['', 'like', '_', false],
    ['a\nb', 'like', 'a%b', true],
    ['Ärger', 'like', 'ärger', false],
    ['😀x', 'like', '_x', true],
    ['aXbXc', 'like', '%x%x%', true],
    ['a.c', 'like', 'a_c', true],
    ['abc', 'like', 'a.c', false],
    [125, 'like', '12%', true],
    ['50% off', 'contains', '0% O', true],
    ['500 off', 'contains', '0% o', false],
    ['a_b', 'starts with', 'A_', true],
    ['axb', 'starts with', 'a_', false],
    ['a_b', 'ends with', '_B', true],
    ['axb', 'ends with', '_b', false],
    ['anything', 'contains', '', true],
    [{ host: 'db' }, 'contains', '"host":"DB"', true],
  ])('%s %s %s is %s', (held, op, value, expected) => {
    expect(holds(held, op, value)).toBe(expected);
  });

  test('a pattern made to be slow ends', () => {
    expect(holds('a'.repeat(5_000), 'like', `${'%a'.repeat(200)}b`)).toBe(false);
  });
});

describe('three values', () => {
  const known = (value: boolean | null): Where =>
    value === null
      ? { kind: 'compare', field: 'no', op: '=', value: 1 }
      : { kind: 'compare', field: 'x', op: '=', value: value ? 1 : 2 };
  const result = (where: Where) => compileWhere(where)({ x: 1, no: null });

  test.each<['and' | 'or' | 'xor', boolean | null, boolean | null, boolean | null]>([
    ['and', true, true, true],
    ['and', true, null, null],
    ['and', null, false, false],
    ['or', false, false, false],
    ['or', null, true, true],
    ['or', false, null, null],
    ['xor', true, false, true],
    ['xor', true, true, false],
    ['xor', null, true, null],
  ])('%s of %s and %s is %s', (kind, left, right, expected) => {
    expect(result({ kind, terms: [known(left), known(right)] })).toBe(expected);
    expect(result({ kind, terms: [known(right), known(left)] })).toBe(expected);
  });

  test('not, in and between', () => {
    expect(result({ kind: 'not', term: known(null) })).toBe(null);
    expect(result({ kind: 'not', term: known(true) })).toBe(false);
    expect(result({ kind: 'in', field: 'x', values: [3, null] })).toBe(null);
    expect(result({ kind: 'in', field: 'x', values: ['1', null] })).toBe(true);
    expect(result({ kind: 'in', field: 'no', values: [] })).toBe(false);
    expect(result({ kind: 'between', field: 'x', low: '1', high: '1' })).toBe(true);
    expect(result({ kind: 'between', field: 'no', low: 1, high: 2 })).toBe(null);
    expect(result({ kind: 'null', field: 'missing' })).toBe(true);
  });
});

describe('orderings', () => {
  const sorted = (values: unknown[], order: Omit<Order, 'field'>) =>
    values
      .map((x) => ({ x }))
      .sort(compileOrder([{ field: 'x', ...order }]))
      .map((row) => row.x);

  test('records without a value come first, last when descending, or where they are wanted', () => {
    const values = [2, null, 10, undefined, 1];
    expect(sorted(values, { descending: false }).slice(2)).toEqual([1, 2, 10]);
    expect(sorted(values, { descending: true }).slice(0, 3)).toEqual([10, 2, 1]);
    expect(sorted(values, { descending: false, nulls: 'last' }).slice(0, 3)).toEqual([1, 2, 10]);
    expect(sorted(values, { descending: true, nulls: 'first' }).slice(2)).toEqual([10, 2, 1]);
  });

  test('numbers before texts, texts by code points', () => {
    expect(sorted(['b', 'B', 10, 9n, true], { descending: false })).toEqual([true, 9n, 10, 'B', 'b']);
  });

  test('the next field decides between equals, then the given order', () => {
    const rows = [
      { a: 1, b: 'y', id: 1 },
      { a: 0, b: 'z', id: 2 },
      { a: 1, b: 'x', id: 3 },
      { a: 1, b: 'y', id: 4 },
    ];
    const order: Order[] = [
      { field: 'a', descending: true },
      { field: 'b', descending: false },
    ];
    expect(rows.toSorted(compileOrder(order)).map((row) => row.id)).toEqual([3, 1, 4, 2]);
  });
});

describe('selectRows', () => {
  const rows = [1, 2, 3, 4, 5].map((id) => ({
    id,
    name: `n${id}`,
    odd: id % 2 === 1,
    note: id === 1 ? null : 'x',
  }));
  const all = { where: undefined, order: [], skip: 0, limit: undefined, select: ['id'] };

  test('filters, sorts, skips, limits and selects, in this order', () => {
    const where: Where = { kind: 'compare', field: 'odd', op: '=', value: 'true' };
    const order = [{ field: 'id', descending: true }];
    expect(selectRows(rows, { where, order, skip: 1, limit: 1, select: ['name', 'id'] })).toEqual([
      { name: 'n3', id: 3 },
    ]);
  });

  test('what is unknown is not found, either way', () => {
    const where: Where = { kind: 'compare', field: 'note', op: '=', value: 'x' };
    expect(selectRows(rows, { ...all, where })).toHaveLength(4);
    expect(selectRows(rows, { ...all, where: { kind: 'not', term: where } })).toHaveLength(0);
  });

  test('keeps the order of fields, fills missing ones with null and leaves the given rows alone', () => {
    const before = structuredClone(rows);
    const found = selectRows(rows, {
      ...all,
      order: [{ field: 'id', descending: true }],
      select: ['other', 'id'],
    });
    expect(JSON.stringify(found[0])).toBe('{"other":null,"id":5}');
    expect(rows).toEqual(before);
    expect(selectRows(rows, { ...all, skip: 9 })).toEqual([]);
    expect(selectRows(rows, { ...all, limit: 0 })).toEqual([]);
  });
});

describe('against SQLite itself', () => {
  const texts = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'B', '%', '_', 'é', '😀', '~', '1'), maxLength: 5 }),
    fc.constantFrom('', 'true', 'Tom and Jerry'),
  );
  const numbers = fc.oneof(
    fc.integer({ min: -3, max: 12 }).map(String),
    fc.constantFrom('1.5', '1e1', 'abc', ''),
  );
  const records = fc.array(
    fc.record({
      name: fc.option(texts),
      age: fc.option(fc.integer({ min: -3, max: 12 })),
      size: fc.option(fc.integer({ min: -3, max: 12 })),
    }),
    { maxLength: 12 },
  );

  test('the same records are found in the same order', () => {
    const database = new Database(':memory:');
    database.exec('create table t (id integer primary key, name text, age integer, size numeric)');
    const insert = database.prepare('insert into t values (?, ?, ?, ?)');
    const order: Order[] = [
      { field: 'name', descending: true },
      { field: 'age', descending: false, nulls: 'last' },
      { field: 'id', descending: false },
    ];
    const run = (rows: readonly Row[], where: Where): unknown[] => {
      database.exec('delete from t');
      for (const row of rows) insert.run(row.id, row.name, row.age, row.size);
      const values: unknown[] = [];
      const sql = `select id from t where ${sqlOf(where, values)} order by name desc, age nulls last, id`;
      return database
        .prepare(sql)
        .pluck()
        .all(...values);
    };
    fc.assert(
      fc.property(
        records,
        arbitraryFilter({ name: texts, age: numbers, size: numbers }),
        (list, { where }) => {
          const rows = list.map((row, index) => ({ id: index + 1, ...row }));
          const found = selectRows(rows, { where, order, skip: 0, limit: undefined, select: ['id'] });
          expect(found.map((row) => row.id)).toEqual(run(rows, where));
        },
      ),
      { numRuns: 500 },
    );
    database.close();
  });
});

/** The plainest translation there is, written without looking at how records in memory are matched. */
function sqlOf(where: Where, values: unknown[]): string {
  const bind = (value: Literal) => {
    values.push(value);
    return '?';
  };
  switch (where.kind) {
    case 'compare':
      return textSql(where.field, where.op, () => bind(where.value));
    case 'in':
      return `${where.field} in (${where.values.map(bind).join(',')})`;
    case 'between':
      return `${where.field} between ${bind(where.low)} and ${bind(where.high)}`;
    case 'null':
      return `${where.field} is null`;
    case 'not':
      return `not (${sqlOf(where.term, values)})`;
    default: {
      const word = { and: ' and ', or: ' or ', xor: ' <> ' }[where.kind];
      return where.terms
        .map((term) => `(${sqlOf(term, values)})`)
        .reduce((left, right) => `(${left}${word}${right})`);
    }
  }
}

function textSql(field: string, op: Comparison, bind: () => string): string {
  switch (op) {
    case 'starts with':
      return `instr('\n' || lower(${field}), '\n' || lower(${bind()})) = 1`;
    case 'ends with':
      return `instr(lower(${field}) || '\n', lower(${bind()}) || '\n') > 0`;
    case 'contains':
      return `instr(lower(${field}), lower(${bind()})) > 0`;
    default:
      return `${field} ${op} ${bind()}`;
  }
}
