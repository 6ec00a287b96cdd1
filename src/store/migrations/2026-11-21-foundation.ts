// First schema: services, event scripts, users, sessions, and the generation of the configuration.
// The service `system` is a record like every other, so that lists, events and roles need no special case.
import type { Migration } from 'kysely/migration';
import type { StoreDialect } from '../dialect.ts';
import { type Schema, stamped } from './columns.ts';

/** Makes the tables of the first release. */
export function foundation(dialect: StoreDialect): Migration {
  return {
    async up(db: Schema) {
      await createGeneration(db);
      await createServices(db, dialect);
      await createEventScripts(db);
      await createUsers(db, dialect);
      await createSessions(db);
    },
  };
}

async function createGeneration(db: Schema): Promise<void> {
  const table = 'configuration_generation';
  await db.schema
    .createTable(table)
    .addColumn('value', 'bigint', (column) => column.notNull())
    .execute();
  await db.insertInto(table).values({ value: 0 }).execute();
}

async function createServices(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('service')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('label', 'varchar(255)', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('is_active', 'smallint', (column) => column.notNull())
    .addColumn('type', 'varchar(64)', (column) => column.notNull())
    .addColumn('mutable', 'smallint', (column) => column.notNull())
    .addColumn('deletable', 'smallint', (column) => column.notNull())
    .addColumn('config', 'text', (column) => column.notNull());
  await stamped(table).execute();
  const now = new Date().toISOString();
  const label = 'System Management';
  const description = 'Service for managing system resources.';
  const fixed = { is_active: 1, mutable: 0, deletable: 0, config: '{}' };
  const dates = { created_date: now, last_modified_date: now };
  const system = { name: 'system', type: 'system', label, description, ...fixed, ...dates };
  await db.insertInto('service').values(system).execute();
}

async function createEventScripts(db: Schema): Promise<void> {
  const table = db.schema
    .createTable('event_script')
    .addColumn('name', 'varchar(160)', (column) => column.primaryKey())
    .addColumn('type', 'varchar(40)', (column) => column.notNull())
    .addColumn('is_active', 'smallint', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('config', 'text', (column) => column.notNull())
    .addColumn('allow_event_modification', 'smallint', (column) => column.notNull())
    .addColumn('storage_service_id', 'integer')
    .addColumn('storage_path', 'text')
    .addColumn('scm_repository', 'text')
    .addColumn('scm_reference', 'text');
  await stamped(table).execute();
}

async function createUsers(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('user')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(255)', (column) => column.notNull())
    .addColumn('username', 'varchar(255)', (column) => column.notNull().unique())
    .addColumn('first_name', 'varchar(255)', (column) => column.notNull())
    .addColumn('last_name', 'varchar(255)', (column) => column.notNull())
    .addColumn('email', 'varchar(255)', (column) => column.notNull().unique())
    .addColumn('password_hash', 'varchar(255)', (column) => column.notNull())
    .addColumn('is_active', 'smallint', (column) => column.notNull())
    .addColumn('is_sys_admin', 'smallint', (column) => column.notNull())
    .addColumn('last_login_date', 'varchar(30)');
  await stamped(table).execute();
}

async function createSessions(db: Schema): Promise<void> {
  await db.schema
    .createTable('session')
    .addColumn('id', 'varchar(64)', (column) => column.primaryKey())
    .addColumn('user_id', 'integer', (column) => column.notNull().references('user.id').onDelete('cascade'))
    .addColumn('created_date', 'varchar(30)', (column) => column.notNull())
    .addColumn('expires_date', 'varchar(30)', (column) => column.notNull())
    .addColumn('refresh_until_date', 'varchar(30)', (column) => column.notNull())
    .addColumn('closed_date', 'varchar(30)')
    .execute();
  await db.schema.createIndex('session_refresh_until').on('session').column('refresh_until_date').execute();
}
