// The SQL texts of writing, one Statement per shape (table and set of fields), made once and kept by use.
// Invariant: texts hold quoted names and bind marks only; marks stand in the order of the fields asked for.
import { type RawBuilder, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import { limits } from '../../../core/limits.ts';
import type { Where } from '../../../core/query.ts';
import type { Bindable, Statement } from '../../../database/connection.ts';
import type { Dialect, Grammar } from '../dialect.ts';
import { columns } from '../pieces.ts';
import { bindConditions, conditionsSql, plannedAs } from '../reading/where.ts';
import { writtenMark } from '../schema/field-function.ts';
import type { Field, Table } from '../schema.ts';

/** Which rows are meant: those of a key, and of these, where it is not theirs alone, those of a condition. */
export interface Which {
  readonly keys: readonly Field[];
  readonly within?: Where | undefined;
}

/** A statement about rows that meet conditions, whose values are bound last. */
export interface Conditional {
  readonly statement: Statement;
  readonly conditions: readonly Bindable[];
}

/** Makes and keeps the statements that write records of one source. */
export class WriteStatements {
  readonly #dialect: Dialect;
  readonly #known = new LRUCache<string, Statement>({ max: limits.preparedStatements });
  readonly #numbers = new WeakMap<Table, number>();
  #tables = 0;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Inserts a row; answers the `returning` fields where some are named. Binds the fields' values. */
  insert(table: Table, fields: readonly Field[], returning: readonly Field[]): Statement {
    return this.#statement(this.#shape('insert', table, [fields, returning]), fields, () =>
      this.#dialect.grammar.insert({ table, fields, returning }),
    );
  }

  /** Inserts `count` rows; answers the `returning` fields of each. Binds the fields' values, row by row. */
  insertRows(
    table: Table,
    { fields, returning, count }: { fields: readonly Field[]; returning: readonly Field[]; count: number },
  ): Statement {
    return this.#statement(`${count}${this.#shape('rows', table, [fields, returning])}`, [], () => {
      const { grammar } = this.#dialect;
      const given = fields.map((field) => writtenMark(field, 'INSERT', grammar.setMark(field)));
      const row = sql`(${sql.join(given)})`;
      const rows = sql.join(new Array<RawBuilder<unknown>>(count).fill(row));
      const answer = returning.length === 0 ? sql`` : sql` returning ${columns(returning)}`;
      return sql`insert into ${sql.id(...table.path)} (${columns(fields)}) values ${rows}${answer}`;
    });
  }

  /** Selects keys, by column, that an insert could not answer; undefined where one can. */
  keysBefore(table: Table, keys: readonly Field[]): Statement | undefined {
    const { grammar } = this.#dialect;
    const made = keys.flatMap((key) => {
      const value = grammar.keyBefore?.(table, key);
      return value === undefined ? [] : [sql`${value} AS ${sql.id(key.column)}`];
    });
    if (made.length === 0 || made.length < keys.length) return undefined;
    return this.#statement(this.#shape('keys', table, [keys]), keys, () => sql`select ${sql.join(made)}`);
  }

  /** Changes the rows of a key. Binds the fields' values, then the key's, then those of the conditions. */
  update(table: Table, fields: readonly Field[], which: Which): Conditional {
    return this.#conditional(this.#shape('update', table, [fields, which.keys]), {
      ...{ table, which },
      bound: [...fields, ...which.keys],
      make: (where) => {
        const { grammar } = this.#dialect;
        const changes = sql.join(
          fields.map(
            (field) => sql`${sql.id(field.column)} = ${writtenMark(field, 'UPDATE', grammar.setMark(field))}`,
          ),
        );
        return sql`update ${sql.id(...table.path)} set ${changes}${where}`;
      },
    });
  }

  /** Deletes the rows of a key, without keys all. Binds the key's values, then those of the conditions. */
  remove(table: Table, which: Which): Conditional {
    return this.#conditional(this.#shape('delete', table, [[], which.keys]), {
      ...{ table, which },
      bound: which.keys,
      make: (where) => sql`delete from ${sql.id(...table.path)}${where}`,
    });
  }

  #conditional(shape: string, { table, which, bound, make }: Conditioned): Conditional {
    const { within, keys } = which;
    const { shape: conditions, values } = bindConditions(table, within, this.#dialect);
    const statement = this.#statement(conditions === '' ? shape : `${shape}\0${conditions}`, bound, () => {
      const { grammar } = this.#dialect;
      const condition = conditionsSql(table, within, grammar);
      const parts = keys.length === 0 ? [] : [isKey(grammar, keys)];
      if (condition !== undefined) parts.push(sql`(${condition})`);
      return make(parts.length === 0 ? sql`` : sql` where ${sql.join(parts, sql` and `)}`);
    });
    return { statement, conditions: values };
  }

  // Tables of an earlier schema are other objects: what a server prepared for one may not do for the other.
  // Names may hold any character but NUL, which therefore separates them.
  #shape(verb: string, table: Table, fieldLists: readonly (readonly Field[])[]): string {
    const planned = plannedAs(table);
    let number = this.#numbers.get(planned);
    if (number === undefined) {
      number = ++this.#tables;
      this.#numbers.set(planned, number);
    }
    let key = `${verb}\0${number}`;
    for (const fields of fieldLists) {
      key += '\0';
      for (const field of fields) key += `\0${field.name}`;
    }
    return key;
  }

  #statement(key: string, bound: readonly Field[], make: () => RawBuilder<unknown>): Statement {
    let statement = this.#known.get(key);
    if (statement === undefined) {
      const { sql: text } = make().compile(this.#dialect.builder);
      statement = { sql: text, names: bound.map(({ name }) => name) };
      this.#known.set(key, statement);
    }
    return statement;
  }
}

interface Conditioned {
  readonly table: Table;
  readonly which: Which;
  readonly bound: readonly Field[];
  /** The statement that ends with the WHERE. */
  readonly make: (where: RawBuilder<unknown>) => RawBuilder<unknown>;
}

function isKey(grammar: Grammar, keys: readonly Field[]): RawBuilder<unknown> {
  return sql.join(
    keys.map((field) => sql`${sql.id(field.column)} = ${grammar.mark(field)}`),
    sql` and `,
  );
}
