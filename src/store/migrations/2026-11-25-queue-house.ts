// What stands around queued runs: what they remember, the texts of scripts that they were queued with, runs
// on their way to the queue, answers to idempotency keys, and the named connections.
import type { Migration } from 'kysely/migration';
import type { StoreDialect } from '../dialect.ts';
import { type Schema, stamped } from './columns.ts';

/** Makes the tables around queues. */
export function queueHouse(dialect: StoreDialect): Migration {
  return {
    async up(db: Schema) {
      await db.schema.alterTable('queued_run').addColumn('effects_service', 'varchar(64)').execute();
      await db.schema.alterTable('run').addColumn('queued_run_id', 'varchar(36)').execute();
      await createMemos(db);
      await createScriptTexts(db);
      await createOutbox(db);
      await createIdempotencyKeys(db);
      await createConnections(db, dialect);
    },
  };
}

async function createMemos(db: Schema): Promise<void> {
  await db.schema
    .createTable('queued_run_memo')
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('memo_key', 'varchar(255)', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('queued_run_memo_key', ['position', 'memo_key'])
    .execute();
}

async function createScriptTexts(db: Schema): Promise<void> {
  await db.schema
    .createTable('script_text')
    .addColumn('version', 'varchar(64)', (column) => column.primaryKey().notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('kept_date', 'bigint', (column) => column.notNull())
    .execute();
}

async function createOutbox(db: Schema): Promise<void> {
  await db.schema
    .createTable('outbox')
    .addColumn('id', 'varchar(36)', (column) => column.primaryKey().notNull())
    .addColumn('due', 'bigint', (column) => column.notNull())
    .addColumn('runs', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('outbox_due').on('outbox').column('due').execute();
}

async function createIdempotencyKeys(db: Schema): Promise<void> {
  await db.schema
    .createTable('idempotency_key')
    .addColumn('id', 'varchar(64)', (column) => column.primaryKey().notNull())
    .addColumn('digest', 'varchar(64)', (column) => column.notNull())
    .addColumn('token', 'varchar(32)', (column) => column.notNull())
    .addColumn('seed', 'varchar(32)', (column) => column.notNull())
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .addColumn('created_date', 'bigint', (column) => column.notNull())
    .addColumn('answer', 'text')
    .execute();
  await db.schema
    .createIndex('idempotency_key_created')
    .on('idempotency_key')
    .column('created_date')
    .execute();
}

async function createConnections(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('queue_connection')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('description', 'text')
    .addColumn('type', 'varchar(20)', (column) => column.notNull())
    .addColumn('config', 'text', (column) => column.notNull())
    .addColumn('default_queue', 'varchar(64)', (column) => column.notNull())
    .addColumn('is_active', 'smallint', (column) => column.notNull())
    .addColumn('is_default', 'smallint', (column) => column.notNull());
  await stamped(table).execute();
}
