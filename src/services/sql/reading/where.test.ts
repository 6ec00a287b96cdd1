import { afterAll, describe, expect, test } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import { parseFilter } from '../../../query/filter.ts';
import { arbitraryFilter } from '../../../query/filter-fixture.ts';
import { compileWhere } from '../../../query/match.ts';
import { SqliteEngine } from '../dialects/sqlite/engine.ts';
import { assemble } from '../schema/assembly.ts';
import type { Table } from '../schema.ts';
import { ReadPlans } from './plan.ts';
import { bindWhere } from './where.ts';

const engine = new SqliteEngine({ path: ':memory:' });
const db = engine.database();
const texts = ['', 'a', 'A', 'Ab%', '10%', 'x_y', 'it\'s "so"', 'C:\\dir', 'Tom and Jerry', 'é', '5', 'null'];
const numbers = [-3, 0, 1, 2, 10, 100];
let table: Table;

async function fill(): Promise<void> {
  await db.run(
    { sql: 'CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INTEGER, price REAL, done BOOLEAN)' },
    [],
  );
  const insert = { sql: 'INSERT INTO t(name, n, price, done) VALUES (?, ?, ?, ?)' };
  const names = [...texts, null];
  const some = [...numbers, null];
  for (const [i, name] of names.entries()) {
    for (const [j, n] of some.entries()) {
      await db.run(insert, [name, n, (i + j) % 3 === 0 ? null : (i + j) / 2, (i + j) % 2]);
    }
  }
  const [only] = assemble(engine.introspect());
  if (only !== undefined) table = only;
}
await fill();
afterAll(() => engine.close());

const plans = new ReadPlans(engine.dialect);

function found(text: string): number[] {
  const where = parseFilter(text, { field: (name) => table.field(name)?.name, parameter: () => undefined });
  const id = table.field('id');
  const fields = id === undefined ? [] : [id];
  const { plan, values } = plans.list({ table, fields, where, order: [] });
  const ids = db.rows(plan.rows, [...values, 1_000, 0]).map((row) => Number(row.id));
  return ids.toSorted((a, b) => a - b);
}

describe('conditions in SQL', () => {
  const filter = arbitraryFilter({
    name: fc.constantFrom(...texts),
    n: fc.constantFrom(...numbers).map(String),
  });

  test('find what the same condition finds in memory', () => {
    const rows = db.rows({ sql: 'SELECT id, name, n FROM t' }, []);
    fc.assert(
      fc.property(filter, ({ text, where }) => {
        const matches = compileWhere(where);
        const expected = rows.filter((row) => matches(row) === true).map((row) => Number(row.id));
        expect(found(text), text).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["name like 'a%'", ['a', 'A', 'Ab%']],
    ["name contains '%'", ['Ab%', '10%']],
    ["name contains '_'", ['x_y']],
    ["name starts with 'c:\\\\'", ['C:\\dir']],
    ["name ends with 'É'", []],
    ["name = 'null'", ['null']],
    ['name = 5', ['5']],
    ["name = ''", ['']],
    ["name in ('a', 'é', 'a')", ['a', 'é']],
    ['name contains \'"so"\'', ['it\'s "so"']],
  ])('%s', (filter, expected) => {
    const rows = found(`(${filter}) and (n = 0)`);
    const names = { sql: 'SELECT name FROM t WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id' };
    expect(db.column(names, [JSON.stringify(rows)])).toEqual(expected);
  });

  test.each([
    ["n > 'abc'", /'n'/],
    ['n = 1.5', /'n'/],
    ['done = maybe', /'done'/],
    ['price between low and high', /'price'/],
    ['n in (1, two)', /'n'/],
  ])('a value of another type is refused by the name of its field: %s', (filter, field) => {
    expect(() => found(filter)).toThrow(field);
    expect(() => found(filter)).toThrow(expect.objectContaining({ kind: 'request.invalid_filter' }));
  });

  test('a text that SQLite would not take for a pattern is refused', () => {
    const where = { kind: 'compare', field: 'name', op: 'contains', value: 'x'.repeat(50_000) } as const;
    expect(() => bindWhere(where, table, engine.dialect)).toThrow(/longer than/);
  });

  test('values never become part of the shape, and lists of similar length share one', () => {
    const shape = (filter: string) => {
      const where = parseFilter(filter, { field: (name) => name, parameter: () => undefined });
      return bindWhere(where, table, engine.dialect);
    };
    expect(shape("name = 'a'").shape).toBe(shape("name = 'b; drop table t'").shape);
    expect(shape('n in (1, 2, 3)').shape).toBe(shape('n in (4, 5, 6, 7)').shape);
    expect(shape('n in (1, 2, 3)').values).toEqual([1, 2, 3, 3]);
    expect(shape('n = 1').shape).not.toBe(shape('n > 1').shape);
    expect(shape('n = 1').shape).not.toBe(shape('id = 1').shape);
  });
});
