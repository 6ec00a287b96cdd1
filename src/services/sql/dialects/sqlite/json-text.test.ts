import { afterAll, describe, expect, test } from 'vitest';
import { fc } from '../../../../../test/properties.ts';
import { writeJson } from '../../../../core/body.ts';
import { DatabaseError } from '../../../../database/connection.ts';
import { decodeRow } from '../../reading/fetch.ts';
import { type ListPlan, ReadPlans } from '../../reading/plan.ts';
import { assemble } from '../../schema/assembly.ts';
import type { Table } from '../../schema.ts';
import { SqliteEngine } from './engine.ts';

const engine = new SqliteEngine({ path: ':memory:' });
const db = engine.database();
afterAll(() => engine.close());

const types = [
  'TEXT',
  'VARCHAR(9)',
  'INTEGER',
  'DECIMAL(9,2)',
  'REAL',
  'BOOLEAN',
  'DATE',
  'JSON',
  'STRING',
  '',
];
await db.run({ sql: `CREATE TABLE loose(${types.map((type, index) => `c${index} ${type}`).join()})` }, []);
await db.run({ sql: 'CREATE TABLE firm(a TEXT, b INTEGER, c REAL, d ANY) STRICT' }, []);
await db.run({ sql: 'CREATE TABLE named("tenon json" INTEGER PRIMARY KEY, v INTEGER)' }, []);
const tables = assemble(engine.introspect());
const plans = new ReadPlans(engine.dialect);

function tableNamed(name: string): Table {
  const table = tables.find((each) => each.name === name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

/** Both answers for what is in the table: undefined where JSON in SQL is refused by the database. */
function bothWays(table: Table): { text: unknown; rows: unknown } {
  const fields = [...table.fields.values()];
  const [first] = fields;
  const order = [{ field: first?.name ?? '', descending: false }];
  const { plan } = plans.list({ table, fields, where: undefined, order: [] });
  const sorted = plans.list({ table, fields, where: undefined, order }).plan;
  const decoded = db.rows(plan.rows, [10, 0]).map((row) => decodeRow(engine.dialect, fields, row));
  const text = listText(plan);
  expect(listText(sorted)).toBe(text);
  return { text: text === undefined ? undefined : JSON.parse(text), rows: JSON.parse(writeJson(decoded)) };
}

function listText({ json }: ListPlan): string | undefined {
  if (json === undefined) throw new Error('no JSON for this table');
  try {
    return String(db.column(json, [10, 0])[0]);
  } catch (error) {
    if (error instanceof DatabaseError && error.failure === 'other') return undefined;
    throw error;
  }
}

const stored = fc.oneof(
  fc.constant(null),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('true', '0', '1.50', '{"a":[1,2]}', '"x"', '[', '2020-01-31', '\0', 'null', ''),
);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 12 });

describe('JSON made by SQLite', () => {
  test('is what the rows say, whatever the columns hold', async () => {
    const table = tableNamed('loose');
    const insert = { sql: `INSERT INTO loose VALUES (${types.map(() => '?').join()})` };
    // Mostly nothing, so that one odd value does not hide what becomes of the others.
    const value = fc.oneof(
      { weight: 12, arbitrary: fc.constant(null) },
      { weight: 6, arbitrary: stored },
      { weight: 1, arbitrary: bytes },
    );
    const row = fc.tuple(...types.map(() => value));
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(row, async (values) => {
        await db.run({ sql: 'DELETE FROM loose' }, []);
        await db.run(insert, values);
        const { text, rows } = bothWays(table);
        if (text === undefined) return;
        answered++;
        expect(text).toEqual(rows);
      }),
      { numRuns: 400 },
    );
    expect(answered).toBeGreaterThan(20);
  });

  test('needs no guards where a table is strict', async () => {
    await db.run({ sql: 'INSERT INTO firm VALUES (?, ?, ?, ?)' }, ['é"', 2 ** 40, 0.1, 'x']);
    const { text, rows } = bothWays(tableNamed('firm'));
    expect(text).toEqual(rows);
  });

  test('is an empty list where there is nothing', async () => {
    await db.run({ sql: 'DELETE FROM loose' }, []);
    expect(bothWays(tableNamed('loose'))).toEqual({ text: [], rows: [] });
  });

  test('stands in the order of a key that has the name of our own column', async () => {
    const table = tableNamed('named');
    const fields = [...table.fields.values()];
    const order = [{ field: 'tenon json', descending: true }];
    await db.run({ sql: 'INSERT INTO named VALUES (9, 1), (10, 2), (11, 3)' }, []);
    const { plan } = plans.list({ table, fields, where: undefined, order });
    expect(JSON.parse(listText(plan) ?? '').map((row: { v: number }) => row.v)).toEqual([3, 2, 1]);
  });

  test('never takes bytes for the binary JSON that they look like', async () => {
    const table = tableNamed('loose');
    for (const index of types.keys()) {
      await db.run({ sql: 'DELETE FROM loose' }, []);
      await db.run({ sql: `INSERT INTO loose(c${index}) VALUES (x'00')` }, []);
      const { text, rows } = bothWays(table);
      expect(text === undefined || JSON.stringify(text) === JSON.stringify(rows), types[index]).toBe(true);
    }
  });
});
