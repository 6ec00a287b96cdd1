// The system database as one SQLite file (or in memory, for tests and trials).
// Invariant: the file and its companions are readable by the owner only.
import { chmodSync, closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import {
  type DatabaseConnection,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
  sql,
} from 'kysely';
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import type { StoreDialect } from './dialect.ts';
import { checkFileSystem, checkOtherHosts, type FileOwner } from './file-place.ts';
import { openStore } from './store.ts';
import type { Handle } from './table.ts';

/** Where the system database is. */
export interface SqliteStoreParts {
  /** Absolute path, or `:memory:`. */
  readonly file: string;
  /** In place of the clock of the database, for tests: milliseconds since 1970. */
  readonly clock?: () => number;
  /** For whom one machine alone may have the file; absent: for whoever only looks at it. */
  readonly owner?: FileOwner | undefined;
}

/**
 * Opens or makes the system database in `file` (absolute path, or `:memory:`) and brings its schema up to
 * date.
 */
export async function createSqliteStore({ file, clock, owner }: SqliteStoreParts): Promise<Store> {
  const isFile = file !== ':memory:';
  if (isFile && owner !== undefined) checkFileSystem(file, owner);
  if (isFile) makePrivate(file);
  const database = new Sqlite(file);
  // Before its schema is changed, which the other one may not know.
  if (owner !== undefined) refuseOthers(database, owner);
  database.pragma(`busy_timeout = ${limits.storeBusyMs}`);
  database.pragma('journal_mode = WAL');
  // A configuration change that was answered must survive a power cut; writes are rare enough to afford it.
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  if (clock !== undefined) database.function('queue_clock', { deterministic: false }, clock);
  return openStore(sqliteStoreDialect(database, clock !== undefined));
}

function refuseOthers(database: Sqlite.Database, owner: FileOwner): void {
  try {
    checkOtherHosts(database, owner);
  } catch (error) {
    database.close();
    throw error;
  }
}

const ownClock = sql<number>`cast(round(unixepoch('subsec') * 1000) as integer)`;

function sqliteStoreDialect(database: Sqlite.Database, hasClock: boolean): StoreDialect {
  return {
    kysely: new EagerDialect(database),
    keyType: 'integer',
    generated: (column) => column.primaryKey().autoIncrement(),
    conflict: sqliteConflict,
    loosely,
    now: hasClock ? sql<number>`queue_clock()` : ownClock,
    isConcurrent: false,
    hasPartialIndexes: true,
    hasReturning: true,
    skippingDuplicates: (insertion) => insertion.onConflict((conflict) => conflict.doNothing()),
    // The one who writes waits for the lock before it begins.
    isCollision: () => false,
  };
}

// What is kept of the past is no configuration: for it, nobody waits until the disk has turned. The switch is
// of the connection, which nothing else can use until it is back.
function loosely<T>(handle: Handle, work: (handle: Handle) => Promise<T>): Promise<T> {
  if (handle.isTransaction) return work(handle);
  return handle.connection().execute(async (own) => {
    await sql`pragma synchronous = normal`.execute(own);
    try {
      return await own.transaction().execute(work);
    } finally {
      await sql`pragma synchronous = full`.execute(own);
    }
  });
}

function sqliteConflict(error: unknown): string | undefined {
  if (!(error instanceof Sqlite.SqliteError)) return undefined;
  return /^UNIQUE constraint failed: [^.]+\.(\w+)/.exec(error.message)?.[1];
}

// SQLite gives the -wal and -shm files the mode of the main file, so it must be private before it is first
// opened.
function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

// Two departures from Kysely's defaults. A transaction takes the write lock at once: one that reads first
// and writes later fails instead of waiting when another process wrote in between. And a migration happens
// as a whole or not at all; SQLite can do that, Kysely leaves it off for migrations that switch foreign
// keys.
class EagerDialect extends SqliteDialect {
  readonly #database: Sqlite.Database;

  constructor(database: Sqlite.Database) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): SqliteDriver {
    return new EagerDriver(this.#database);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

// While SQLite itself waits for a lock the event loop stands still, and with it whoever holds the lock where
// that is another store of this process. So a transaction that cannot begin is begun again a little later.
class EagerDriver extends SqliteDriver {
  readonly #database: Sqlite.Database;
  readonly #begin: Sqlite.Statement;
  readonly #hurry: Sqlite.Statement;
  readonly #bePatient: Sqlite.Statement;

  constructor(database: Sqlite.Database) {
    super({ database: remembering(database) });
    this.#database = database;
    this.#begin = database.prepare('begin immediate');
    this.#hurry = database.prepare('pragma busy_timeout = 0');
    this.#bePatient = database.prepare(`pragma busy_timeout = ${limits.storeBusyMs}`);
  }

  override async beginTransaction(): Promise<void> {
    const giveUp = performance.now() + limits.storeBusyMs;
    while (!this.#hasBegun(giveUp)) await sleep(limits.limitBusyPauseMs);
  }

  // A full disk undoes a transaction by itself; that there is none any more would hide why.
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }

  #hasBegun(giveUp: number): boolean {
    this.#hurry.get();
    try {
      this.#begin.run();
      return true;
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUp) throw outage(error);
      return false;
    } finally {
      this.#bePatient.get();
    }
  }
}

// Kysely would have every statement prepared each time, which takes as long as running it.
function remembering(database: Sqlite.Database): SqliteDatabase {
  const statements = new LRUCache<string, SqliteStatement>({ max: limits.preparedStatements });
  return {
    close: () => database.close(),
    prepare: (text) => {
      const known = statements.get(text);
      if (known !== undefined) return known;
      const statement = guarded(database.prepare(text));
      statements.set(text, statement);
      return statement;
    },
  };
}

function guarded(statement: Sqlite.Statement): SqliteStatement {
  return {
    reader: statement.reader,
    all: (parameters) => told(() => statement.all(parameters)),
    run: (parameters) => told(() => statement.run(parameters)),
    iterate: (parameters) => statement.iterate(parameters) as IterableIterator<unknown>,
  };
}

function told<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw outage(error);
  }
}

// A disk that is full or fails is no fault of a statement: the same may be done when it has room again.
function outage(error: unknown): unknown {
  const isOutage = error instanceof Sqlite.SqliteError && /^SQLITE_(?:FULL|IOERR|CANTOPEN)/.test(error.code);
  if (!isOutage) return error;
  const message = 'The system database is not available. Please try again.';
  return new PlatformError('service.unavailable', message, { cause: error });
}

function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code === 'SQLITE_BUSY';
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}
