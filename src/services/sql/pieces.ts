// Pieces of SQL that all dialects share. Invariant: `sql.id` quotes each name as a whole; the builder's own
// methods would read dots and ` as ` in it.
import { type RawBuilder, sql } from 'kysely';
import type { Grammar } from './dialect.ts';
import type { Field } from './schema.ts';

/** Columns as they are. */
export function columns(fields: readonly Field[]): RawBuilder<unknown> {
  return sql.join(fields.map((field) => sql.id(field.column)));
}

/** Columns as the engine reads them, under the names of their fields. */
export function selected(fields: readonly Field[], grammar: Grammar): RawBuilder<unknown> {
  return sql.join(fields.map((field) => selectedAs(field, grammar.read?.(field))));
}

function selectedAs({ column, name }: Field, reading: RawBuilder<unknown> | undefined): RawBuilder<unknown> {
  if (reading !== undefined) return sql`${reading} AS ${sql.id(name)}`;
  return column === name ? sql.id(column) : sql`${sql.id(column)} AS ${sql.id(name)}`;
}
