// Compiled reads: SQL text is made once per shape of a query and kept; requests bring only the values.
// Invariant: text holds names of the schema and marks, never anything from a request; a plan belongs to one
// schema.
import { type RawBuilder, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import { limits } from '../../core/limits.ts';
import type { Parameters } from '../../core/operation.ts';
import type { Order, Where } from '../../core/query.ts';
import type { Bindable, Statement } from '../../database/connection.ts';
import type { Dialect } from './dialect.ts';
import type { ReadRequest } from './parameters.ts';
import type { Field, Table } from './schema.ts';
import { bindWhere, whereSql } from './where.ts';

/** A list of records: what it selects, in which order. Its limit and skip are bound last. */
export interface ListShape {
  readonly table: Table;
  readonly fields: readonly Field[];
  readonly where: Where | undefined;
  readonly order: readonly Order[];
  readonly group: readonly Field[];
  /** At most so many records for each value of the field, in the given order. Bound before the limit. */
  readonly perValue?: { readonly field: Field; readonly limit: number };
}

/**
 * Statements for one shape. The JSON one is dropped when the data turned out to hold what JSON in SQL can
 * not.
 */
export interface ListPlan {
  /** First column: a JSON list of the records. */
  json: Statement | undefined;
  /** One row: `text`, the same list, and `count`, the number of its records. */
  readonly counted: Statement | undefined;
  readonly rows: Statement;
}

/** Statements for records of a key. */
export interface KeyPlan {
  /** First column: the JSON text of each record. */
  json: Statement | undefined;
  readonly rows: Statement;
}

/** A request with what was compiled for it. */
export interface PreparedRead {
  readonly request: ReadRequest;
  list: Bound<ListPlan> | undefined;
  one: KeyPlan | undefined;
}

/** A plan with the values of its condition. */
export interface Bound<Plan> {
  readonly plan: Plan;
  readonly values: readonly Bindable[];
}

/**
 * A read for values that another read found: the condition behind its filter's text, so that it is not
 * parsed.
 */
export interface KeyedRead {
  readonly where: Where;
  readonly perValue: ListShape['perValue'];
}

/** Makes and keeps the plans of one source. */
export class ReadPlans {
  /** Understood requests by their frozen parameters: a query string that comes often is parsed once. */
  readonly requests = new WeakMap<Table, WeakMap<Parameters, PreparedRead>>();
  /** Reads of related records by their parameters, for as long as no script has replaced these. */
  readonly keyedReads = new WeakMap<Parameters, KeyedRead>();
  readonly #dialect: Dialect;
  readonly #lists = new LRUCache<string, ListPlan>({ max: limits.preparedStatements });
  readonly #keyed = new LRUCache<string, KeyPlan>({ max: limits.preparedStatements });
  readonly #counts = new LRUCache<string, Statement>({ max: limits.preparedStatements });
  readonly #numbers = new WeakMap<Table, number>();
  #tables = 0;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** The plan of a list; throws `request.invalid_filter` when a value has not its field's type. */
  list(shape: ListShape): Bound<ListPlan> {
    const bound = this.#bind(shape);
    const order = shape.order.map(orderShape).join();
    const perValue = shape.perValue === undefined ? [] : [shape.perValue.field];
    const lists = [shape.fields, shape.group, perValue].map(namesOf).join('|');
    const key = `${this.#number(shape.table)}|${lists}|${bound.shape}|${order}`;
    const plan = kept(this.#lists, key, () => this.#compileList(shape));
    return { plan, values: bound.values };
  }

  /** How many records a condition meets, or groups it makes. */
  count({ table, where, group }: Pick<ListShape, 'table' | 'where' | 'group'>): Bound<Statement> {
    const bound = this.#bind({ table, where });
    const key = `${this.#number(table)}c|${bound.shape}|${namesOf(group)}`;
    const plan = kept(this.#counts, key, () => {
      const matching = sql`FROM ${sql.id(table.name)}${condition(where)}`;
      return this.#compile(
        group.length === 0
          ? sql`SELECT count(*) ${matching}`
          : sql`SELECT count(*) FROM (SELECT 1 ${matching} GROUP BY ${names(group)})`,
      );
    });
    return { plan, values: bound.values };
  }

  /** Records whose key fields have one of `count` keys; binds the values of each key in turn. */
  keyed(shape: KeyShape): KeyPlan {
    const { table, fields, keys, count } = shape;
    const key = `${this.#number(table)}k${namesOf(fields)}|${namesOf(keys)}|${count}`;
    return kept(this.#keyed, key, () => {
      const record = this.#dialect.jsonRecord(fields);
      const matching = sql`FROM ${sql.id(table.name)} WHERE ${isOneOf(keys, count)}`;
      return {
        json: record && this.#compile(sql`SELECT ${record} ${matching}`),
        rows: this.#compile(sql`SELECT ${names(fields)} ${matching}`),
      };
    });
  }

  #bind({ table, where }: Pick<ListShape, 'table' | 'where'>) {
    return where === undefined ? { shape: '', values: [] } : bindWhere(where, table, this.#dialect);
  }

  // Handing on one text per row is cheaper than all its columns, but sorting ready-made JSON would make it
  // for rows beyond the page; so where rows have to be sorted they are cut to the page first.
  #compileList(shape: ListShape): ListPlan {
    const record = this.#dialect.jsonRecord(shape.fields);
    const rows = this.#compile(pageOf(shape, names(shape.fields)));
    if (record === undefined) return { json: undefined, counted: undefined, rows };
    const isSorted = comesInOrder(shape);
    const page = pageOf(shape, isSorted ? sql`${record} AS ${sql.id(recordName)}` : names(shape.fields));
    const list = isSorted
      ? this.#dialect.jsonJoined(sql<string>`${sql.id(recordName)}`)
      : this.#dialect.jsonList(record);
    const json = this.#compile(sql`SELECT ${list} FROM (${page})`);
    const counted = this.#compile(sql`SELECT ${list} AS "text", count(*) AS "count" FROM (${page})`);
    return { json, counted, rows };
  }

  #compile(query: RawBuilder<unknown>): Statement {
    return { sql: query.compile(this.#dialect.builder).sql };
  }

  // Tables of an earlier schema are other objects, so their plans are not found again.
  #number(table: Table): number {
    let number = this.#numbers.get(table);
    if (number === undefined) {
      number = ++this.#tables;
      this.#numbers.set(table, number);
    }
    return number;
  }
}

