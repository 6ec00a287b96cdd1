// The log of script runs. `position` counts in the order of recording, so that whoever follows the log needs
// to remember one number; ids are made where a script runs, before the run is written.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { StoreDialect } from '../dialect.ts';

/** Makes the table of runs. */
export function runs(dialect: StoreDialect): Migration {
  return {
    async up(db: Kysely<Record<string, Record<string, unknown>>>) {
      await db.schema
        .createTable('run')
        .addColumn('position', dialect.keyType, (column) => dialect.generated(column))
        .addColumn('id', 'varchar(36)', (column) => column.notNull().unique())
        .addColumn('script', 'varchar(255)', (column) => column.notNull())
        .addColumn('type', 'varchar(40)', (column) => column.notNull())
        .addColumn('version', 'varchar(64)', (column) => column.notNull())
        .addColumn('stage', 'varchar(20)', (column) => column.notNull())
        .addColumn('service', 'varchar(64)', (column) => column.notNull())
        .addColumn('resource', 'text', (column) => column.notNull())
        .addColumn('action', 'varchar(10)', (column) => column.notNull())
        .addColumn('door', 'varchar(20)', (column) => column.notNull())
        .addColumn('caller', 'varchar(20)', (column) => column.notNull())
        .addColumn('user_id', 'integer')
        .addColumn('app_id', 'integer')
        .addColumn('depth', 'integer', (column) => column.notNull())
        .addColumn('parent_id', 'varchar(36)')
        .addColumn('started_date', 'varchar(30)', (column) => column.notNull())
        .addColumn('duration_ms', 'double precision', (column) => column.notNull())
        .addColumn('outcome', 'varchar(20)', (column) => column.notNull())
        .addColumn('status', 'integer')
        .addColumn('output', 'text', (column) => column.notNull())
        .addColumn('is_output_cut', 'smallint', (column) => column.notNull())
        .addColumn('error_message', 'text')
        .addColumn('error_line', 'integer')
        .addColumn('error_column', 'integer')
        .addColumn('error_stack', 'text')
        .execute();
      await db.schema.createIndex('run_script').on('run').column('script').execute();
    },
  };
}
