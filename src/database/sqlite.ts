// SQLite through better-sqlite3: one connection that writes and one that only reads.
// Invariant: writers wait in line; readers see what is committed and never wait (a database in memory has one
// connection for both, so there they see an open transaction).
import { setTimeout as delay } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { limits } from '../core/limits.ts';
import {
  type Bindable,
  type Database,
  DatabaseError,
  type DatabaseFailure,
  type MaybePromise,
  type Row,
  type Statement,
  type Transaction,
  type WriteOutcome,
} from './connection.ts';
import { SqliteStreams } from './sqlite-stream.ts';

/** Where the database is and how to open it. */
export interface SqliteOptions {
  /** A file, or `:memory:`. */
  readonly path: string;
  /** Makes the file when it is missing; without it a missing file is refused. */
  readonly create?: boolean;
  /** `FULL` (the default) survives a loss of power; `NORMAL` every crash of a process, and is quicker. */
  readonly synchronous?: 'NORMAL' | 'FULL';
}

/** A session that answers at once. */
export interface SqliteSession extends Transaction {
  rows(statement: Statement, values: readonly Bindable[]): Row[];
  column(statement: Statement, values: readonly Bindable[]): unknown[];
  run(statement: Statement, values: readonly Bindable[]): WriteOutcome;
}

/** Opens a database; throws DatabaseError `unavailable` when that is impossible. */
export function openSqlite(options: SqliteOptions): SqliteDatabase {
  return attempt(() => {
    const writer = new Sqlite(options.path, { fileMustExist: options.create !== true });
    try {
      writer.pragma(`busy_timeout = ${BUSY_MS}`);
      prepareWriter(writer, options);
      if (writer.memory) return new SqliteDatabase(writer, writer);
      return new SqliteDatabase(writer, openReader(options.path));
    } catch (error) {
      writer.close();
      throw error;
    }
  });
}

function openReader(path: string): Sqlite.Database {
  const reader = new Sqlite(path, { fileMustExist: true });
  reader.pragma(`busy_timeout = ${limits.databaseReadWaitMs}`);
  reader.pragma('query_only = ON');
  return reader;
}

// Who reads in portions goes through a table once: more pages in memory would not be found there again.
function openStreamReader(path: string): Sqlite.Database {
  const reader = openReader(path);
  reader.pragma(`cache_size = -${limits.streamCacheKb}`);
  return reader;
}

// A busy database blocks the event loop while SQLite itself waits; so it waits little, and we wait in
// between.
const BUSY_MS = 20;

function prepareWriter(writer: Sqlite.Database, options: SqliteOptions): void {
  writer.pragma('foreign_keys = ON');
  writer.pragma(`synchronous = ${options.synchronous ?? 'FULL'}`);
  try {
    writer.pragma('journal_mode = WAL');
  } catch (error) {
    // A file that may only be read keeps its mode, and one that is in use is switched by whoever has it.
    const { failure } = translate(error);
    if (failure !== 'read_only' && failure !== 'busy') throw error;
  }
}

/** An open SQLite database. */
export class SqliteDatabase implements Database {
  readonly #writer: Sqlite.Database;
  readonly #reader: Sqlite.Database;
  readonly #writing: SqliteSession;
  readonly #reading: SqliteSession;
  readonly #streams: SqliteStreams;
  readonly #line: (() => void)[] = [];
  #isTaken = false;

  /** Use `openSqlite`. */
  constructor(writer: Sqlite.Database, reader: Sqlite.Database) {
    this.#writer = writer;
    this.#reader = reader;
    this.#writing = new Connection(writer);
    this.#reading = reader === writer ? this.#writing : new Connection(reader);
    this.#streams = new SqliteStreams({ open: () => openStreamReader(reader.name), translate });
  }

  rows(statement: Statement, values: readonly Bindable[]): Row[] {
    return this.#reading.rows(statement, values);
  }

  column(statement: Statement, values: readonly Bindable[]): unknown[] {
    return this.#reading.column(statement, values);
  }

  run(statement: Statement, values: readonly Bindable[]): MaybePromise<WriteOutcome> {
    if (this.#isTaken) return this.transaction((session) => session.run(statement, values));
    try {
      return this.#writing.run(statement, values);
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.transaction((session) => session.run(statement, values));
    }
  }

  /** Rows in portions, read by a connection of its own, so that writers and other readers go on. */
  stream(statement: Statement, values: readonly Bindable[]): AsyncIterable<readonly Row[]> {
    return this.#reader === this.#writer
      ? this.#whole(statement, values)
      : this.#streams.read(statement, values);
  }

  // What is in memory has one connection, which can not stand still in the middle of a read.
  async *#whole(statement: Statement, values: readonly Bindable[]): AsyncGenerator<readonly Row[]> {
    const rows = this.rows(statement, values);
    for (let from = 0; from < rows.length; from += limits.streamPortion) {
      yield rows.slice(from, from + limits.streamPortion);
    }
  }

