// Roles, apps with their keys, which role a user has in which app, and lookups.
// Whatever belongs to a record goes with it; an app whose role is deleted has none.
import type { Migration } from 'kysely/migration';
import type { StoreDialect } from '../dialect.ts';
import { type Schema, stamped } from './columns.ts';

/** Makes the tables of authority. */
export function usersAndRoles(dialect: StoreDialect): Migration {
  return {
    async up(db: Schema) {
      await db.schema.alterTable('user').addColumn('phone', 'varchar(64)').execute();
      await db.schema.alterTable('user').addColumn('default_app_id', 'integer').execute();
      await createRoles(db, dialect);
      await createAccess(db, dialect);
      await createApps(db, dialect);
      await createUserRoles(db, dialect);
      await createLookups(db, dialect);
    },
  };
}

async function createRoles(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('role')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('description', 'text')
    .addColumn('is_active', 'smallint', (column) => column.notNull());
  await stamped(table).execute();
}

async function createAccess(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('role_service_access')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('role_id', 'integer', (column) => column.notNull().references('role.id').onDelete('cascade'))
    .addColumn('service_id', 'integer', (column) => column.references('service.id').onDelete('cascade'))
    .addColumn('component', 'varchar(255)')
    .addColumn('verb_mask', 'integer', (column) => column.notNull())
    .addColumn('requestor_mask', 'integer', (column) => column.notNull())
    .addColumn('filters', 'text', (column) => column.notNull())
    .addColumn('filter_op', 'varchar(10)', (column) => column.notNull());
  await stamped(table).execute();
  await db.schema.createIndex('role_access_role').on('role_service_access').column('role_id').execute();
}

async function createApps(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('app')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('api_key', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('description', 'text')
    .addColumn('is_active', 'smallint', (column) => column.notNull())
    .addColumn('type', 'integer', (column) => column.notNull())
    .addColumn('path', 'text')
    .addColumn('url', 'text')
    .addColumn('storage_service_id', 'integer')
    .addColumn('storage_container', 'varchar(255)')
    .addColumn('requires_fullscreen', 'smallint', (column) => column.notNull())
    .addColumn('allow_fullscreen_toggle', 'smallint', (column) => column.notNull())
    .addColumn('toggle_location', 'varchar(64)', (column) => column.notNull())
    .addColumn('role_id', 'integer', (column) => column.references('role.id').onDelete('set null'));
  await stamped(table).execute();
}

async function createUserRoles(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('user_app_role')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('user_id', 'integer', (column) => column.notNull().references('user.id').onDelete('cascade'))
    .addColumn('app_id', 'integer', (column) => column.notNull().references('app.id').onDelete('cascade'))
    .addColumn('role_id', 'integer', (column) => column.notNull().references('role.id').onDelete('cascade'))
    .addUniqueConstraint('user_app', ['app_id', 'user_id']);
  await stamped(table).execute();
  await db.schema.createIndex('user_app_role_user').on('user_app_role').column('user_id').execute();
}

// `owner` says whose lookup it is (`system`, `role:3`), so that one constraint keeps names unique: columns
// that may be null would not.
async function createLookups(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('lookup')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(64)', (column) => column.notNull())
    .addColumn('owner', 'varchar(40)', (column) => column.notNull())
    .addColumn('app_id', 'integer', (column) => column.references('app.id').onDelete('cascade'))
    .addColumn('role_id', 'integer', (column) => column.references('role.id').onDelete('cascade'))
    .addColumn('user_id', 'integer', (column) => column.references('user.id').onDelete('cascade'))
    .addColumn('value', 'text', (column) => column.notNull())
    .addColumn('is_private', 'smallint', (column) => column.notNull())
    .addColumn('is_script_visible', 'smallint', (column) => column.notNull())
    .addColumn('description', 'text')
    .addUniqueConstraint('lookup_name_owner', ['name', 'owner']);
  await stamped(table).execute();
}
