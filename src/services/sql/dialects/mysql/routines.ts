// Procedures and functions of MySQL and MariaDB. What goes out of a procedure goes through variables of the
// session, so all statements of a call are on one connection, which is made anew afterwards.
// Invariant: names in SQL come from information_schema, values are bound.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type {
  Bindable,
  MaybePromise,
  Row,
  Session,
  Statement,
  Transaction,
} from '../../../../database/connection.ts';
import type { MysqlDatabase } from '../../../../database/mysql.ts';
import type { MysqlResults } from '../../../../database/mysql-connection.ts';
import type { AnySchema } from '../../dialect.ts';
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
import type { Field } from '../../schema.ts';
import { columnType } from './column-type.ts';
import { isGeometry } from './geometry.ts';
import { resultRows } from './result-rows.ts';
import { decode, encode } from './values.ts';

/** What routines are read and called with. */
export interface MysqlRoutinesOptions {
  readonly database: MysqlDatabase;
  readonly builder: Kysely<AnySchema>;
  /** The first is the one whose routines are called by their own names. */
  readonly databases: readonly string[];
}

const statements = {
  routines: {
    sql: `SELECT routine_name AS name, specific_name AS own, routine_comment AS comment
      FROM information_schema.routines WHERE routine_schema = ? AND routine_type = ? ORDER BY routine_name`,
  },
  parameters: {
    sql: `SELECT specific_name AS own, ordinal_position AS place, parameter_mode AS mode,
      parameter_name AS name, data_type AS data_type, dtd_identifier AS column_type,
      character_maximum_length AS length, numeric_precision AS digits, numeric_scale AS scale,
      character_set_name AS charset FROM information_schema.parameters
      WHERE specific_schema = ? AND routine_type = ? ORDER BY specific_name, ordinal_position`,
  },
};

/** A session that can hand out several results. */
interface ResultsSession {
  results(statement: Statement, values: readonly Bindable[]): Promise<MysqlResults>;
}

/** The routines of one server. */
export class MysqlRoutines implements Routines {
  readonly #options: MysqlRoutinesOptions;
  /** What functions answer, by routine. */
  readonly #returned = new WeakMap<Routine, Field>();

  constructor(options: MysqlRoutinesOptions) {
    this.#options = options;
  }

  async list(kind: RoutineKind): Promise<readonly Routine[]> {
    const { database, databases } = this.#options;
    const type = kind.toUpperCase();
    const all: Routine[] = [];
    for (const [index, name] of databases.entries()) {
      const rows = await database.rows(statements.routines, [name, type]);
      const parameters = Map.groupBy(
        await database.rows(statements.parameters, [name, type]),
        ({ own }) => own,
      );
      for (const row of rows) {
        const own = parameters.get(row.own) ?? [];
        all.push(this.#routine(row, { kind, own, database: index === 0 ? undefined : name }));
      }
    }
    return all;
  }

  call(call: RoutineCall, inside: Transaction | undefined): MaybePromise<RoutineOutcome> {
    const work = (session: Session) =>
      call.routine.kind === 'function' ? this.#function(call, session) : this.#procedure(call, session);
    if (inside === undefined) return this.#options.database.alone(work);
    return inside.behind === undefined ? work(inside) : inside.behind(work);
  }

  #routine(
    { name, comment }: Row,
    found: {
      readonly kind: RoutineKind;
      readonly own: readonly Row[];
      readonly database: string | undefined;
    },
  ): Routine {
    const { kind, own, database } = found;
    const returned = own.find(({ place }) => Number(place) === 0);
    const routine: Routine = {
      name: database === undefined ? String(name) : `${database}.${name}`,
      path: database === undefined ? [String(name)] : [database, String(name)],
      kind,
      parameters: own.filter(({ place }) => Number(place) > 0).map(parameterOf),
      returns: returned === undefined ? null : { dbType: String(returned.column_type), isRows: false },
      description: comment === '' || comment === null ? null : String(comment),
    };
    if (returned !== undefined) this.#returned.set(routine, fieldOf(returned, 'value'));
    return routine;
  }

