// The system database on MySQL or MariaDB, which several servers may share. Invariant: texts are of any
// length and differ by every sign, as on the other engines.
import {
  CompiledQuery,
  type DataTypeNode,
  type Driver,
  MysqlDialect,
  type MysqlPool,
  MysqlQueryCompiler,
  sql,
} from 'kysely';
import { limits } from '../core/limits.ts';
import type { StoreDialect } from './dialect.ts';
import { GuardedDriver, original } from './guarded.ts';
import type { Handle } from './table.ts';

/** How to speak to the one at an address such as `mysql://user:password@host/database`. */
export async function mysqlStoreDialect(url: string): Promise<StoreDialect> {
  // Loaded when needed: who keeps the system in SQLite pays nothing for it.
  const { createPool } = (await import('mysql2')).default;
  const pool = createPool({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    connectionLimit: limits.storeConnections,
    connectTimeout: limits.poolConnectMs,
    charset: 'utf8mb4_bin',
    supportBigNumbers: true,
    enableKeepAlive: true,
  });
  const columns = new Map<string, string>();
  return {
    kysely: new GuardedMysql({ pool: pool as unknown as MysqlPool }),
    keyType: 'integer',
    generated: (column) => column.autoIncrement().primaryKey(),
    conflict: (error) => conflictIn(columns, error),
    loosely: (handle, work) => (handle.isTransaction ? work(handle) : handle.transaction().execute(work)),
    migrated: (handle) => readIndexes(handle, columns),
    // In UTC: by the time of a zone, an hour is there twice a year.
    now: sql<number>`(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)`,
    isConcurrent: true,
    byKey: sql`force index (primary)`,
    hasPartialIndexes: false,
    hasReturning: false,
    skippingDuplicates: (insertion) => insertion.onDuplicateKeyUpdate({ id: sql`id` as never }),
    isCollision: (error) => collisions.has(errnoOf(original(error))),
  };
}

// Transactions see what is committed when they look, as on the other engines, and not what was when they
// began.
const begin = [
  CompiledQuery.raw('set transaction isolation level read committed'),
  CompiledQuery.raw('start transaction'),
];

class GuardedMysql extends MysqlDialect {
  override createDriver(): Driver {
    return new GuardedDriver({ driver: super.createDriver(), isOutage, begin });
  }

  override createQueryCompiler(): MysqlQueryCompiler {
    return new WideTextCompiler();
  }
}

// `text` holds no more than 65,535 bytes here, and texts that differ by case alone would be equal.
class WideTextCompiler extends MysqlQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    const { dataType } = node;
    const isText = dataType === 'text' || dataType.startsWith('varchar');
    this.append(dataType === 'text' ? 'longtext' : dataType);
    if (isText) this.append(' character set utf8mb4 collate utf8mb4_bin');
  }
}

// A duplicate names its index; what the caller knows is the column, which is the first of the index.
async function readIndexes(handle: Handle, columns: Map<string, string>): Promise<void> {
  const { rows } = await sql<{ name: string; field: string }>`
    select distinct index_name as name, column_name as field from information_schema.statistics
    where table_schema = database() and seq_in_index = 1 and non_unique = 0`.execute(handle);
  for (const { name, field } of rows) columns.set(name, field);
}

function conflictIn(columns: ReadonlyMap<string, string>, error: unknown): string | undefined {
  const { errno, message = '' } = (error ?? {}) as { errno?: number; message?: string };
  if (errno !== 1062) return undefined;
  // Newer servers name the table before the index.
  const index = /for key '(?:[^'.]+\.)?([^']+)'$/.exec(message)?.[1] ?? '';
  // The only key that callers give is a name.
  return index === 'PRIMARY' ? 'name' : (columns.get(index) ?? index);
}

// What has no number of the server's is about the connection; of the server's own, these say that it is
// stopping, has no room, or that a lock was not had in time.
const outages: ReadonlySet<number> = new Set([
  ...[1040, 1042, 1043, 1045, 1049, 1053, 1129, 1130, 1152, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226],
  ...[1317, 1927, 1969, 2002, 2003, 2006, 2013, 4031],
]);

// A lock that was not had in time, a deadlock, and a key that another transaction took meanwhile.
const collisions: ReadonlySet<unknown> = new Set([1205, 1213, 1062]);

function errnoOf(error: unknown): unknown {
  return ((error ?? {}) as { errno?: unknown }).errno;
}

function isOutage(error: unknown): boolean {
  const errno = errnoOf(error);
  if (typeof errno !== 'number' || errno < 1_000) return error instanceof Error;
  return outages.has(errno);
}
