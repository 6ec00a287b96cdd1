// The processes that share the system database.
import type { Migration } from 'kysely/migration';
import type { Schema } from './columns.ts';

/** Makes the table of processes. */
export const nodes: Migration = {
  async up(db: Schema) {
    await db.schema
      .createTable('node')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey().notNull())
      .addColumn('host', 'varchar(255)', (column) => column.notNull())
      .addColumn('host_mark', 'varchar(255)', (column) => column.notNull())
      .addColumn('pid', 'integer', (column) => column.notNull())
      .addColumn('kind', 'varchar(10)', (column) => column.notNull())
      .addColumn('url', 'varchar(255)')
      .addColumn('version', 'varchar(64)', (column) => column.notNull())
      .addColumn('queues', 'text', (column) => column.notNull())
      .addColumn('is_draining', 'smallint', (column) => column.notNull())
      .addColumn('is_lost', 'smallint', (column) => column.notNull())
      .addColumn('started_date', 'bigint', (column) => column.notNull())
      .addColumn('seen_date', 'bigint', (column) => column.notNull())
      .execute();
  },
};
