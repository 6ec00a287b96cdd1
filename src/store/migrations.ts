// Changes of the schema, in order. Invariant: a migration that was released is never edited; a newer one
// corrects it. Names begin with their date, because Kysely runs them in the order of their names.
import { type Migration, Migrator } from 'kysely/migration';
import { PlatformError } from '../core/errors.ts';
import type { StoreDialect } from './dialect.ts';
import { foundation } from './migrations/2026-11-21-foundation.ts';
import { serviceDocument } from './migrations/2026-11-21-service-document.ts';
import { usersAndRoles } from './migrations/2026-11-21-users-and-roles.ts';
import { runs } from './migrations/2026-11-22-runs.ts';
import { schemaOverlay } from './migrations/2026-11-22-schema-overlay.ts';
import { authority } from './migrations/2026-11-23-authority.ts';
import { queue } from './migrations/2026-11-24-queue.ts';
import { queueHouse } from './migrations/2026-11-25-queue-house.ts';
import { nodes } from './migrations/2026-11-26-nodes.ts';
import { schedule } from './migrations/2026-11-26-schedule.ts';
import { queueCounts } from './migrations/2026-11-27-queue-counts.ts';
import type { Handle } from './table.ts';

/** All migrations by name. */
function migrations(dialect: StoreDialect): Record<string, Migration> {
  return {
    '2026-11-21-foundation': foundation(dialect),
    '2026-11-21-service-document': serviceDocument,
    '2026-11-21-users-and-roles': usersAndRoles(dialect),
    '2026-11-22-runs': runs(dialect),
    '2026-11-22-schema-overlay': schemaOverlay(dialect),
    '2026-11-23-authority': authority(dialect),
    '2026-11-24-queue': queue(dialect),
    '2026-11-25-queue-house': queueHouse(dialect),
    '2026-11-26-nodes': nodes,
    '2026-11-26-schedule': schedule(dialect),
    '2026-11-27-queue-counts': queueCounts(dialect),
  };
}

/** Runs what has not run yet. Refuses a database that a newer version has already changed. */
export async function migrate(handle: Handle, dialect: StoreDialect): Promise<void> {
  const known = migrations(dialect);
  const migrator = new Migrator({ db: handle, provider: { getMigrations: async () => known } });
  const unknown = await appliedByOthers(handle, known);
  if (unknown !== undefined) {
    throw new PlatformError(
      'config.invalid',
      `The system database was changed by a newer version (migration '${unknown}'). ` +
        'Start that version or a later one.',
    );
  }
  const { error } = await migrator.migrateToLatest();
  // A second process may have migrated at the same moment; then there is nothing left to do and no error.
  if (error !== undefined) await retry(migrator, error);
}

async function retry(migrator: Migrator, first: unknown): Promise<void> {
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  throw new PlatformError(
    'config.invalid',
    'The schema of the system database could not be brought up to date.',
    {
      cause: first,
    },
  );
}

async function appliedByOthers(
  handle: Handle,
  known: Record<string, Migration>,
): Promise<string | undefined> {
  const tables = await handle.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return undefined;
  const rows = await handle.selectFrom('kysely_migration').select('name').execute();
  return rows.map((row) => String(row.name)).find((name) => !(name in known));
}
