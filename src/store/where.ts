// The compiler of conditions for rows of the system database. Invariant: fields become columns by a fixed
// rule and values are bound; nothing of a condition becomes SQL text.
import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely';
import type { Comparison, Literal, Where } from '../core/query.ts';
import { columnOf, type TableRow } from './table.ts';

/** Makes expressions on one table. */
export type Builder = ExpressionBuilder<Record<string, TableRow>, string>;

type Compared = Extract<Where, { kind: 'compare' }>;

/** The expression that a condition is; its fields must be fields of the table. */
export function whereExpression(build: Builder, where: Where): Expression<SqlBool> {
  switch (where.kind) {
    case 'compare':
      return compared(build, where);
    case 'in':
      return where.values.length === 0
        ? sql<SqlBool>`1 = 0`
        : build(columnOf(where.field), 'in', where.values.map(cell));
    case 'between':
      return build.and([
        build(columnOf(where.field), '>=', cell(where.low)),
        build(columnOf(where.field), '<=', cell(where.high)),
      ]);
    case 'null':
      return build(columnOf(where.field), 'is', null);
    case 'not':
      return build.not(whereExpression(build, where.term));
    case 'and':
      return build.and(where.terms.map((term) => whereExpression(build, term)));
    case 'or':
      return build.or(where.terms.map((term) => whereExpression(build, term)));
    case 'xor':
      return where.terms.map((term) => whereExpression(build, term)).reduce(differing);
  }
}

function differing(left: Expression<SqlBool>, right: Expression<SqlBool>): Expression<SqlBool> {
  return sql<SqlBool>`((${left}) != (${right}))`;
}

function compared(build: Builder, { field, op, value }: Compared): Expression<SqlBool> {
  const column = columnOf(field);
  const pattern = patternOf(op, value);
  if (pattern === undefined) return build(column, op as '=' | '!=' | '>' | '>=' | '<' | '<=', cell(value));
  // SQLite takes both cases for the same; the others are told to.
  const [text, wanted] = [sql`lower(${sql.ref(column)})`, sql`lower(${pattern})`];
  return op === 'like'
    ? sql<SqlBool>`${text} like ${wanted}`
    : sql<SqlBool>`${text} like ${wanted} escape '!'`;
}

/** The pattern of LIKE for the comparisons that look into texts; the caller's signs stand for themselves. */
function patternOf(op: Comparison, value: Literal): string | undefined {
  if (op === 'like') return String(value);
  const text = String(value).replace(/[!%_]/g, '!$&');
  if (op === 'contains') return `%${text}%`;
  if (op === 'starts with') return `${text}%`;
  return op === 'ends with' ? `%${text}` : undefined;
}

// Truth values are kept as 0 and 1.
function cell(value: Literal): string | number | null {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'bigint' ? Number(value) : value;
}
