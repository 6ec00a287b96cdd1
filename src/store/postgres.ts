// The system database on PostgreSQL, which several servers may share.
import { type CompiledQuery, type Driver, PostgresDialect, sql } from 'kysely';
import { limits } from '../core/limits.ts';
import type { StoreDialect } from './dialect.ts';
import { GuardedDriver, original } from './guarded.ts';
import { postgresChannel } from './postgres-channel.ts';
import type { Handle } from './table.ts';

/** How to speak to the one at an address such as `postgres://user:password@host/database`. */
export async function postgresStoreDialect(url: string): Promise<StoreDialect> {
  // Loaded when needed: who keeps the system in SQLite pays nothing for it.
  const { default: pg } = await import('pg');
  const settings = {
    connectionString: url,
    connectionTimeoutMillis: limits.poolConnectMs,
    statement_timeout: limits.storeBusyMs,
    application_name: 'tenon',
    keepAlive: true,
  };
  const pool = new pg.Pool({ ...settings, max: limits.storeConnections });
  // An event `error` that nobody listens to would end the process: of a connection in the pool, or of one that
  // somebody has and does not use at this moment.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return {
    kysely: new GuardedPostgres({ pool }),
    keyType: 'serial',
    generated: (column) => column.primaryKey(),
    conflict: postgresConflict,
    loosely,
    channel: postgresChannel(pool, () => new pg.Client(settings)),
    now: sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`,
    isConcurrent: true,
    hasPartialIndexes: true,
    hasReturning: true,
    skippingDuplicates: (insertion) => insertion.onConflict((conflict) => conflict.doNothing()),
    isCollision: (error) => /^(?:40|23505)/.test(codeOf(original(error)) ?? ''),
  };
}

class GuardedPostgres extends PostgresDialect {
  override createDriver(): Driver {
    return new GuardedDriver({ driver: super.createDriver(), isOutage, taken: withoutZeros });
  }
}

// A text with the sign 0 is refused here alone, and with it whatever is written in the same transaction: the
// error of a script must not keep a worker from telling what became of its runs.
function withoutZeros(query: CompiledQuery): CompiledQuery {
  if (!query.parameters.some(hasZero)) return query;
  const parameters = query.parameters.map((value) =>
    hasZero(value) ? value.replaceAll('\0', '\ufffd') : value,
  );
  return { ...query, parameters };
}

function hasZero(value: unknown): value is string {
  return typeof value === 'string' && value.includes('\0');
}

function loosely<T>(handle: Handle, work: (handle: Handle) => Promise<T>): Promise<T> {
  if (handle.isTransaction) return work(handle);
  return handle.transaction().execute(async (own) => {
    await sql`set local synchronous_commit = off`.execute(own);
    return work(own);
  });
}

function postgresConflict(error: unknown): string | undefined {
  if (codeOf(error) !== '23505') return undefined;
  const { detail = '' } = error as { detail?: string };
  return /^Key \("?(\w+)"?/.exec(detail)?.[1];
}

// Connections that are refused, lost or not had in time have no code of five signs; of the server's own,
// these say that it is stopping, has no room, or took too long.
function isOutage(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code)) return error instanceof Error;
  return /^(?:08|53|57|58)/.test(code) || code === '55P03' || code === '40P01';
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
