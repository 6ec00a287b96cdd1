// Repository of the log of runs. Invariant: runs are added and dropped, never changed, and are no
// configuration: the generation stays as it is.
import type { LogLine } from '../core/observe.ts';
import type { Action, Origin, Principal } from '../core/operation.ts';
import type { Where } from '../core/query.ts';
import type { KeptRun, RunOutcome, RunQuery, RunRecord, RunRepository } from '../core/run.ts';
import type { StoreDialect } from './dialect.ts';
import {
  columnOf,
  flag,
  type Handle,
  integer,
  type Kind,
  type Kinds,
  oneOf,
  optionalInteger,
  optionalText,
  readRow,
  readRows,
  rowWriter,
  text,
} from './table.ts';
import { whereExpression } from './where.ts';

const table = 'run';

// As many rows as fit into one statement on every engine (SQLite: 32,766 values).
const rowsPerStatement = 100;

const real: Kind<number> = { read: Number, write: (value) => value };

const lines: Kind<readonly LogLine[]> = {
  read: (cell) => (cell === undefined ? [] : (JSON.parse(String(cell)) as LogLine[])),
  write: (value) => JSON.stringify(value),
};

const kinds: Kinds<RunRecord> = {
  id: text,
  script: text,
  type: text,
  version: text,
  stage: text,
  service: text,
  resource: text,
  action: oneOf<Action>(),
  door: oneOf<Origin>(),
  caller: oneOf<Principal['kind']>(),
  userId: optionalInteger,
  appId: optionalInteger,
  depth: integer,
  parentId: optionalText,
  queuedRunId: optionalText,
  startedDate: text,
  durationMs: real,
  outcome: oneOf<RunOutcome>(),
  status: optionalInteger,
  output: lines,
  isOutputCut: flag,
  errorMessage: optionalText,
  errorLine: optionalInteger,
  errorColumn: optionalInteger,
  errorStack: {
    read: (cell) => (cell === undefined || cell === null ? null : String(cell)),
    write: (v) => v,
  },
};

const toRow = rowWriter(kinds);

const keptKinds: Kinds<KeptRun> = { ...kinds, position: integer };
const columns = Object.keys(keptKinds).map(columnOf);
const briefColumns = columns.filter((column) => column !== 'output' && column !== 'error_stack');

/** The runs of the system database. */
export class Runs implements RunRepository {
  readonly #handle: Handle;
  readonly #dialect: StoreDialect;

  constructor({ handle, dialect }: { readonly handle: Handle; readonly dialect: StoreDialect }) {
    this.#handle = handle;
    this.#dialect = dialect;
  }

  async add(runs: readonly RunRecord[]): Promise<void> {
    if (runs.length === 0) return;
    const rows = runs.map(toRow);
    await this.#dialect.loosely(this.#handle, async (handle) => {
      for (let at = 0; at < rows.length; at += rowsPerStatement) {
        await handle
          .insertInto(table)
          .values(rows.slice(at, at + rowsPerStatement))
          .execute();
      }
    });
  }

  async find({ where, order = [], limit, skip = 0, isBrief = false }: RunQuery): Promise<KeptRun[]> {
    let query = this.#select(isBrief ? briefColumns : columns);
    if (where !== undefined) query = query.where((build) => whereExpression(build, where));
    for (const { field, descending } of order) {
      query = query.orderBy(columnOf(field), descending ? 'desc' : 'asc');
    }
    // The last word, so that pages of runs that are equal otherwise neither overlap nor leave any out.
    const rows = await query.orderBy('position', 'desc').limit(limit).offset(skip).execute();
    return readRows(keptKinds, rows);
  }

  async get(id: string): Promise<KeptRun | undefined> {
    const row = await this.#select(columns).where('id', '=', id).executeTakeFirst();
    return row === undefined ? undefined : readRow(keptKinds, row);
  }

  async count(where?: Where): Promise<number> {
    let query = this.#handle.selectFrom(table).select(({ fn }) => fn.countAll<number>().as('count'));
    if (where !== undefined) query = query.where((build) => whereExpression(build, where));
    return Number((await query.executeTakeFirst())?.count ?? 0);
  }

  async delete(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    return this.#drop('id', ids);
  }

  async trim({ before, keep, atOnce }: Parameters<RunRepository['trim']>[0]): Promise<number> {
    const byPosition = this.#handle.selectFrom(table).select(['position', 'started_date']);
    const kept = byPosition.orderBy('position', 'desc').limit(1).offset(keep);
    const beyond = Number((await kept.executeTakeFirst())?.position ?? 0);
    // Positions grow with time, so the oldest are the first: neither condition needs an index of its own.
    const oldest = await byPosition.orderBy('position').limit(atOnce).execute();
    const dropped = oldest
      .filter((row) => Number(row.position) <= beyond || String(row.started_date) < before)
      .map((row) => Number(row.position));
    return dropped.length === 0 ? 0 : this.#drop('position', dropped);
  }

  #drop(column: string, values: readonly (string | number)[]): Promise<number> {
    return this.#dialect.loosely(this.#handle, async (handle) => {
      const query = handle.deleteFrom(table).where(column, 'in', [...values]);
      return Number((await query.executeTakeFirst()).numDeletedRows);
    });
  }

  #select(names: readonly string[]) {
    return this.#handle.selectFrom(table).select([...names]);
  }
}
