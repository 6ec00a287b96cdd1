// Expressions of the database that administrators put in place of a field (`db_function`). Invariant: the
// text is one expression: it can neither end the parentheses that it is put into, nor begin a comment, nor
// bind.
import { type RawBuilder, sql } from 'kysely';
import { type DatabaseFunction, everyField, type Field, type FunctionUse, type Table } from '../schema.ts';
import type { Member } from './definition-values.ts';
import { invalidSchema } from './definition-values.ts';

const uses: readonly FunctionUse[] = ['SELECT', 'INSERT', 'UPDATE', 'FILTER'];
const valueMark = '{value}';

/** The functions of a field as given; undefined when none are. Throws naming the field. */
export function readFunctions(field: string, member: Member): readonly DatabaseFunction[] | null | undefined {
  if (member.get('db_function') === null) return null;
  return member.objects('db_function')?.map((given) => {
    const named = Array.isArray(given.use) ? given.use : [given.use];
    const use = named.map((one) => uses.find((known) => known === String(one).toUpperCase()));
    if (use.length === 0 || !use.every((one) => one !== undefined)) {
      throw invalidSchema(`Field '${field}': 'use' of 'db_function' must list some of ${uses.join(', ')}.`);
    }
    const text = typeof given.function === 'string' ? given.function.trim() : '';
    const flaw = flawOf(text, use);
    if (flaw !== undefined) throw invalidSchema(`Field '${field}': 'function' of 'db_function' ${flaw}.`);
    return { use, function: text, function_type: 'database' as const };
  });
}

function flawOf(text: string, use: readonly FunctionUse[]): string | undefined {
  if (text === '') return 'is needed';
  const shape = shapeOf(text);
  if (shape === undefined)
    return 'must be one expression with matching quotes and parentheses, without comments';
  if (/[?;@$]|--|\/\*|[#\\\0]/.test(shape)) {
    return 'must be one expression: it can hold no ; ? @ $ # \\ and no comments';
  }
  const isWritten = use.includes('INSERT') || use.includes('UPDATE');
  const marks = shape.split(valueMark).length - 1;
  if (isWritten && marks !== 1) return `must hold ${valueMark} once, where the written value goes`;
  return !isWritten && marks > 0 ? `can hold ${valueMark} for INSERT and UPDATE only` : undefined;
}

// The text with what is quoted taken out; undefined when quotes or parentheses do not match.
function shapeOf(text: string): string | undefined {
  let depth = 0;
  let shape = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "'" || char === '"' || char === '`') {
      // A backslash before a quote means another thing to each engine.
      const end = text.indexOf(char, at + 1);
      if (end < 0 || text.slice(at, end).includes('\\')) return undefined;
      at = end;
      shape += char;
      continue;
    }
    if (char === '(') depth++;
    if (char === ')' && --depth < 0) return undefined;
    shape += char;
  }
  return depth === 0 ? shape : undefined;
}

/** The function that stands in place of a field for a use; undefined when there is none. */
export function functionFor({ extras }: Field, use: FunctionUse): string | undefined {
  return extras?.functions.find((entry) => entry.use.includes(use))?.function;
}

/** An expression as SQL, in parentheses. */
export function expressionSql(text: string): RawBuilder<unknown> {
  return sql`(${sql.raw(text)})`;
}

/**
 * A table to read from. Where administrators gave fields a function for SELECT, made virtual ones, or mask
 * some, it is a SELECT that computes them, so that every clause may name them like columns.
 */
export function readable(table: Table): RawBuilder<unknown> {
  let known = readables.get(table);
  if (known === undefined) {
    known = readableSql(table);
    readables.set(table, known);
  }
  return known;
}

const readables = new WeakMap<Table, RawBuilder<unknown>>();

// What is concealed stays a column of the SELECT: expressions of administrators may be about it.
function readableSql(table: Table): RawBuilder<unknown> {
  const own = everyField(table).filter((field) => field.extras?.isAggregate !== true);
  if (own.every((field) => madeInPlace(field) === undefined)) return sql.id(...table.path);
  const list = own.map((field) => {
    const made = madeInPlace(field);
    const column = sql.id(field.column);
    return made === undefined ? column : sql`${made} AS ${column}`;
  });
  return sql`(SELECT ${sql.join(list)} FROM ${sql.id(...table.path)}) AS ${sql.id('tenon table')}`;
}

function madeInPlace(field: Field): RawBuilder<unknown> | undefined {
  if (field.limit?.access === 'masked') return sql.lit(field.limit.mask);
  const made = functionFor(field, 'SELECT');
  return made === undefined ? undefined : expressionSql(made);
}

/** What a condition compares: the field's column, or its function for FILTER. */
export function filtered(field: Field): RawBuilder<unknown> {
  const made = functionFor(field, 'FILTER');
  return made === undefined ? sql.id(field.column) : expressionSql(made);
}

/** What a field is set to: the mark of its value, inside its function where it has one. */
export function writtenMark(
  field: Field,
  use: 'INSERT' | 'UPDATE',
  mark: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const [before, after] = functionFor(field, use)?.split(valueMark) ?? [];
  return before === undefined || after === undefined
    ? mark
    : sql`(${sql.raw(before)}${mark}${sql.raw(after)})`;
}
