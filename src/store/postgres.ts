// The system database on PostgreSQL, which several servers may share.
import { CompiledQuery, type Driver, PostgresDialect, type PostgresPool, sql } from 'kysely';
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
    // What a server that was cut off holds is free again before its connection is noticed to be gone.
    idle_in_transaction_session_timeout: limits.storeIdleMs,
    application_name: 'tenon',
    keepAlive: true,
  };
  const pool = new pg.Pool({ ...settings, max: limits.storeConnections });
  // An event `error` that nobody listens to would end the process: of a connection in the pool, or of one
  // that somebody has and does not use at this moment.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  const names = new Map<string, string>();
  return {
    kysely: new GuardedPostgres(pool, names),
    keyType: 'serial',
    generated: (column) => column.primaryKey(),
    conflict: postgresConflict,
    loosely,
    channel: postgresChannel(pool, () => new pg.Client(settings)),
    now: sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`,
    isConcurrent: true,
    hasPartialIndexes: true,
    hasReturning: true,
    keep: (text) => void names.set(text, `tenon_${names.size}`),
    skippingDuplicates: (insertion) => insertion.onConflict((conflict) => conflict.doNothing()),
    isCollision: (error) => /^(?:40|23505)/.test(codeOf(original(error)) ?? ''),
  };
}

class GuardedPostgres extends PostgresDialect {
  /** Of statements that are asked very often. */
  readonly #names: ReadonlyMap<string, string>;

  constructor(pool: PostgresPool, names: ReadonlyMap<string, string>) {
    super({ pool });
    this.#names = names;
  }

  override createDriver(): Driver {
    const taken = (query: CompiledQuery) => named(withoutZeros(query), this.#names);
    return new GuardedDriver({ driver: super.createDriver(), isOutage, taken, beginLoosely });
  }
}

// One way to the server and back.
const beginLoosely = CompiledQuery.raw('begin; set local synchronous_commit = off');

// What has a name is parsed and planned once for each connection.
function named(query: CompiledQuery, names: ReadonlyMap<string, string>): CompiledQuery {
  const name = names.get(query.sql);
  if (name === undefined) return query;
  // Kysely hands it on as it is, and the driver takes a text with a name wherever it takes a text.
  const text: unknown = { name, text: query.sql };
  return { ...query, sql: text as string };
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
  // Nobody else says what a transaction may do: by that the driver knows this one.
  return handle.transaction().setAccessMode('read write').execute(work);
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
  return /^(?:08|53|57|58)/.test(code) || ['25P03', '40P01', '55P03'].includes(code);
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
