// Columns that many tables have, written once. Invariant: what a released migration makes of them stays as it
// is.
import type { CreateTableBuilder, Kysely } from 'kysely';

/** A database whose tables no type knows yet. */
export type Schema = Kysely<Record<string, Record<string, unknown>>>;

/** A table that is being made. */
export type Building<Columns extends string> = CreateTableBuilder<string, Columns>;

/** Adds who wrote a record and when. */
export function stamped<Columns extends string>(table: Building<Columns>) {
  return table
    .addColumn('created_date', 'varchar(30)', (column) => column.notNull())
    .addColumn('last_modified_date', 'varchar(30)', (column) => column.notNull())
    .addColumn('created_by_id', 'integer')
    .addColumn('last_modified_by_id', 'integer');
}
