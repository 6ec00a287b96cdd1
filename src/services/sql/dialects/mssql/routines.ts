// Procedures and functions of SQL Server. Procedures are called by the protocol's own calls, functions by
// SELECT. Invariant: names in SQL are those of the catalog, quoted; values are bound.
import { type RawBuilder, sql } from 'kysely';
import { exactNumber } from '../../../../core/body.ts';
import type { MaybePromise, Row, Session, Transaction } from '../../../../database/connection.ts';
import type { MssqlDatabase, MssqlSession } from '../../../../database/mssql.ts';
import type { MssqlParameter } from '../../../../database/mssql-connection.ts';
import type { Dialect } from '../../dialect.ts';
import {
  parameterField,
  type Routine,
  type RoutineCall,
  type RoutineKind,
  type RoutineOutcome,
  type RoutineParameter,
  type RoutineRow,
  type Routines,
} from '../../routines/routine.ts';
import { typeFacts } from './column-type.ts';
import type { SchemaChoice } from './introspection.ts';
import { decode, encode } from './values.ts';

const routineStatements = {
  routines: {
    sql: `SELECT o.object_id AS id, s.name AS [schema], o.name AS name, RTRIM(o.type) AS kind,
      CAST(p.value AS nvarchar(4000)) AS description
      FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
      LEFT JOIN sys.extended_properties p
        ON p.major_id = o.object_id AND p.minor_id = 0 AND p.class = 1 AND p.name = 'MS_Description'
      WHERE o.type IN ('P', 'PC', 'FN', 'FS', 'IF', 'TF', 'FT') AND o.is_ms_shipped = 0
        AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT',
          CASE WHEN o.type IN ('IF', 'TF', 'FT') THEN 'SELECT' ELSE 'EXECUTE' END) = 1
      ORDER BY s.name, o.name`,
  },
  parameters: {
    sql: `SELECT p.object_id AS id, p.parameter_id AS number, p.name AS name, p.is_output AS is_output,
      p.has_default_value AS has_default, COALESCE(b.name, t.name) AS type, p.max_length AS max_length,
      p.precision AS [precision], p.scale AS scale
      FROM sys.parameters p JOIN sys.objects o ON o.object_id = p.object_id
      JOIN sys.types t ON t.user_type_id = p.user_type_id
      LEFT JOIN sys.types b ON b.user_type_id = t.system_type_id AND t.is_user_defined = 1
      WHERE o.type IN ('P', 'PC', 'FN', 'FS', 'IF', 'TF', 'FT') AND o.is_ms_shipped = 0
      ORDER BY p.object_id, p.parameter_id`,
  },
};

/** What the routines of a database are made with. */
export interface MssqlRoutinesOptions {
  readonly database: () => MssqlDatabase;
  readonly builder: Dialect['builder'];
  readonly choice: SchemaChoice;
}

/** The routines of one database. */
export class MssqlRoutines implements Routines {
  readonly #options: MssqlRoutinesOptions;

  constructor(options: MssqlRoutinesOptions) {
    this.#options = options;
  }

  async list(kind: RoutineKind): Promise<readonly Routine[]> {
    const database = this.#options.database();
    const routines = await database.rows(routineStatements.routines, []);
    const parameters = await database.rows(routineStatements.parameters, []);
    return routinesOf({ routines, parameters }, this.#options.choice).filter((each) => each.kind === kind);
  }

  call(call: RoutineCall, inside: Transaction | undefined): MaybePromise<RoutineOutcome> {
    const work = (session: Session) => this.#called(call, session as MssqlSession);
    if (inside === undefined) return this.#options.database().alone(work);
    return inside.behind === undefined ? work(inside) : inside.behind(work);
  }

  #called(call: RoutineCall, session: MssqlSession): Promise<RoutineOutcome> {
    return call.routine.kind === 'procedure' ? this.#procedure(call, session) : this.#function(call, session);
  }

