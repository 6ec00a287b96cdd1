// What administrators say of tables, fields and relations beside the database: aliases, labels, rules.
// `part` tells what a row speaks of; `name` is empty where that is the table as a whole.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { StoreDialect } from '../dialect.ts';

/** Makes the table of the overlay. */
export function schemaOverlay(dialect: StoreDialect): Migration {
  return {
    async up(db: Kysely<Record<string, Record<string, unknown>>>) {
      await db.schema
        .createTable('schema_overlay')
        .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
        .addColumn('service_id', 'integer', (column) =>
          column.notNull().references('service.id').onDelete('cascade'),
        )
        .addColumn('table_name', 'varchar(255)', (column) => column.notNull())
        .addColumn('part', 'varchar(20)', (column) => column.notNull())
        .addColumn('name', 'varchar(255)', (column) => column.notNull())
        .addColumn('settings', 'text', (column) => column.notNull())
        .addColumn('created_date', 'varchar(30)', (column) => column.notNull())
        .addColumn('last_modified_date', 'varchar(30)', (column) => column.notNull())
        .addColumn('created_by_id', 'integer')
        .addColumn('last_modified_by_id', 'integer')
        .addUniqueConstraint('schema_overlay_place', ['service_id', 'table_name', 'part', 'name'])
        .execute();
    },
  };
}
