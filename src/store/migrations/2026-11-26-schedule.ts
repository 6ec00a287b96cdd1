// Schedules, when they come next, and what became of their slots.
import type { Migration } from 'kysely/migration';
import type { StoreDialect } from '../dialect.ts';
import { type Schema, stamped } from './columns.ts';

/** Makes the tables of schedules. */
export function schedule(dialect: StoreDialect): Migration {
  return {
    async up(db: Schema) {
      await createSchedules(db, dialect);
      await createSlots(db);
      await createRuns(db);
    },
  };
}

async function createSchedules(db: Schema, dialect: StoreDialect): Promise<void> {
  const table = db.schema
    .createTable('schedule')
    .addColumn('id', dialect.keyType, (column) => dialect.generated(column))
    .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('description', 'text')
    .addColumn('is_active', 'smallint', (column) => column.notNull())
    .addColumn('service_id', 'integer', (column) => column.notNull())
    .addColumn('component', 'text', (column) => column.notNull())
    .addColumn('verb_mask', 'integer', (column) => column.notNull())
    .addColumn('frequency', 'integer', (column) => column.notNull())
    .addColumn('cron', 'varchar(255)')
    .addColumn('time_zone', 'varchar(64)', (column) => column.notNull())
    .addColumn('payload', 'text')
    .addColumn('overlap', 'varchar(10)', (column) => column.notNull())
    .addColumn('missed', 'varchar(10)', (column) => column.notNull())
    .addColumn('missed_count', 'integer', (column) => column.notNull())
    .addColumn('jitter_seconds', 'integer', (column) => column.notNull())
    .addColumn('user_id', 'integer')
    .addColumn('app_id', 'integer')
    .addColumn('is_privileged', 'smallint', (column) => column.notNull())
    .addColumn('connection', 'varchar(64)')
    .addColumn('queue', 'varchar(64)')
    .addColumn('priority', 'integer', (column) => column.notNull())
    .addColumn('tries', 'integer', (column) => column.notNull())
    .addColumn('timeout_seconds', 'integer')
    .addColumn('delivery', 'varchar(20)', (column) => column.notNull());
  await stamped(table).execute();
}

async function createSlots(db: Schema): Promise<void> {
  await db.schema
    .createTable('schedule_slot')
    .addColumn('schedule_id', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('next_slot', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('schedule_slot_next').on('schedule_slot').column('next_slot').execute();
}

async function createRuns(db: Schema): Promise<void> {
  await db.schema
    .createTable('schedule_run')
    .addColumn('id', 'varchar(36)', (column) => column.primaryKey().notNull())
    .addColumn('schedule_id', 'integer', (column) => column.notNull())
    .addColumn('slot', 'bigint')
    .addColumn('cause', 'varchar(10)', (column) => column.notNull())
    .addColumn('skipped', 'varchar(10)')
    .addColumn('slots', 'integer', (column) => column.notNull())
    .addColumn('created_date', 'bigint', (column) => column.notNull())
    .addColumn('status', 'integer')
    .addColumn('content', 'text')
    .addColumn('answered_date', 'bigint')
    .addUniqueConstraint('schedule_run_slot', ['schedule_id', 'slot'])
    .execute();
  await db.schema
    .createIndex('schedule_run_created')
    .on('schedule_run')
    .columns(['schedule_id', 'created_date', 'id'])
    .execute();
  await db.schema
    .createIndex('schedule_run_date')
    .on('schedule_run')
    .columns(['created_date', 'id'])
    .execute();
}