  async #procedure({ routine, values }: RoutineCall, session: MssqlSession): Promise<RoutineOutcome> {
    const given = routine.parameters.filter((each) => each.mode !== 'IN' || values.has(each));
    const { sets, out } = await session.call(quoted(routine.path), given.map(parameterOf(values)));
    const outward = routine.parameters.filter(({ mode }) => mode !== 'IN');
    const pairs = outward.map(({ name, field }) => [name, decode(field, out[name])] as const);
    return { sets: sets.map((rows) => rows.map(plainRow)), out: Object.fromEntries(pairs) };
  }

  async #function({ routine, values }: RoutineCall, session: MssqlSession): Promise<RoutineOutcome> {
    const { builder } = this.#options;
    const statement = { sql: functionSql(routine, values).compile(builder).sql };
    const bound = routine.parameters
      .filter((each) => values.has(each))
      .map((each) => encode(each.field, values.get(each)));
    const rows = await session.rows(statement, bound);
    if (routine.returns?.isRows === true) return { sets: [rows.map(plainRow)], out: {} };
    return { sets: [], out: {}, scalar: { value: plain(rows[0]?.value) } };
  }
}

/** The SELECT of a function; parameters that are left out have their default. */
export function functionSql(
  { path, parameters, returns }: Routine,
  values: ReadonlyMap<RoutineParameter, unknown>,
): RawBuilder<unknown> {
  const given = parameters.map((each) => (values.has(each) ? sql`${0}` : sql`DEFAULT`));
  const call = sql`${sql.id(...path)}(${sql.join(given)})`;
  return returns?.isRows === true ? sql`SELECT * FROM ${call}` : sql`SELECT ${call} AS ${sql.id('value')}`;
}

/** The routines that rows of the catalog are. */
export function routinesOf(
  { routines, parameters }: { readonly routines: readonly Row[]; readonly parameters: readonly Row[] },
  { usual, only }: SchemaChoice,
): readonly Routine[] {
  const byRoutine = Map.groupBy(parameters, ({ id }) => id);
  return routines
    .filter(({ schema }) => only.length === 0 || only.includes(String(schema)))
    .map((row) => {
      const all = byRoutine.get(row.id) ?? [];
      const result = all.find(({ number }) => Number(number) === 0);
      const isProcedure = String(row.kind).startsWith('P');
      const isRows = /^(?:IF|TF|FT)$/.test(String(row.kind));
      return {
        name: row.schema === usual ? String(row.name) : `${row.schema}.${row.name}`,
        path: [String(row.schema), String(row.name)],
        kind: isProcedure ? 'procedure' : 'function',
        parameters: all.filter((each) => each !== result).map(parameterFrom),
        returns: isProcedure ? null : { dbType: result === undefined ? 'table' : dbTypeOf(result), isRows },
        description: typeof row.description === 'string' ? row.description : null,
      };
    });
}

// The catalog only knows the defaults of CLR routines: for all others it takes asking the text, so nothing is
// required here and the server says what is missing.
function parameterFrom(row: Row): RoutineParameter {
  const name = String(row.name).replace(/^@/, '');
  return {
    name,
    mode: row.is_output === true || row.is_output === 1 ? 'INOUT' : 'IN',
    isRequired: false,
    field: parameterField({ name, ...factsOf(row) }),
  };
}

function factsOf(row: Row) {
  return typeFacts({
    type: String(row.type),
    maxLength: Number(row.max_length),
    precision: Number(row.precision),
    scale: Number(row.scale),
    isIdentity: false,
  });
}

function dbTypeOf(row: Row): string {
  return factsOf(row).dbType;
}

function parameterOf(values: ReadonlyMap<RoutineParameter, unknown>) {
  return (parameter: RoutineParameter): MssqlParameter => {
    const { name, mode, field } = parameter;
    const value = encode(field, values.get(parameter) ?? null);
    const { precision, scale } = field;
    return { name, value, isOutput: mode !== 'IN', type: driverType(field.dbType), precision, scale };
  };
}

// Decimals and moments come back as text, which loses nothing.
function driverType(dbType: string): string {
  if (/^bigint/.test(dbType)) return 'BigInt';
  if (/^(?:int|smallint|tinyint)/.test(dbType)) return 'Int';
  if (/^bit/.test(dbType)) return 'Bit';
  if (/^(?:float|real)/.test(dbType)) return 'Float';
  return /binary|image/.test(dbType) ? 'VarBinary' : 'NVarChar';
}

// Results of procedures have types that no catalog knows: what the driver gives is answered as JSON has it.
function plainRow(row: Row): RoutineRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  // Numbers of 64 bits come as text, like texts of digits do; only those that are longer stay text.
  return typeof value === 'bigint' ? exactNumber(value.toString()) : (value ?? null);
}

function quoted(path: readonly string[]): string {
  return path.map((name) => `[${name.replaceAll(']', ']]')}]`).join('.');
}
