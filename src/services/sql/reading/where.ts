// Conditions as SQL. Invariant: `bindWhere` gives the values in the order in which `whereSql` puts their
// marks, and two conditions of the same shape have the same SQL.
import { type RawBuilder, sql } from 'kysely';
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Comparison, Literal, Where } from '../../../core/query.ts';
import type { Bindable } from '../../../database/connection.ts';
import type { Dialect, Grammar } from '../dialect.ts';
import { filtered } from '../schema/field-function.ts';
import type { Field, Table } from '../schema.ts';

/** A condition's shape (its text without the values) and its values, ready to bind. */
export interface BoundWhere {
  readonly shape: string;
  readonly values: readonly Bindable[];
}

/**
 * Brings the values to their fields' types. Throws `request.invalid_filter` naming a field whose value has
 * not its type.
 */
export function bindWhere(where: Where, table: Table, dialect: Dialect): BoundWhere {
  const isRepeated = dialect.grammar.repeatsXor === true;
  // Keys of related records count, too, beside what a filter may say.
  if (isRepeated && timesWritten(where) > 4 * limits.filterTerms) throw tooManyXors();
  const values: Bindable[] = [];
  const bind = (name: string, literal: Literal) => {
    values.push(dialect.encodeLiteral(fieldOf(table, name), literal));
    return '';
  };
  // As the conditions stand in `xor`, of which all but the last are one that stands there twice itself.
  const repeated = () => {
    const start = values.length;
    return (term: Where, index: number): string => {
      if (index > 1) values.push(...values.slice(start));
      const begin = values.length;
      const own = shape(term);
      values.push(...values.slice(begin));
      return own;
    };
  };
  const shape = (term: Where): string => {
    const name = 'field' in term ? JSON.stringify(term.field) : '';
    switch (term.kind) {
      case 'compare':
        if (!isTextual(term.op)) bind(term.field, term.value);
        else values.push(patternOf(term.op, term.value));
        return `${name}${term.op}`;
      case 'in': {
        const list = padded(term.values);
        for (const value of list) bind(term.field, value);
        return `${name}in${list.length}`;
      }
      case 'between':
        bind(term.field, term.low);
        bind(term.field, term.high);
        return `${name}between`;
      case 'null':
        return `${name}null`;
      case 'not':
        return `not(${shape(term.term)})`;
      case 'xor':
        return `xor(${term.terms.map(isRepeated ? repeated() : shape).join()})`;
      default:
        return `${term.kind}(${term.terms.map(shape).join()})`;
    }
  };
  return { shape: shape(where), values };
}

// How many conditions there are in SQL that says those of `xor` twice.
function timesWritten(where: Where): number {
  switch (where.kind) {
    case 'not':
      return timesWritten(where.term);
    case 'xor':
      return where.terms.map(timesWritten).reduce((left, right) => 2 * left + 2 * right);
    case 'and':
    case 'or':
      return where.terms.reduce((sum, term) => sum + timesWritten(term), 0);
    default:
      return 1;
  }
}

function tooManyXors(): PlatformError {
  return new PlatformError(
    'request.invalid_filter',
    'Too many conditions are joined by XOR for this database: join some of them by AND and OR.',
  );
}

const noCondition: BoundWhere = { shape: '', values: [] };

/** What tells the statements of tables apart: a role's condition does so by its shape alone. */
export function plannedAs(table: Table): Table {
  return table.rows?.plans ?? table;
}

/** What a statement about a table binds for its conditions: that of the caller's role first. */
export function bindConditions(table: Table, where: Where | undefined, dialect: Dialect): BoundWhere {
  const asked = where === undefined ? noCondition : bindWhere(where, table, dialect);
  const { rows } = table;
  if (rows === undefined) return asked;
  return { shape: `${rows.shape}&${asked.shape}`, values: [...rows.values, ...asked.values] };
}

/** The SQL of all conditions of a statement about a table; undefined when there are none. */
export function conditionsSql(
  table: Table,
  where: Where | undefined,
  grammar: Grammar,
): RawBuilder<unknown> | undefined {
  const asked = where === undefined ? undefined : whereSql(where, { table, grammar });
  if (table.rows === undefined) return asked;
  const { of, where: granted } = table.rows;
  const own = whereSql(granted, { table: of, grammar });
  return asked === undefined ? own : sql`(${own}) AND (${asked})`;
}

/** What a condition is about, and how its engine spells it. */
export interface WhereContext {
  readonly table: Table;
  readonly grammar: Grammar;
}

/** The SQL of a condition, with a mark for each value. */
function whereSql(where: Where, context: WhereContext): RawBuilder<unknown> {
  const { table, grammar } = context;
  const inner = (term: Where) => sql`(${whereSql(term, context)})`;
  if ('field' in where) return comparison(where, fieldOf(table, where.field), grammar);
  switch (where.kind) {
    case 'not':
      return sql`NOT ${inner(where.term)}`;
    case 'and':
    case 'or':
      return sql.join(where.terms.map(inner), where.kind === 'and' ? sql` AND ` : sql` OR `);
    case 'xor':
      return where.terms.map(inner).reduce((left, right) => grammar.xor(left, right));
  }
}

function comparison(
  where: Extract<Where, { field: string }>,
  field: Field,
  grammar: Grammar,
): RawBuilder<unknown> {
  const column = filtered(field);
  const mark = () => grammar.mark(field);
  switch (where.kind) {
    case 'compare':
      if (isTextual(where.op)) return grammar.like(column, where.op !== 'like', field);
      return sql`${column} ${operators[where.op]} ${mark()}`;
    case 'in':
      return sql`${column} IN (${sql.join(padded(where.values).map(mark))})`;
    case 'between':
      return sql`${column} BETWEEN ${mark()} AND ${mark()}`;
    case 'null':
      return sql`${column} IS NULL`;
  }
}

const operators: Readonly<Record<string, RawBuilder<unknown>>> = {
  '=': sql`=`,
  '!=': sql`<>`,
  '>': sql`>`,
  '>=': sql`>=`,
  '<': sql`<`,
  '<=': sql`<=`,
};

// Lists of 1, 2, 4, 8 … values: a list's length must not make a statement of its own. Repeating a value
// changes nothing.
function padded(values: readonly Literal[]): readonly Literal[] {
  let length = 1;
  while (length < values.length) length *= 2;
  const last = values.at(-1);
  if (length === values.length || last === undefined) return values;
  return [...values, ...new Array<Literal>(length - values.length).fill(last)];
}

function isTextual(op: Comparison): boolean {
  return op === 'like' || op === 'contains' || op === 'starts with' || op === 'ends with';
}

function patternOf(op: Comparison, value: Literal): string | null {
  if (value === null) return null;
  const text = String(value);
  const literal = op === 'like' ? text : text.replace(/[\\%_]/g, '\\$&');
  const before = op === 'contains' || op === 'ends with' ? '%' : '';
  const after = op === 'contains' || op === 'starts with' ? '%' : '';
  const pattern = `${before}${literal}${after}`;
  if (Buffer.byteLength(pattern) <= limits.likePatternBytes) return pattern;
  throw new PlatformError(
    'request.invalid_filter',
    `A text to search for is longer than ${limits.likePatternBytes} bytes.`,
  );
}

function fieldOf(table: Table, name: string): Field {
  const field = table.field(name);
  if (field !== undefined) return field;
  throw new PlatformError(
    'request.invalid_filter',
    `Invalid or unparsable field in filter request: '${name}'`,
  );
}
