// Carries out a plan on the database: first everything that must hold, then the statements in an order in
// which each finds what it needs. Invariant: where the engine can not undo, the error says what has been
// done.
import { sql } from 'kysely';
import { PlatformError } from '../../../core/errors.ts';
import {
  type Database,
  DatabaseError,
  type Session,
  type Statement,
  type Transaction,
} from '../../../database/connection.ts';
import type { Engine } from '../dialect.ts';
import { conflict } from '../reading/plan-context.ts';
import type { Ddl, Sql } from './ddl.ts';
import { invalidSchema } from './definition-values.ts';
import type { Alteration, Precondition, SchemaPlan } from './schema-plan.ts';

/** Where a plan is carried out. */
export interface ExecutionOptions {
  readonly engine: Engine;
  readonly database: Database;
  readonly service: string;
}

/** One carrying out. */
export class SchemaExecution {
  readonly #engine: Engine;
  readonly #database: Database;
  readonly #service: string;
  readonly #done: string[] = [];
  #doing = '';
  /** Whether the engine undoes everything when a statement is refused: nothing can follow it then. */
  #isUndone = true;

  constructor({ engine, database, service }: ExecutionOptions) {
    this.#engine = engine;
    this.#database = database;
    this.#service = service;
  }

  /** Changes the database. Throws 409 for what the data forbids, 400 for what the database does not take. */
  async run(plan: SchemaPlan): Promise<void> {
    const { ddl } = plan.context;
    this.#isUndone = ddl.isTransactional;
    try {
      await this.#change(async (session) => {
        for (const condition of plan.preconditions) await this.#check(session, condition);
        await this.#dropTables(session, plan);
        await this.#createTables(session, plan);
        for (const change of plan.alterations) await this.#alter(session, ddl, change);
      });
    } catch (error) {
      throw this.#explained(error, ddl);
    }
  }

  #change(work: (session: Transaction) => Promise<void>): Promise<void> {
    return this.#engine.changeSchema?.(work) ?? this.#database.transaction(work);
  }

  // Those that refer to others go first, as far as there is such an order.
  async #dropTables(session: Session, { dropTables, context }: SchemaPlan): Promise<void> {
    const left = [...dropTables];
    while (left.length > 0) {
      const isNeeded = (name: string) =>
        context.catalog.foreignKeys.some(
          ({ table, refTable }) =>
            refTable === name && table !== name && left.some(({ ownName }) => ownName === table),
        );
      const free = left.findIndex(({ ownName }) => !isNeeded(ownName));
      const [table] = left.splice(Math.max(free, 0), 1);
      if (table !== undefined)
        await this.#do(session, `table '${table.name}' dropped`, [context.ddl.dropTable(table)]);
    }
  }

  async #createTables(session: Session, { create, context }: SchemaPlan): Promise<void> {
    const made = create.map((definition) => ({
      name: definition.path.at(-1) ?? '',
      ...context.ddl.createTable(definition),
    }));
    for (const { name, first } of made) await this.#do(session, `table '${name}' created`, first);
    for (const { name, last } of made) await this.#do(session, `references of '${name}' created`, last);
  }

  async #alter(session: Session, ddl: Ddl, change: Alteration): Promise<void> {
    this.#doing = `table '${change.table.name}' changed`;
    await this.#do(session, this.#doing, await ddl.alterTable(session, change));
  }

  async #do(session: Session, what: string, statements: readonly Sql[]): Promise<void> {
    this.#doing = what;
    let count = 0;
    for (const statement of statements) {
      await this.#run(session, this.#compiled(statement));
      count++;
      const isWhole = count === statements.length;
      if (isWhole) this.#done.push(what);
    }
  }

  // MariaDB lets others write while it alters a table, and about once in a thousand times takes what they
  // wrote for values that do not fit. A statement that was refused did nothing; asked again, it is carried
  // out.
  async #run(session: Session, statement: Statement): Promise<void> {
    try {
      await session.run(statement, []);
    } catch (error) {
      const isWorthAnother = error instanceof DatabaseError && error.failure === 'type' && !this.#isUndone;
      if (!isWorthAnother) throw error;
      await session.run(statement, []);
    }
  }

  async #check(session: Session, condition: Precondition): Promise<void> {
    const question = sql`SELECT CASE WHEN EXISTS (${this.#question(condition)}) THEN 1 ELSE 0 END`;
    const [found] = await session.column(this.#compiled(question), []);
    if (Number(found) === 1) throw conflict(refusals[condition.kind](condition));
  }

  #question({ kind, table, field, key }: Precondition): Sql {
    const [from, column] = [sql.id(...table.path), sql.id(field)];
    const one = sql`1 AS ${sql.id('found')}`;
    if (kind === 'no_rows') return sql`SELECT ${one} FROM ${from}`;
    if (kind === 'no_nulls') return sql`SELECT ${one} FROM ${from} WHERE ${column} IS NULL`;
    if (kind === 'no_duplicates') {
      const given = sql`SELECT ${one} FROM ${from} WHERE ${column} IS NOT NULL`;
      return sql`${given} GROUP BY ${column} HAVING count(*) > 1`;
    }
    const [far, near] = [sql.id('tenon far'), sql.id('tenon near')];
    const target = sql`${far}.${sql.id(key?.refColumns[0] ?? '')}`;
    const others = sql`SELECT 1 FROM ${sql.id(...(key?.refPath ?? []))} AS ${far}`;
    const counterpart = sql`${others} WHERE ${target} = ${near}.${column}`;
    const isSet = sql`${near}.${column} IS NOT NULL`;
    return sql`SELECT ${one} FROM ${from} AS ${near} WHERE ${isSet} AND NOT EXISTS (${counterpart})`;
  }

  #compiled(statement: Sql) {
    return { sql: statement.compile(this.#engine.dialect.builder).sql };
  }

  #explained(error: unknown, { isTransactional }: Ddl): unknown {
    if (!(error instanceof DatabaseError)) return error;
    const done =
      isTransactional || this.#done.length === 0
        ? 'Nothing was changed.'
        : `This database can not undo changes of its schema. Done before: ${this.#done.join('; ')}.`;
    const during = `Refused was: ${this.#doing}.`;
    switch (error.failure) {
      case 'unique':
        return refused('Records that are there have equal values where they must differ.', {
          done,
          during,
          error,
        });
      case 'not_null':
        return refused('Records that are there have no value where one is needed.', { done, during, error });
      case 'foreign_key':
        return refused('Records or tables that are there refer to what would change or go.', {
          done,
          during,
          error,
        });
      case 'type':
      case 'check':
        return refused('Values that are there do not fit.', { done, during, error });
      case 'read_only':
        return invalidSchema(`The database of service '${this.#service}' is read-only.`);
      case 'busy':
      case 'unavailable':
        return error;
      default:
        return new PlatformError(
          'request.invalid_schema',
          `The database does not take this. ${during} ${done}`,
          {
            cause: error,
          },
        );
    }
  }
}

const refusals: Readonly<Record<Precondition['kind'], (condition: Precondition) => string>> = {
  no_rows: ({ table, field }) =>
    `Field '${field}' needs a 'default' or 'allow_null', because table '${table.name}' has records already.`,
  no_nulls: ({ table, field }) =>
    `Field '${field}' of table '${table.name}' can not be required: some records have no value there.`,
  no_duplicates: ({ table, field }) =>
    `Field '${field}' of table '${table.name}' can not be unique: some records have the same value there.`,
  no_orphans: ({ table, field, key }) =>
    `Field '${field}' of table '${table.name}' can not refer to '${key?.refPath.at(-1)}': some of its ` +
    'values have no counterpart there.',
};

interface Refused {
  readonly done: string;
  readonly during: string;
  readonly error: DatabaseError;
}

function refused(why: string, { done, during, error }: Refused): PlatformError {
  return new PlatformError('request.conflict', `${why} ${during} ${done}`, { cause: error });
}
