// Queued runs. What they wait for stands in columns of its own, which are empty in runs that are over:
// `turn` of those that may be claimed (the priority, turned round), `wakes` of those that wait for their
// time, `lease_until` of those that run; a run that is ready and has neither waits for others of its
// ordering key.
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { limits } from '../../core/limits.ts';
import type { StoreDialect } from '../dialect.ts';
import type { Schema } from './columns.ts';

const table = 'queued_run';

/** Makes the tables of queues. */
export function queue(dialect: StoreDialect): Migration {
  return {
    async up(db: Schema) {
      await createRuns(db, dialect);
      await createIndexes(db, dialect);
      await createQueues(db);
      await createSlots(db);
    },
  };
}

async function createRuns(db: Schema, dialect: StoreDialect): Promise<void> {
  await db.schema
    .createTable(table)
    .addColumn('position', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('id', 'varchar(36)', (column) => column.notNull().unique())
    .addColumn('script', 'varchar(255)', (column) => column.notNull())
    .addColumn('version', 'varchar(64)')
    .addColumn('connection', 'varchar(64)', (column) => column.notNull())
    .addColumn('queue', 'varchar(64)', (column) => column.notNull())
    .addColumn('priority', 'integer', (column) => column.notNull())
    .addColumn('state', 'varchar(20)', (column) => column.notNull().defaultTo('ready'))
    .addColumn('payload', 'text', (column) => column.notNull())
    .addColumn('user_id', 'integer')
    .addColumn('app_id', 'integer')
    .addColumn('role_id', 'integer')
    .addColumn('tries', 'integer')
    .addColumn('backoff', 'text')
    .addColumn('timeout_ms', 'bigint')
    .addColumn('unique_key', 'varchar(255)')
    .addColumn('ordering_key', 'varchar(255)')
    .addColumn('delivery', 'varchar(20)', (column) => column.notNull())
    .addColumn('created_date', 'bigint', (column) => column.notNull())
    .addColumn('available_date', 'bigint', (column) => column.notNull())
    .addColumn('started_date', 'bigint')
    .addColumn('finished_date', 'bigint')
    .addColumn('attempt', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('crashes', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('worker', 'varchar(255)')
    .addColumn('lease_until', 'bigint')
    .addColumn('token', 'varchar(16)')
    .addColumn('fence', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('is_cancelling', 'smallint', (column) => column.notNull().defaultTo(0))
    .addColumn('reason', 'text')
    .addColumn('log_id', 'varchar(36)')
    .addColumn('turn', 'integer')
    .addColumn('wakes', 'bigint')
    .addColumn('held_key', 'varchar(255)')
    .addColumn('held_order', 'varchar(255)')
    .execute();
}

// Where the engine can leave rows out of an index, those that are over cost nothing.
async function createIndexes(db: Schema, dialect: StoreDialect): Promise<void> {
  const indexes: readonly (readonly [name: string, columns: string[], filled: string])[] = [
    ['turn', ['connection', 'queue', 'turn', 'available_date', 'position'], 'turn'],
    ['wakes', ['connection', 'queue', 'wakes'], 'wakes'],
    ['lease', ['lease_until'], 'lease_until'],
    ['order', ['held_order', 'state', 'position'], 'held_order'],
  ];
  for (const [name, columns, filled] of indexes) {
    const index = db.schema.createIndex(`queued_run_${name}`).on(table).columns(columns);
    await (dialect.hasPartialIndexes ? index.where(filled, 'is not', null) : index).execute();
  }
  const held = db.schema.createIndex('queued_run_held_key').unique().on(table).column('held_key');
  await (dialect.hasPartialIndexes ? held.where('held_key', 'is not', null) : held).execute();
  await db.schema.createIndex('queued_run_state').on(table).columns(['state', 'position']).execute();
}

async function createQueues(db: Schema): Promise<void> {
  await db.schema
    .createTable('queue')
    .addColumn('connection', 'varchar(64)', (column) => column.notNull())
    .addColumn('name', 'varchar(64)', (column) => column.notNull())
    .addColumn('is_paused', 'smallint', (column) => column.notNull().defaultTo(0))
    .addColumn('concurrency', 'integer')
    .addColumn('rate_count', 'integer')
    .addColumn('rate_ms', 'bigint')
    .addColumn('period_start', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('period_used', 'integer', (column) => column.notNull().defaultTo(0))
    .addPrimaryKeyConstraint('queue_place', ['connection', 'name'])
    .execute();
}

// Ordering keys share these locks by their hash, so that there is no row for each key to be made and dropped.
// The last one is written to when something must be on disk.
async function createSlots(db: Schema): Promise<void> {
  await db.schema
    .createTable('queue_slot')
    .addColumn('slot', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('value', 'bigint', (column) => column.notNull().defaultTo(sql`0`))
    .execute();
  const slots = Array.from({ length: limits.queueSlots + 1 }, (_, slot) => ({ slot, value: 0 }));
  await db.insertInto('queue_slot').values(slots).execute();
}
