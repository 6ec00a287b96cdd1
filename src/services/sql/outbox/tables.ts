// The tables in a database of our users in which we keep what belongs to their writes, and the statements on
// them. Invariant: nobody but us reads or writes them; their names start with `_tenon_`, which is hidden.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Bindable, Statement } from '../../../database/connection.ts';
import type { AnySchema } from '../dialect.ts';

/** What engines spell differently about the tables. */
export interface OutboxWords {
  /** The schema that they are in; absent: where a session is. */
  readonly schema?: string;
  /** Milliseconds since 1970 by the clock of the database. */
  readonly clock: RawBuilder<number>;
  /** The type of a text of any length. */
  readonly longText: string;
  /** The type of text of so many ASCII characters, compared byte for byte. */
  shortText(length: number): string;
  /** What stands after the columns of a table. */
  readonly ending: string;
  /** Whether an index is made by a statement of its own, or stands among the columns. */
  readonly hasIndexStatements: boolean;
  /** Whether tables are made in a transaction, and gone when that is undone; else making one ends it. */
  readonly makesInside: boolean;
  /** The end of a SELECT that reads what is committed now, whatever the transaction saw before. */
  readonly currentRead: string;
  /** The names of tables that are there, of those in a list. */
  present(names: RawBuilder<unknown>): RawBuilder<unknown>;
}

/** Names of the tables. */
export const outboxTables = ['_tenon_outbox', '_tenon_applied', '_tenon_idempotency'] as const;

/** How many rows a statement on a list of ids takes. */
const sizes = [1, 10, 100, 500] as const;

/** The statements, each made once. */
export class OutboxStatements {
  /** Make the tables where they are missing. */
  readonly make: readonly Statement[];
  /** Answers the names of the tables that are there. */
  readonly present: Statement;
  /** Of an id, whose it is, for how long it is that server's, and the runs. */
  readonly put: Statement;
  /** Of for how long it is somebody's, the runs, and an id. */
  readonly update: Statement;
  /** Of whose they are, and the most entries. */
  readonly due: Statement;
  /** Of the id of a run. */
  readonly applied: Statement;
  /** Of the id of a run, and its fence. */
  readonly apply: Statement;
  /** Of an id and a digest: claims a key. */
  readonly claim: Statement;
  /** Of an id. */
  readonly answer: Statement;
  /** Of an answer, and an id. */
  readonly keepAnswer: Statement;
  /** Ids of notes that are older, of an age and the most of them. */
  readonly old: Readonly<Record<'_tenon_applied' | '_tenon_idempotency', Statement>>;
  readonly #builder: Kysely<AnySchema>;
  readonly #words: OutboxWords;
  readonly #removals = new Map<string, Statement>();

