// Many new records as few statements of several rows, where the engine is a round trip away. Invariant: it is
// tried in a savepoint and gives up without a trace when any record is refused; one by one then says which.
import { limits } from '../../../core/limits.ts';
import type { Bindable, Transaction } from '../../../database/connection.ts';
import type { SeveralRows } from '../dialect.ts';
import type { Field } from '../schema.ts';
import { concernsRecord } from './refusals.ts';
import type { RowValues } from './row.ts';
import type { WriteStatements } from './statements.ts';
import type { KeyValues, RowSteps } from './steps.ts';

/** What inserting many records works on. */
export interface BulkOptions {
  readonly statements: WriteStatements;
  readonly steps: RowSteps;
  /** How the engine takes several rows; undefined where one by one is as quick. */
  readonly severalRows: SeveralRows | undefined;
}

/** Rows with the same fields that follow each other. */
interface Run {
  readonly fields: readonly Field[];
  readonly rows: readonly RowValues[];
}

/** Inserts records together; undefined, and nothing done, when they have to be inserted one by one. */
export async function insertTogether(
  records: readonly unknown[],
  session: Transaction,
  options: BulkOptions,
): Promise<readonly KeyValues[] | undefined> {
  const { severalRows, steps } = options;
  if (severalRows === undefined || records.length < 2) return undefined;
  try {
    const runs = runsOf(records.map((record) => steps.newRow(record)));
    // Records that all differ in their fields would be as many statements all the same.
    if (runs.length > records.length / 2 || !runs.every((run) => canBe(run, steps, severalRows)))
      return undefined;
    return await session.savepoint(async () => {
      const keys: KeyValues[] = [];
      for (const run of runs) keys.push(...(await insertRun(run, session, { ...options, severalRows })));
      return steps.keepOnly(session, keys);
    });
  } catch (thrown) {
    if (concernsRecord(thrown) || thrown instanceof UnequalRows) return undefined;
    throw thrown;
  }
}

// Keys that the database makes must come back with the rows.
function canBe({ fields }: Run, steps: RowSteps, severalRows: SeveralRows): boolean {
  if (fields.length === 0) return false;
  return severalRows.returnsKeys || steps.keys.every((key) => fields.includes(key));
}

function runsOf(rows: readonly RowValues[]): readonly Run[] {
  const runs: { fields: readonly Field[]; rows: RowValues[] }[] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    const isSame =
      last?.fields.length === row.fields.length &&
      row.fields.every((field, index) => field === last.fields[index]);
    if (last !== undefined && isSame) last.rows.push(row);
    else runs.push({ fields: row.fields, rows: [row] });
  }
  return runs;
}

// Portions of 512, 256, 128 … rows, so that few statements serve all numbers of records.
async function insertRun(
  { fields, rows }: Run,
  session: Transaction,
  { statements, steps, severalRows }: BulkOptions & { readonly severalRows: SeveralRows },
): Promise<KeyValues[]> {
  const most = Math.min(limits.rowsPerInsert, Math.floor(severalRows.parameters / fields.length));
  const missing = steps.keys.filter((key) => !fields.includes(key));
  const keys: KeyValues[] = [];
  for (let from = 0; from < rows.length; ) {
    const count = 2 ** Math.floor(Math.log2(Math.min(most, rows.length - from)));
    const portion = rows.slice(from, from + count);
    const statement = statements.insertRows(steps.table, { fields, returning: missing, count });
    const values = portion.flatMap((row) => row.values);
    const made =
      missing.length === 0 ? await session.run(statement, values) : await session.rows(statement, values);
    const done = Array.isArray(made) ? made.length : made.changes;
    if (done !== count) throw new UnequalRows();
    for (const [index, row] of portion.entries()) {
      const own = Array.isArray(made) ? made[index] : undefined;
      keys.push(steps.keyOfRow(row, (key) => (own?.[key.column] ?? null) as Bindable));
    }
    from += count;
  }
  return keys;
}

/** Not every row was inserted by itself: a rule or trigger of the database did something else. */
class UnequalRows extends Error {}