  async transaction<T>(work: (session: SqliteSession) => MaybePromise<T>): Promise<T> {
    if (this.#isTaken) await this.#turn();
    this.#isTaken = true;
    try {
      const begun = this.#begin();
      if (begun !== undefined) await begun;
      return await this.#finish(work);
    } finally {
      this.#release();
    }
  }

  /**
   * A transaction in which references between tables are neither enforced nor acted upon, so that a table can
   * be made anew under its name. Refuses with `foreign_key` what would leave a reference broken.
   */
  async rebuild<T>(work: (session: SqliteSession) => MaybePromise<T>): Promise<T> {
    if (this.#isTaken) await new Promise<void>((resolve) => this.#line.push(resolve));
    this.#isTaken = true;
    try {
      this.#enforce(false);
      const begun = this.#begin();
      if (begun !== undefined) await begun;
      return await this.#finish(async (session) => {
        const before = this.#brokenReferences();
        const value = await work(session);
        const after = this.#brokenReferences();
        if (before !== undefined && after !== undefined && after > before) throw brokenReference();
        return value;
      });
    } finally {
      this.#enforce(true);
      this.#release();
    }
  }

  // The old form of renaming leaves alone what refers to the name, which is the name of the new table
  // afterwards.
  #enforce(isOn: boolean): void {
    attempt(() => {
      this.#writer.pragma(`foreign_keys = ${isOn ? 'ON' : 'OFF'}`);
      this.#writer.pragma(`legacy_alter_table = ${isOn ? 'OFF' : 'ON'}`);
    });
  }

  // Undefined where a reference is to what is no key, which SQLite does not count.
  #brokenReferences(): number | undefined {
    try {
      return (this.#writer.pragma('foreign_key_check') as unknown[]).length;
    } catch {
      return undefined;
    }
  }

  /** Waits for writers, then closes; a closed database refuses everything. */
  async close(): Promise<void> {
    if (this.#isTaken) await new Promise<void>((resolve) => this.#line.push(resolve));
    this.#streams.close();
    this.#reader.close();
    this.#writer.close();
    this.#release();
  }

  async #finish<T>(work: (session: SqliteSession) => MaybePromise<T>): Promise<T> {
    try {
      const result = work(this.#writing);
      const value = result instanceof Promise ? await result : result;
      attempt(() => this.#writer.exec('COMMIT'));
      return value;
    } catch (error) {
      if (this.#writer.inTransaction) this.#writer.exec('ROLLBACK');
      throw error;
    }
  }

  // Transactions of scripts may stay open for a while; whoever has waited for long enough hears of it.
  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const clock = setTimeout(() => {
        this.#line.splice(this.#line.indexOf(turn), 1);
        reject(new DatabaseError('busy', undefined, new Error('other writers did not end in time')));
      }, limits.databaseWaitMs);
      const turn = () => {
        clearTimeout(clock);
        resolve();
      };
      this.#line.push(turn);
    });
  }

  // Synchronous when the lock is free, which is nearly always.
  #begin(): Promise<void> | undefined {
    try {
      attempt(() => this.#writer.exec('BEGIN IMMEDIATE'));
      return undefined;
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.#beginLater();
    }
  }

  async #beginLater(): Promise<void> {
    const deadline = performance.now() + limits.databaseWaitMs;
    for (;;) {
      await delay(BUSY_MS);
      try {
        attempt(() => this.#writer.exec('BEGIN IMMEDIATE'));
        return;
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
      }
    }
  }

  // The next in line takes over without a gap in which somebody else could.
  #release(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#isTaken = false;
    else next();
  }
}

/** A statement in its three forms: rows as objects, first column only, and with every integer exact. */
interface Prepared {
  readonly isReader: boolean;
  readonly isReadOnly: boolean;
  readonly rows: Sqlite.Statement;
  column: Sqlite.Statement | undefined;
  exact: Sqlite.Statement | undefined;
}

class Connection implements SqliteSession {
  readonly #connection: Sqlite.Database;
  readonly #prepared = new WeakMap<Statement, Prepared>();
  #lastId: Sqlite.Statement | undefined;
  #savepoints = 0;

  constructor(connection: Sqlite.Database) {
    this.#connection = connection;
  }

  rows(statement: Statement, values: readonly Bindable[]): Row[] {
    try {
      const prepared = this.#prepare(statement);
      if (!prepared.isReader) {
        prepared.rows.run(values);
        return [];
      }
      if (!prepared.isReadOnly) return this.#exactRows(prepared, statement, values);
      const rows = prepared.rows.all(values) as Row[];
      return rows.some(isRounded) ? this.#exactRows(prepared, statement, values) : rows;
    } catch (error) {
      throw translate(error);
    }
  }

  column(statement: Statement, values: readonly Bindable[]): unknown[] {
    try {
      const prepared = this.#prepare(statement);
      prepared.column ??= this.#connection.prepare(statement.sql).pluck();
      const found = prepared.column.all(values);
      if (!found.some(isLargeNumber)) return found;
      return this.#exactRows(prepared, statement, values).map((row) => Object.values(row)[0]);
    } catch (error) {
      throw translate(error);
    }
  }

