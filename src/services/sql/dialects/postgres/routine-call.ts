// Calls of PostgreSQL's procedures and functions. Invariant: names and casts are the catalog's, values are
// bound; a call is never repeated, whatever became of it.
import { type RawBuilder, sql } from 'kysely';
import { PlatformError } from '../../../../core/errors.ts';
import { limits } from '../../../../core/limits.ts';
import type { Bindable, Row, Session, Statement } from '../../../../database/connection.ts';
import type { PostgresDatabase } from '../../../../database/postgres.ts';
import type { Dialect } from '../../dialect.ts';
import type {
  RoutineCall,
  RoutineKind,
  RoutineOutcome,
  RoutineRow,
  Routines,
} from '../../routines/routine.ts';
import type { ValueType } from './column-type.ts';
import type { SchemaChoice } from './introspection.ts';
import { type PostgresParameter, type PostgresRoutine, readRoutines } from './routines.ts';

/** What routines are called with. */
export interface RoutineSurroundings extends SchemaChoice {
  readonly database: PostgresDatabase;
  readonly dialect: Dialect;
  /** Where the types of parameters and results are kept for the dialect. */
  readonly types: Map<string, ValueType>;
}

/** The routines of one database. */
export class PostgresRoutines implements Routines {
  readonly #around: RoutineSurroundings;

  constructor(around: RoutineSurroundings) {
    this.#around = around;
  }

  async list(kind: RoutineKind): Promise<readonly PostgresRoutine[]> {
    const { routines, types } = await readRoutines(this.#around.database, this.#around);
    for (const [declared, type] of types) this.#around.types.set(declared, type);
    return routines.filter((routine) => routine.kind === kind);
  }

  call(call: RoutineCall, inside: Session | undefined): Promise<RoutineOutcome> {
    const routine = call.routine as PostgresRoutine;
    const made = new CallText(this.#around.dialect, routine, call.values);
    const isCursor =
      routine.form === 'cursor' || routine.form === 'cursors' || routine.columns.some(isCursorField);
    if (!isCursor) return this.#done(made, inside);
    // Cursors are open until their transaction ends.
    if (inside !== undefined) return this.#fetched(made, inside);
    return this.#around.database.transaction((transaction) => this.#fetched(made, transaction));
  }

  async #done(
    { routine, statement, values }: CallText,
    inside: Session | undefined,
  ): Promise<RoutineOutcome> {
    const { database } = this.#around;
    const rows = await (inside?.rows(statement, values) ?? database.rowsOnce(statement, values));
    return this.#outcome(routine, rows);
  }

  #outcome(routine: PostgresRoutine, rows: readonly Row[]): RoutineOutcome {
    const records = rows.map((row) => this.#record(routine, row));
    const [first = {}] = records;
    switch (routine.form) {
      case 'rows':
        return { sets: [records], out: {} };
      case 'value':
        return { sets: [], out: {}, scalar: { value: Object.values(first)[0] ?? null } };
      case 'row':
        return { sets: [], out: first };
      default:
        return routine.kind === 'procedure'
          ? { sets: [], out: first }
          : { sets: [], out: {}, scalar: { value: null } };
    }
  }

  // By place, because results without a name of their own get one from the database.
  #record({ columns }: Pick<PostgresRoutine, 'columns'>, row: Row): RoutineRow {
    const entries = Object.entries(row).map(([name, value], index) => {
      const field = columns[index];
      if (field === undefined) return [name, plain(value)];
      return [field.name, this.#around.dialect.decode(field, value)];
    });
    return Object.fromEntries(entries);
  }

  async #fetched({ routine, statement, values }: CallText, session: Session): Promise<RoutineOutcome> {
    const rows = await session.rows(statement, values);
    const isCursor = routine.columns.map(isCursorField);
    const cursors = rows.flatMap((row) => Object.values(row).filter((_value, index) => isCursor[index]));
    const sets: RoutineRow[][] = [];
    for (const cursor of cursors) {
      if (typeof cursor !== 'string') continue;
      const found = await session.rows(this.#fetch(cursor), []);
      sets.push(found.map((row) => this.#record({ columns: [] }, row)));
    }
    const beside = Object.entries(this.#outcome(routine, rows).out).filter(
      ([, value]) => !cursors.includes(value),
    );
    return { sets, out: Object.fromEntries(beside) };
  }

  #fetch(cursor: string): Statement {
    const text = sql`FETCH FORWARD ${sql.lit(limits.relatedRecords)} FROM ${sql.id(cursor)}`;
    return { sql: text.compile(this.#around.dialect.builder).sql };
  }
}

/** The SQL of a call. */
class CallText {
  readonly routine: PostgresRoutine;
  readonly statement: Statement;
  readonly values: readonly Bindable[];

  constructor(dialect: Dialect, routine: PostgresRoutine, given: RoutineCall['values']) {
    this.routine = routine;
    const values: Bindable[] = [];
    const list: RawBuilder<unknown>[] = [];
    let isNamed = false;
    for (const parameter of routine.parameters) {
      const isOut = parameter.mode === 'OUT';
      // Functions have no place for what only comes out.
      if (isOut && routine.kind === 'function') continue;
      // The rest of the values is an empty list where there is none.
      const value = given.get(parameter) ?? (parameter.isVariadic ? [] : undefined);
      if (!isOut && value === undefined) {
        isNamed = true;
        continue;
      }
      if (!isOut) values.push(dialect.encode(parameter.field, value));
      list.push(argument(parameter, { isNamed, isOut }));
    }
    this.values = values;
    const text = textOf(
      routine,
      sql`${sql.id(...routine.path)}(${list.length === 0 ? sql`` : sql.join(list)})`,
    );
    const names = routine.parameters.filter(({ mode }) => mode !== 'OUT').map(({ name }) => name);
    this.statement = { sql: text.compile(dialect.builder).sql, names };
  }
}

// Behind a parameter that was left to its default, values need the names of theirs.
function argument(
  { name, ownName, cast, isVariadic }: PostgresParameter,
  { isNamed, isOut }: { readonly isNamed: boolean; readonly isOut: boolean },
): RawBuilder<unknown> {
  if (isNamed && ownName === '') {
    throw new PlatformError(
      'request.invalid_parameter',
      `The parameter '${name}' has no name in the database: give all parameters before it, too.`,
    );
  }
  const value = isOut ? sql`NULL` : cast === undefined ? sql`${0}::text` : sql`${0}::${sql.raw(cast)}`;
  const named = isNamed ? sql`${sql.id(ownName)} => ${value}` : value;
  return isVariadic ? sql`VARIADIC ${named}` : named;
}

function textOf({ kind, form, columns }: PostgresRoutine, call: RawBuilder<unknown>): RawBuilder<unknown> {
  if (kind === 'procedure') return sql`CALL ${call}`;
  const isTable = columns.length > 0 && (form === 'rows' || form === 'row');
  const limit = form === 'rows' ? sql` LIMIT ${sql.lit(limits.relatedRecords)}` : sql``;
  return isTable ? sql`SELECT * FROM ${call}${limit}` : sql`SELECT ${call}${limit}`;
}

function isCursorField({ dbType }: { readonly dbType: string }): boolean {
  return dbType === 'refcursor';
}

function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
