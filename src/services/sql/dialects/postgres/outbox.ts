// How PostgreSQL spells the tables of an outbox.
import { sql } from 'kysely';
import type { OutboxWords } from '../../outbox/tables.ts';

/** PostgreSQL's words; the tables are in the schema whose tables are called by their names. */
export function postgresOutbox(schema: string): OutboxWords {
  return {
    schema,
    clock: sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`,
    longText: 'text',
    shortText: (length) => `varchar(${length})`,
    ending: '',
    hasIndexStatements: true,
    makesInside: true,
    currentRead: ' for update',
    present: (names) => sql`select c.relname from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = ${sql.lit(schema)} and c.relkind in ('r', 'p') and c.relname in (${names})`,
  };
}