  constructor(builder: Kysely<AnySchema>, words: OutboxWords) {
    this.#builder = builder;
    this.#words = words;
    const { clock, currentRead } = words;
    const outbox = this.#table('_tenon_outbox');
    const applied = this.#table('_tenon_applied');
    const keys = this.#table('_tenon_idempotency');
    const mark = sql`${0}`;
    this.make = this.#makers();
    this.present = this.#of(words.present(sql.join(outboxTables.map((name) => sql.lit(name)))));
    this.put = this.#of(
      sql`insert into ${outbox} (id, house, due, runs)
        values (${mark}, ${mark}, ${clock} + ${mark}, ${mark})`,
    );
    this.update = this.#of(
      sql`update ${outbox} set due = ${clock} + ${mark}, runs = ${mark} where id = ${mark}`,
    );
    // Ids grow with time, so that the oldest are the first of the key.
    this.due = this.#of(
      sql`select id, runs from ${outbox} where house = ${mark} and due <= ${clock}
        order by id ${this.#most()}`,
    );
    this.applied = this.#of(sql`select run_id from ${applied} where run_id = ${mark}`);
    this.apply = this.#of(
      sql`insert into ${applied} (run_id, fence, ${this.#date()}) values (${mark}, ${mark}, ${clock})`,
    );
    this.claim = this.#of(
      sql`insert into ${keys} (id, digest, answer, ${this.#date()}) values (${mark}, ${mark}, '', ${clock})`,
    );
    this.answer = this.#of(sql`select digest, answer from ${keys} where id = ${mark}${sql.raw(currentRead)}`);
    this.keepAnswer = this.#of(sql`update ${keys} set answer = ${mark} where id = ${mark}`);
    this.old = {
      _tenon_applied: this.#old(applied, 'run_id'),
      _tenon_idempotency: this.#old(keys, 'id'),
    };
  }

  /** Deletes the rows with some ids; of so many values as `values` says. */
  remove(table: (typeof outboxTables)[number], ids: readonly string[]): readonly Removal[] {
    const most = sizes[sizes.length - 1] ?? 1;
    const parts = [];
    for (let from = 0; from < ids.length; from += most) parts.push(ids.slice(from, from + most));
    return parts.map((part) => {
      const size = sizes.find((each) => each >= part.length) ?? most;
      // The last one stands for those that are missing.
      const values = Array.from({ length: size }, (_, index) => part[index] ?? part[part.length - 1] ?? '');
      return { statement: this.#removal(table, size), values };
    });
  }

  #removal(table: (typeof outboxTables)[number], size: number): Statement {
    const name = `${table} ${size}`;
    let statement = this.#removals.get(name);
    if (statement === undefined) {
      const marks = sql.join(Array.from({ length: size }, () => sql`${0}`));
      const key = sql.id(table === '_tenon_applied' ? 'run_id' : 'id');
      statement = this.#of(sql`delete from ${this.#table(table)} where ${key} in (${marks})`);
      this.#removals.set(name, statement);
    }
    return statement;
  }

  #old(table: RawBuilder<unknown>, key: string): Statement {
    const { clock } = this.#words;
    const date = this.#date();
    const isOld = sql`${date} < ${clock} - ${sql`${0}`}`;
    return this.#of(sql`select ${sql.id(key)} from ${table} where ${isOld} order by ${date} ${this.#most()}`);
  }

  #makers(): readonly Statement[] {
    const { shortText, longText, hasIndexStatements } = this.#words;
    const uuid = shortText(36);
    const hash = shortText(64);
    const date = `${this.#quoted('date')} bigint not null`;
    const columns: Readonly<Record<(typeof outboxTables)[number], string>> = {
      _tenon_outbox:
        `id ${uuid} not null primary key, house ${uuid} not null, ` +
        `due bigint not null, runs ${longText} not null`,
      _tenon_applied: `run_id ${uuid} not null primary key, fence bigint not null, ${date}`,
      _tenon_idempotency:
        `id ${hash} not null primary key, digest ${hash} not null, ` + `answer ${longText} not null, ${date}`,
    };
    return outboxTables.flatMap((name) => {
      const isDated = name !== '_tenon_outbox';
      const within = isDated && !hasIndexStatements ? `, index (${this.#quoted('date')})` : '';
      const body = sql.raw(`(${columns[name]}${within})${this.#words.ending}`);
      const table = this.#of(sql`create table if not exists ${this.#table(name)} ${body}`);
      if (!isDated || !hasIndexStatements) return [table];
      return [table, this.#index(name)];
    });
  }

  #index(name: string): Statement {
    const { schema, makesInside } = this.#words;
    // SQLite has the schema before the index, PostgreSQL before the table; without one both understand it.
    const index = sql.id(`${name}_date`);
    const table = schema === undefined || !makesInside ? sql.id(name) : sql.id(schema, name);
    return this.#of(sql`create index if not exists ${index} on ${table} (${this.#date()})`);
  }

  #table(name: string): RawBuilder<unknown> {
    const { schema } = this.#words;
    return schema === undefined ? sql.id(name) : sql.id(schema, name);
  }

  #date(): RawBuilder<unknown> {
    return sql.id('date');
  }

  #quoted(name: string): string {
    return this.#of(sql`${sql.id(name)}`).sql;
  }

  #most(): RawBuilder<unknown> {
    return sql`limit ${0}`;
  }

  #of(text: RawBuilder<unknown>): Statement {
    return { sql: text.compile(this.#builder).sql };
  }
}

/** A statement with its values. */
export interface Removal {
  readonly statement: Statement;
  readonly values: readonly Bindable[];
}
