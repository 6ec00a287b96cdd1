// How many runs failed, were cancelled or put aside is counted by an index alone: they are kept for weeks,
// may be very many, and metrics ask for them every few seconds.
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { StoreDialect } from '../dialect.ts';
import type { Schema } from './columns.ts';

/** Makes the index, where the engine can leave all other runs out of it. */
export function queueCounts(dialect: StoreDialect): Migration {
  return {
    async up(db: Schema) {
      if (!dialect.hasPartialIndexes) return;
      await db.schema
        .createIndex('queued_run_ended')
        .on('queued_run')
        .columns(['state', 'connection', 'queue'])
        // In the very words of the query: SQLite uses the index for nothing else.
        .where(sql.ref('state'), 'in', sql`('failed', 'cancelled', 'quarantined')`)
        .execute();
    },
  };
}
