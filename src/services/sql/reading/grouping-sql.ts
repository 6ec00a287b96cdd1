// The SELECT that makes groups of records, which then stands in place of a table. Invariant: its columns have
// the names of the groups' fields, in their order.
import { type RawBuilder, sql } from 'kysely';
import type { Grammar } from '../dialect.ts';
import { columns } from '../pieces.ts';
import { expressionSql, readable } from '../schema/field-function.ts';
import type { Aggregate } from './aggregates.ts';
import type { Grouping } from './grouping.ts';

/** Groups as a SELECT; `condition` is the WHERE of the records. */
export function groupingSql(
  { table, by, aggregates }: Grouping,
  condition: RawBuilder<unknown>,
  grammar: Grammar,
): RawBuilder<unknown> {
  const grouped = by.map(({ column, name }) => sql`${sql.id(column)} AS ${sql.id(name)}`);
  const made = aggregates.map((each) => sql`${aggregateSql(each, grammar)} AS ${sql.id(each.name)}`);
  const list = sql.join([...grouped, ...made]);
  const groupBy = by.length === 0 ? sql`` : sql` GROUP BY ${columns(by)}`;
  return sql`SELECT ${list} FROM ${readable(table)}${condition}${groupBy}`;
}

/** What tells the shapes of groupings of one table apart. */
export function groupingShape({ by, aggregates }: Grouping): string {
  return JSON.stringify([
    by.map(({ name }) => name),
    aggregates.map(({ name, function: named, isDistinct }) => [name, named, isDistinct]),
  ]);
}

function aggregateSql(aggregate: Aggregate, grammar: Grammar): RawBuilder<unknown> {
  const { function: named, isDistinct, of, expression } = aggregate;
  if (expression !== undefined) return expressionSql(expression);
  if (of === undefined) return sql`count(*)`;
  const column = sql.id(of.column);
  const distinct = isDistinct ? sql`DISTINCT ` : sql``;
  const summed = named === 'SUM' || named === 'AVG' ? grammar.summed?.(named, of, distinct) : undefined;
  return summed ?? sql`${words[named]}(${distinct}${column})`;
}

const words: Readonly<Record<Aggregate['function'], RawBuilder<unknown>>> = {
  COUNT: sql`count`,
  SUM: sql`sum`,
  AVG: sql`avg`,
  MIN: sql`min`,
  MAX: sql`max`,
};