  async #function(call: RoutineCall, session: Session): Promise<RoutineOutcome> {
    const { routine } = call;
    const given = routine.parameters.map((parameter) => givenFor(call, parameter));
    const marks = sql.join(routine.parameters.map(({ field }) => markOf(field)));
    const returned = this.#returned.get(routine);
    const answered = sql`${sql.id(...routine.path)}(${marks})`;
    const expression =
      returned !== undefined && isGeometry(returned) ? sql`ST_AsText(${answered})` : answered;
    const [value] = await session.column(this.#statement(sql`SELECT ${expression} AS value`), given);
    const scalar = { value: returned === undefined ? value : decode(returned, value) };
    return { sets: [], out: {}, scalar };
  }

  async #procedure(call: RoutineCall, session: Session): Promise<RoutineOutcome> {
    const { parameters, path } = call.routine;
    const variables = new Map<RoutineParameter, RawBuilder<unknown>>();
    for (const [index, parameter] of parameters.entries()) {
      if (parameter.mode === 'IN') continue;
      const variable = sql.raw(`@tenon_${index + 1}`);
      variables.set(parameter, variable);
      const given = parameter.mode === 'INOUT' ? givenFor(call, parameter) : null;
      await session.run(this.#statement(sql`SET ${variable} = ${markOf(parameter.field)}`), [given]);
    }
    const marks = parameters.map((parameter) => variables.get(parameter) ?? markOf(parameter.field));
    const values = parameters
      .filter(({ mode }) => mode === 'IN')
      .map((parameter) => givenFor(call, parameter));
    const statement = this.#statement(sql`CALL ${sql.id(...path)}(${sql.join(marks)})`);
    const sets = await setsOf(session, statement, values);
    return { sets, out: await this.#out(variables, session) };
  }

  async #out(
    variables: ReadonlyMap<RoutineParameter, RawBuilder<unknown>>,
    session: Session,
  ): Promise<RoutineRow> {
    if (variables.size === 0) return {};
    const read = [...variables].map(([{ field, name }, variable]) => {
      const shown = isGeometry(field) ? sql`ST_AsText(${variable})` : variable;
      return sql`${shown} AS ${sql.id(name)}`;
    });
    const [row] = await session.rows(this.#statement(sql`SELECT ${sql.join(read)}`), []);
    return Object.fromEntries(
      [...variables.keys()].map(({ name, field }) => [name, decode(field, row?.[name])]),
    );
  }

  #statement(text: RawBuilder<unknown>): Statement {
    return { sql: text.compile(this.#options.builder).sql };
  }
}

async function setsOf(
  session: Session,
  statement: Statement,
  values: readonly Bindable[],
): Promise<readonly (readonly RoutineRow[])[]> {
  const whole: Session & Partial<ResultsSession> = session;
  if (whole.results === undefined) return [await session.rows(statement, values)];
  const { sets } = await whole.results(statement, values);
  return sets.map(resultRows);
}

function givenFor({ values }: RoutineCall, parameter: RoutineParameter): Bindable {
  const value = values.get(parameter);
  return value === undefined ? null : encode(parameter.field, value);
}

function markOf(field: Field): RawBuilder<unknown> {
  return isGeometry(field) ? sql`ST_GeomFromText(${0})` : sql`${0}`;
}

function parameterOf(row: Row): RoutineParameter {
  const mode = row.mode === 'OUT' || row.mode === 'INOUT' ? row.mode : 'IN';
  const name = row.name === null ? `p${row.place}` : String(row.name);
  return { name, mode, isRequired: mode !== 'OUT', field: fieldOf(row, name) };
}

function fieldOf(row: Row, name: string): Field {
  const declared = columnType({
    dataType: String(row.data_type).toLowerCase(),
    columnType: String(row.column_type).replace(/ (?:charset|character set|collate) .*$/i, ''),
    length: row.length === null ? null : Number(row.length),
    precision: row.digits === null ? null : Number(row.digits),
    scale: row.scale === null ? null : Number(row.scale),
    charset: row.charset === null ? null : String(row.charset),
    isJson: false,
  });
  return parameterField({ name, ...declared });
}
