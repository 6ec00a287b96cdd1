// Compiled reads: SQL text is made once per shape of a query and kept; requests bring only the values.
// Invariant: text holds names of the schema and marks, never anything from a request; a plan belongs to one
// schema.
import { type RawBuilder, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import { limits } from '../../../core/limits.ts';
import type { Parameters } from '../../../core/operation.ts';
import type { Order, Where } from '../../../core/query.ts';
import type { Bindable, Statement } from '../../../database/connection.ts';
import type { Dialect, Grammar } from '../dialect.ts';
import { columns, selected } from '../pieces.ts';
import { readable } from '../schema/field-function.ts';
import type { Field, Table } from '../schema.ts';
import type { Grouping } from './grouping.ts';
import { groupingShape, groupingSql } from './grouping-sql.ts';
import type { ReadRequest } from './parameters.ts';
import { bindConditions, conditionsSql, plannedAs } from './where.ts';

/** A list of records: what it selects, in which order. Its limit and skip are bound last. */
export interface ListShape {
  readonly table: Table;
  readonly fields: readonly Field[];
  readonly where: Where | undefined;
  readonly order: readonly Order[];
  /** Set when `table` is the groups of another table's records; the values of those come first. */
  readonly grouping?: Grouping | undefined;
  /** At most so many records for each value of the fields, in the given order. Bound before the limit. */
  readonly perValue?: { readonly fields: readonly Field[]; readonly limit: number };
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
  /** A row for each record, its JSON text as `recordName`. */
  readonly texts: Statement | undefined;
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
  one: Bound<KeyPlan> | undefined;
}

/** A plan with the values of its conditions. */
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
    const perValue = shape.perValue?.fields ?? [];
    const lists = [shape.fields, perValue].map(namesOf).join('|');
    const key = `${this.#nameOf(shape)}|${lists}|${bound.shape}|${order}`;
    const plan = kept(this.#lists, key, () => this.#compileList(shape));
    return { plan, values: bound.values };
  }

  /** How many records a condition meets, or groups. */
  count(shape: Pick<ListShape, 'table' | 'where' | 'grouping'>): Bound<Statement> {
    const bound = this.#bind(shape);
    const key = `${this.#nameOf(shape)}c|${bound.shape}`;
    const plan = kept(this.#counts, key, () =>
      this.#compile(sql`SELECT count(*) FROM ${this.#from(shape)}${this.#condition(shape)}`),
    );
    return { plan, values: bound.values };
  }

  /**
   * Records whose key fields have one of `count` keys; binds the values of each key in turn, then those of
   * the plan.
   */
  keyed(shape: KeyShape): Bound<KeyPlan> {
    const { table, fields, keys, count } = shape;
    const bound = bindConditions(table, undefined, this.#dialect);
    const key = `${this.#number(table)}k${namesOf(fields)}|${namesOf(keys)}|${count}|${bound.shape}`;
    const plan = kept(this.#keyed, key, () => {
      const record = this.#dialect.jsonRecord(fields);
      const { grammar } = this.#dialect;
      const isWanted = isOneOf(grammar, { keys, count });
      const granted = conditionsSql(table, undefined, grammar);
      const condition = granted === undefined ? isWanted : sql`(${isWanted}) AND (${granted})`;
      const matching = sql`FROM ${readable(table)} WHERE ${condition}`;
      return {
        json: record && this.#compile(sql`SELECT ${record} ${matching}`),
        rows: this.#compile(sql`SELECT ${selected(fields, grammar)} ${matching}`),
      };
    });
    return { plan, values: bound.values };
  }

  #bind({ table, where, grouping }: Pick<ListShape, 'table' | 'where' | 'grouping'>) {
    const own = bindConditions(table, where, this.#dialect);
    if (grouping === undefined) return own;
    const inner = bindConditions(grouping.table, grouping.where, this.#dialect);
    return { shape: `${inner.shape}|${own.shape}`, values: [...inner.values, ...own.values] };
  }

  #nameOf({ table, grouping }: Pick<ListShape, 'table' | 'grouping'>): string {
    if (grouping === undefined) return `${this.#number(table)}`;
    return `${this.#number(grouping.table)}g${groupingShape(grouping)}`;
  }

  #from({ table, grouping }: Pick<ListShape, 'table' | 'grouping'>): RawBuilder<unknown> {
    if (grouping === undefined) return readable(table);
    const condition = this.#condition(grouping);
    return sql`(${groupingSql(grouping, condition, this.#dialect.grammar)}) AS ${sql.id('tenon groups')}`;
  }

  // Handing on one text per row is cheaper than all its columns, but sorting ready-made JSON would make it
  // for rows beyond the page; so where rows have to be sorted they are cut to the page first.
  #compileList(shape: ListShape): ListPlan {
    const record = this.#dialect.jsonRecord(shape.fields);
    const rows = this.#compile(this.#page(shape, selected(shape.fields, this.#dialect.grammar)));
    if (record === undefined) return { json: undefined, counted: undefined, texts: undefined, rows };
    const isSorted = comesInOrder(shape);
    const inner = isSorted ? sql`${record} AS ${sql.id(recordName)}` : columns(shape.fields);
    const found = this.#page(shape, inner);
    const list = isSorted
      ? this.#dialect.jsonJoined(sql<string>`${sql.id(recordName)}`)
      : this.#dialect.jsonList(record);
    const json = this.#compile(sql`SELECT ${list} FROM (${found}) ${page}`);
    const both = sql`${list} AS ${sql.id('text')}, count(*) AS ${sql.id('count')}`;
    const counted = this.#compile(sql`SELECT ${both} FROM (${found}) ${page}`);
    const text = sql`${record} AS ${sql.id(recordName)}`;
    const texts = this.#compile(isSorted ? found : sql`SELECT ${text} FROM (${found}) ${page}`);
    return { json, counted, texts, rows };
  }

  #page(shape: ListShape, list: RawBuilder<unknown>): RawBuilder<unknown> {
    const { table, fields, order, grouping, perValue } = shape;
    const { grammar } = this.#dialect;
    const from = sql`FROM ${this.#from(shape)}${this.#condition(shape)}`;
    // Some engines find groups in the order of their values, others in none.
    const sorted = order.length > 0 ? order : (grouping?.by ?? []).map(ascending);
    const terms = sorted.map((term: Order) => {
      const hasNulls = table.isView || table.field(term.field)?.allowNull !== false;
      return grammar.order(sql.id(columnOf(table, term.field)), { ...term, hasNulls });
    });
    const sorting = terms.length === 0 ? sql`` : sql` ORDER BY ${sql.join(terms)}`;
    const end = grammar.page(terms.length > 0);
    if (perValue === undefined) return sql`SELECT ${list} ${from}${sorting} ${end}`;
    const value = columns(perValue.fields);
    const rank = sql`row_number() OVER (PARTITION BY ${value}${sorting}) AS ${sql.id(rankName)}`;
    const needed = new Set([...fields.map((f) => f.column), ...order.map((o) => columnOf(table, o.field))]);
    const all = sql.join([...needed].map((name) => sql.id(name)));
    return sql`SELECT ${list} FROM (SELECT ${all}, ${rank} ${from}) ${page}
      WHERE ${sql.id(rankName)} <= ${0}${sorting} ${end}`;
  }

  #condition({ table, where }: Pick<ListShape, 'table' | 'where'>): RawBuilder<unknown> {
    const conditions = conditionsSql(table, where, this.#dialect.grammar);
    return conditions === undefined ? sql`` : sql` WHERE ${conditions}`;
  }

  #compile(query: RawBuilder<unknown>): Statement {
    return { sql: query.compile(this.#dialect.builder).sql };
  }

  // Tables of an earlier schema are other objects, so their plans are not found again.
  #number(table: Table): number {
    const planned = plannedAs(table);
    let number = this.#numbers.get(planned);
    if (number === undefined) {
      number = ++this.#tables;
      this.#numbers.set(planned, number);
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

/** The name of the column that holds a record's JSON text. */
export const recordName = 'tenon json';
const rankName = 'tenon rank';
// Most engines want a name for a SELECT inside another.
const page = sql`AS ${sql.id('tenon page')}`;

// Whether the engine finds the records in the order that is asked for: that of their key, or any.
function comesInOrder({ table, order, grouping, perValue }: ListShape): boolean {
  const [first] = order;
  if (grouping !== undefined || perValue !== undefined) return false;
  if (first === undefined) return true;
  const [key, second] = table.primaryKey;
  // In ORDER BY a name means the selected text rather than the column.
  const isKey = key === first.field && second === undefined && key !== recordName;
  return isKey && first.nulls === undefined;
}

function ascending({ name: field }: Field): Order {
  return { field, descending: false };
}

function columnOf(table: Table, name: string): string {
  return table.field(name)?.column ?? name;
}

function isOneOf(grammar: Grammar, { keys, count }: Pick<KeyShape, 'keys' | 'count'>): RawBuilder<unknown> {
  const [only, second] = keys;
  const times = new Array<number>(count).fill(0);
  if (only !== undefined && second === undefined) {
    const column = sql.id(only.column);
    if (count === 1) return sql`${column} = ${grammar.mark(only)}`;
    return sql`${column} IN (${sql.join(times.map(() => grammar.mark(only)))})`;
  }
  const parts = keys.map((key) => sql`${sql.id(key.column)} = ${grammar.mark(key)}`);
  const isKey = sql`(${sql.join(parts, sql` AND `)})`;
  return sql.join(
    times.map(() => isKey),
    sql` OR `,
  );
}

function orderShape({ field, descending, nulls }: Order): string {
  return `${JSON.stringify(field)}${descending ? '-' : '+'}${nulls ?? ''}`;
}

function namesOf(fields: readonly Field[]): string {
  return fields.map((field) => JSON.stringify(field.name)).join();
}