  run(statement: Statement, values: readonly Bindable[]): WriteOutcome {
    try {
      const { changes, lastInsertRowid } = this.#prepare(statement).rows.run(values);
      const isExact = typeof lastInsertRowid === 'bigint' || Number.isSafeInteger(lastInsertRowid);
      return { changes, lastId: isExact ? lastInsertRowid : this.#exactLastId() };
    } catch (error) {
      throw translate(error);
    }
  }

  savepoint<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    const name = `tenon_${++this.#savepoints}`;
    attempt(() => this.#connection.exec(`SAVEPOINT ${name}`));
    const keep = (value: T): T => {
      attempt(() => this.#connection.exec(`RELEASE ${name}`));
      return value;
    };
    // A refusal may have ended the whole transaction already (RAISE(ROLLBACK) of a trigger): whoever goes on
    // must know that nothing holds what he does together.
    const undo = (error: unknown): never => {
      if (!this.#connection.inTransaction) {
        const cause = error instanceof Error ? error : new Error(String(error));
        throw new DatabaseError('busy', undefined, cause);
      }
      this.#connection.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    };
    try {
      const value = work();
      return value instanceof Promise ? value.then(keep, undo) : keep(value);
    } catch (error) {
      return undo(error);
    }
  }

  #prepare(statement: Statement): Prepared {
    let prepared = this.#prepared.get(statement);
    if (prepared === undefined) {
      const rows = this.#connection.prepare(statement.sql);
      const { reader: isReader, readonly: isReadOnly } = rows;
      prepared = { isReader, isReadOnly, rows, column: undefined, exact: undefined };
      this.#prepared.set(statement, prepared);
    }
    return prepared;
  }

  // Exact integers cost a bigint each, so queries are repeated for them only when a number came that may be
  // rounded.
  #exactRows(prepared: Prepared, statement: Statement, values: readonly Bindable[]): Row[] {
    prepared.exact ??= this.#connection.prepare(statement.sql).safeIntegers();
    const rows = prepared.exact.all(values) as Row[];
    for (const row of rows) withSafeNumbers(row);
    return rows;
  }

  #exactLastId(): bigint {
    this.#lastId ??= this.#connection.prepare('SELECT last_insert_rowid()').safeIntegers().pluck();
    return this.#lastId.get() as bigint;
  }
}

function withSafeNumbers(row: Row): Row {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) row[name] = Number(value);
  }
  return row;
}

function isRounded(row: Row): boolean {
  for (const name in row) {
    if (isLargeNumber(row[name])) return true;
  }
  return false;
}

function isLargeNumber(value: unknown): boolean {
  return typeof value === 'number' && (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

function brokenReference(): DatabaseError {
  return new DatabaseError('foreign_key', undefined, new Error('FOREIGN KEY constraint failed'));
}

function isBusy(error: unknown): boolean {
  return error instanceof DatabaseError && error.failure === 'busy';
}

const failures: readonly (readonly [RegExp, DatabaseFailure])[] = [
  [/^SQLITE_CONSTRAINT_(?:UNIQUE|PRIMARYKEY|ROWID)/, 'unique'],
  [/^SQLITE_CONSTRAINT_FOREIGNKEY/, 'foreign_key'],
  [/^SQLITE_CONSTRAINT_NOTNULL/, 'not_null'],
  [/^SQLITE_CONSTRAINT_DATATYPE|^SQLITE_MISMATCH/, 'type'],
  [/^SQLITE_CONSTRAINT/, 'check'],
  [/^SQLITE_READONLY/, 'read_only'],
  [/^SQLITE_(?:BUSY|LOCKED)/, 'busy'],
  [/^SQLITE_(?:CANTOPEN|NOTADB|CORRUPT|IOERR|FULL|PERM|AUTH|NOMEM)/, 'unavailable'],
];

/** The DatabaseError for whatever better-sqlite3 threw; other errors stay what they are inside one. */
function translate(error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  if (!(cause instanceof Sqlite.SqliteError)) {
    const isClosed = /not open|directory does not exist/.test(cause.message);
    return new DatabaseError(isClosed ? 'unavailable' : 'other', undefined, cause);
  }
  const failure = failures.find(([code]) => code.test(cause.code))?.[1] ?? 'other';
  return new DatabaseError(failure, fieldOf(cause.message), cause);
}

// "UNIQUE constraint failed: todo.a, todo.b" or "cannot store TEXT value in INTEGER column todo.a". A check
// names its expression or constraint, which is no field.
function fieldOf(message: string): string | undefined {
  const named =
    /^(?:UNIQUE|NOT NULL) constraint failed: (?!index )(.+)$/.exec(message) ??
    /^cannot store .* in .* column (.+)$/.exec(message);
  return named?.[1]
    ?.split(', ')
    .map((name) => name.slice(name.indexOf('.') + 1))
    .join(', ');
}
