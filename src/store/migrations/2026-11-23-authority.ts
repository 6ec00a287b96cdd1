// More of authority: confirmed addresses and security questions, codes by mail, second
// factors, identities elsewhere, settings, rules of CORS, mail templates, limits, fields of roles and the
// audit.
import type { Migration } from 'kysely/migration';
import type { StoreDialect } from '../dialect.ts';
import { type Schema, stamped } from './columns.ts';

/** Adds columns and makes the tables. */
export function authority(dialect: StoreDialect): Migration {
  return {
    async up(db: Schema) {
      await addColumns(db);
      await createUserCodes(db, dialect);
      await createUserFactors(db, dialect);
      await createUserIdentities(db, dialect);
      await createSettings(db, dialect);
      await createCors(db, dialect);
      await createEmailTemplates(db, dialect);
      await createLimits(db, dialect);
      await createLimitCounters(db);
      await createAudit(db, dialect);
    },
  };
}

async function addColumns(db: Schema): Promise<void> {
  await db.schema
    .alterTable('user')
    .addColumn('is_confirmed', 'smallint', (column) => column.notNull().defaultTo(1))
    .execute();
  await db.schema
    .alterTable('user')
    .addColumn('is_address_claimed', 'smallint', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable('user').addColumn('security_question', 'text').execute();
  await db.schema.alterTable('user').addColumn('security_answer_hash', 'text').execute();
  await db.schema.alterTable('role').addColumn('max_concurrency', 'integer').execute();
  await db.schema.alterTable('role').addColumn('max_body_bytes', 'integer').execute();
  await db.schema.alterTable('role_service_access').addColumn('fields', 'text').execute();
  await db.schema.alterTable('event_script').addColumn('run_as_role_id', 'integer').execute();
  // The service `user` has a configuration from now on.
  await db.updateTable('service').set({ mutable: 1 }).where('type', '=', 'user').execute();
}

function owned(db: Schema, dialect: StoreDialect, name: string) {
  return db.schema
    .createTable(name)
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('user_id', 'integer', (column) => column.notNull().references('user.id').onDelete('cascade'));
}

async function createUserCodes(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = owned(db, dialect, 'user_code')
    .addColumn('purpose', 'varchar(20)', (column) => column.notNull())
    .addColumn('code_hash', 'varchar(64)', (column) => column.notNull())
    .addColumn('expires_date', 'varchar(30)', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull());
  await stamped(table).execute();
  await db.schema.createIndex('user_code_user').on('user_code').column('user_id').execute();
}

async function createUserFactors(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = owned(db, dialect, 'user_factor')
    .addColumn('kind', 'varchar(20)', (column) => column.notNull())
    .addColumn('secret', 'text', (column) => column.notNull())
    .addColumn('is_active', 'smallint', (column) => column.notNull())
    .addColumn('last_step', 'bigint', (column) => column.notNull())
    .addColumn('recovery_hashes', 'text', (column) => column.notNull())
    .addUniqueConstraint('user_factor_kind', ['kind', 'user_id']);
  await stamped(table).execute();
}

async function createUserIdentities(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = owned(db, dialect, 'user_identity')
    .addColumn('service_id', 'integer', (column) =>
      column.notNull().references('service.id').onDelete('cascade'),
    )
    .addColumn('subject', 'varchar(255)', (column) => column.notNull())
    .addUniqueConstraint('user_identity_subject', ['subject', 'service_id']);
  await stamped(table).execute();
}

async function createSettings(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('setting')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('owner', 'varchar(40)', (column) => column.notNull())
    .addColumn('user_id', 'integer', (column) => column.references('user.id').onDelete('cascade'))
    .addColumn('name', 'varchar(255)', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addUniqueConstraint('setting_name_owner', ['name', 'owner']);
  await stamped(table).execute();
}

async function createCors(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('cors_config')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('path', 'varchar(255)', (column) => column.notNull().unique())
    .addColumn('description', 'text')
    .addColumn('origin', 'text', (column) => column.notNull())
    .addColumn('header', 'text')
    .addColumn('exposed_header', 'text')
    .addColumn('method', 'integer', (column) => column.notNull())
    .addColumn('max_age', 'integer', (column) => column.notNull())
    .addColumn('supports_credentials', 'smallint', (column) => column.notNull())
    .addColumn('enabled', 'smallint', (column) => column.notNull());
  await stamped(table).execute();
}

async function createEmailTemplates(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('email_template')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('description', 'text')
    .addColumn('to', 'text', (column) => column.notNull())
    .addColumn('cc', 'text', (column) => column.notNull())
    .addColumn('bcc', 'text', (column) => column.notNull())
    .addColumn('subject', 'text')
    .addColumn('attachment', 'text', (column) => column.notNull())
    .addColumn('body_text', 'text')
    .addColumn('body_html', 'text')
    .addColumn('from_name', 'text')
    .addColumn('from_email', 'text')
    .addColumn('reply_to_name', 'text')
    .addColumn('reply_to_email', 'text')
    .addColumn('defaults', 'text', (column) => column.notNull());
  await stamped(table).execute();
}

async function createLimits(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('api_limit')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('description', 'text')
    .addColumn('type', 'varchar(64)', (column) => column.notNull())
    .addColumn('rate', 'integer', (column) => column.notNull())
    .addColumn('period', 'varchar(20)', (column) => column.notNull())
    .addColumn('user_id', 'integer', (column) => column.references('user.id').onDelete('cascade'))
    .addColumn('role_id', 'integer', (column) => column.references('role.id').onDelete('cascade'))
    .addColumn('service_id', 'integer', (column) => column.references('service.id').onDelete('cascade'))
    .addColumn('endpoint', 'varchar(255)')
    .addColumn('verb', 'varchar(10)')
    .addColumn('key_text', 'varchar(500)', (column) => column.notNull().unique())
    .addColumn('is_active', 'smallint', (column) => column.notNull());
  await stamped(table).execute();
}

// Names and meaning of the columns are those of the package that counts. The index is for dropping counters
// whose time is over; counting does not change what it holds.
async function createLimitCounters(db: Schema): Promise<void> {
  await db.schema
    .createTable('limit_counter')
    .addColumn('key', 'varchar(255)', (column) => column.primaryKey().notNull())
    .addColumn('points', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('expire', 'bigint')
    .execute();
  await db.schema.createIndex('limit_counter_expire').on('limit_counter').column('expire').execute();
}

// `audit_head` has one row, which is locked while an entry is added.
async function createAudit(db: Schema, dialect: StoreDialect): Promise<void> {
  await db.schema
    .createTable('audit')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('date', 'varchar(30)', (column) => column.notNull())
    .addColumn('action', 'varchar(40)', (column) => column.notNull())
    .addColumn('record', 'varchar(255)', (column) => column.notNull())
    .addColumn('user_id', 'integer')
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('previous_hash', 'varchar(64)', (column) => column.notNull())
    .addColumn('hash', 'varchar(64)', (column) => column.notNull())
    .addColumn('key_number', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('audit_record').on('audit').column('record').execute();
  await db.schema
    .createTable('audit_head')
    .addColumn('entries', 'integer', (column) => column.notNull())
    .addColumn('hash', 'varchar(64)', (column) => column.notNull())
    .addColumn('mac', 'varchar(64)')
    .addColumn('sealed_keys', 'text')
    .execute();
  await db
    .insertInto('audit_head')
    .values({ entries: 0, hash: '0'.repeat(64) })
    .execute();
}
