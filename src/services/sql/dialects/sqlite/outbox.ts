// How SQLite spells the tables of an outbox.
import { sql } from 'kysely';
import type { OutboxWords } from '../../outbox/tables.ts';

/** SQLite's words. */
export const sqliteOutbox: OutboxWords = {
  clock: sql<number>`cast(round(unixepoch('subsec') * 1000) as integer)`,
  longText: 'text',
  shortText: (length) => `varchar(${length})`,
  ending: '',
  hasIndexStatements: true,
  makesInside: true,
  currentRead: '',
  present: (names) => sql`select name from sqlite_schema where type = 'table' and name in (${names})`,
};