function kept<Plan extends object>(plans: LRUCache<string, Plan>, key: string, make: () => Plan): Plan {
  let plan = plans.get(key);
  if (plan === undefined) {
    plan = make();
    plans.set(key, plan);
  }
  return plan;
}

/** Records by key. */
export interface KeyShape {
  readonly table: Table;
  readonly fields: readonly Field[];
  readonly keys: readonly Field[];
  readonly count: number;
}

const recordName = 'tenon json';

// Whether the engine finds the records in the order that is asked for: that of their key, or any.
function comesInOrder({ table, order, group, perValue }: ListShape): boolean {
  const [first] = order;
  if (group.length > 0 || perValue !== undefined) return false;
  if (first === undefined) return true;
  const [key, second] = table.primaryKey;
  // In ORDER BY a name means the selected text rather than the column.
  const isKey = key === first.field && second === undefined && key !== recordName;
  return isKey && first.nulls === undefined;
}

function pageOf(
  { table, fields, where, order, group, perValue }: ListShape,
  selected: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const from = sql`FROM ${sql.id(table.name)}${condition(where)}`;
  const grouping = group.length === 0 ? sql`` : sql` GROUP BY ${names(group)}`;
  const sorting = order.length === 0 ? sql`` : sql` ORDER BY ${sql.join(order.map(orderSql))}`;
  if (perValue === undefined) {
    return sql`SELECT ${selected} ${from}${grouping}${sorting} LIMIT ${0} OFFSET ${0}`;
  }
  const rank = sql`row_number() OVER (PARTITION BY ${sql.id(perValue.field.name)}${sorting}) AS "tenon rank"`;
  const all = sql.join(
    [...new Set([...fields.map((f) => f.name), ...order.map((o) => o.field)])].map((n) => sql.id(n)),
  );
  return sql`SELECT ${selected} FROM (SELECT ${all}, ${rank} ${from})
    WHERE "tenon rank" <= ${0}${sorting} LIMIT ${0} OFFSET ${0}`;
}

function condition(where: Where | undefined): RawBuilder<unknown> {
  return where === undefined ? sql`` : sql` WHERE ${whereSql(where)}`;
}

function isOneOf(keys: readonly Field[], count: number): RawBuilder<unknown> {
  const [only, second] = keys;
  const marks = new Array<number>(count).fill(0);
  if (only !== undefined && second === undefined) {
    if (count === 1) return sql`${sql.id(only.name)} = ${0}`;
    return sql`${sql.id(only.name)} IN (${sql.join(marks)})`;
  }
  const isKey = sql`(${sql.join(
    keys.map((key) => sql`${sql.id(key.name)} = ${0}`),
    sql` AND `,
  )})`;
  return sql.join(
    marks.map(() => isKey),
    sql` OR `,
  );
}

function orderSql({ field, descending, nulls }: Order): RawBuilder<unknown> {
  const direction = descending ? sql` DESC` : sql` ASC`;
  const place = nulls === undefined ? sql`` : nulls === 'first' ? sql` NULLS FIRST` : sql` NULLS LAST`;
  return sql`${sql.id(field)}${direction}${place}`;
}

function orderShape({ field, descending, nulls }: Order): string {
  return `${JSON.stringify(field)}${descending ? '-' : '+'}${nulls ?? ''}`;
}

// `sql.id` quotes a name as a whole; the builder's own methods would read dots and ` as ` in it.
function names(fields: readonly Field[]): RawBuilder<unknown> {
  return sql.join(fields.map((field) => sql.id(field.name)));
}

function namesOf(fields: readonly Field[]): string {
  return fields.map((field) => JSON.stringify(field.name)).join();
}
