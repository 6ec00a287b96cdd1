// How MySQL and MariaDB spell the tables of an outbox. Invariant: they have transactions and take any text,
// whatever the server does when it is not told.
import { sql } from 'kysely';
import type { OutboxWords } from '../../outbox/tables.ts';

/** MySQL's words. */
export const mysqlOutbox: OutboxWords = {
  clock: sql<number>`(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)`,
  longText: 'longtext',
  shortText: (length) => `varchar(${length}) character set ascii collate ascii_bin`,
  ending: ' engine = InnoDB default character set utf8mb4',
  hasIndexStatements: false,
  makesInside: false,
  currentRead: ' for update',
  present: (names) => sql`select table_name from information_schema.tables
    where table_schema = database() and table_name in (${names})`,
};
