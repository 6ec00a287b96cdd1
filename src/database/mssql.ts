// SQL Server through tedious: a pool of connections for statements and transactions, and one for reads in
// portions. Invariant: what was begun on a connection ends before somebody else gets it.
import { limits } from '../core/limits.ts';
import {
  type Bindable,
  type Database,
  DatabaseError,
  type MaybePromise,
  type Row,
  type Statement,
  type Transaction,
  type WriteOutcome,
} from './connection.ts';
import type { MssqlParameter } from './mssql-connection.ts';
import {
  type MssqlConnection,
  type MssqlLogin,
  type MssqlResults,
  openConnection,
} from './mssql-connection.ts';
import { duplicateIndex, isLost, isVictim, mssqlError } from './mssql-errors.ts';
import { Pool } from './pool.ts';

/** Where a database is and how it is used. */
export interface MssqlOptions {
  readonly login: MssqlLogin;
  /** The most connections for statements at a time. */
  readonly maxConnections: number;
  /** The longest that a statement may take. */
  readonly statementMs: number;
  /** The columns of a unique index or constraint as `a, b`. */
  readonly indexColumns?: (index: string) => string | undefined;
}

/** A session on one connection, which can call procedures. */
export interface MssqlSession extends Transaction {
  /** Calls a procedure by its quoted name. */
  call(name: string, parameters: readonly MssqlParameter[]): Promise<MssqlResults>;
}

/** A pool that connects on first use. */
export class MssqlDatabase implements Database {
  readonly #options: MssqlOptions;
  readonly #pool: Pool<MssqlConnection>;
  readonly #streams: Pool<MssqlConnection>;

  constructor(options: MssqlOptions) {
    const { login, maxConnections, statementMs } = options;
    this.#options = options;
    this.#pool = new Pool({
      open: () => openConnection(login, statementMs),
      size: maxConnections,
      silenceMs: statementMs + limits.statementReplyMs,
    });
    // Who reads in portions takes its time; that it goes on is looked after elsewhere.
    this.#streams = new Pool({ open: () => openConnection(login, 0), size: limits.streams, silenceMs: 0 });
  }

  rows(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    return this.#repeated((session) => session.rows(statement, values));
  }

  async column(statement: Statement, values: readonly Bindable[]): Promise<unknown[]> {
    return firstColumn(await this.rows(statement, values));
  }

  run(statement: Statement, values: readonly Bindable[]): Promise<WriteOutcome> {
    return this.#repeated((session) => session.run(statement, values));
  }

  async *stream(statement: Statement, values: readonly Bindable[]): AsyncGenerator<readonly Row[]> {
    const connection = await this.#streams.acquire();
    const portions = new Portions(connection);
    try {
      portions.begin(statement.sql, values);
      for (let rows = await portions.next(); rows.length > 0; rows = await portions.next()) yield rows;
    } finally {
      portions.end();
      this.#streams.release(connection);
    }
  }

  transaction<T>(work: (session: MssqlSession) => MaybePromise<T>): Promise<T> {
    return this.#withConnection(async (connection, session) => {
      await connection.command('BEGIN TRANSACTION');
      try {
        const value = await work(session);
        await connection.command('COMMIT TRANSACTION');
        return value;
      } catch (error) {
        await rolledBack(connection);
        throw error;
      } finally {
        session.end();
      }
    });
  }

  /** Work on one connection without a transaction. */
  alone<T>(work: (session: MssqlSession) => MaybePromise<T>): Promise<T> {
    return this.#withConnection(async (_connection, session) => work(session));
  }

  /** Closes what is idle now and the rest when it comes back. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#streams.close()]);
  }

  // A statement that was a transaction of its own was undone as a whole; one on a dead connection was never
  // begun, or its end is unknown: then it is a write that may have been done, which is not done again.
  async #repeated<T>(work: (session: ConnectionSession) => Promise<T>): Promise<T> {
    for (let repeats = 0; ; repeats++) {
      try {
        return await this.#withConnection((_connection, session) => work(session));
      } catch (error) {
        const isAgain = error instanceof DatabaseError && isVictim(error) && repeats < limits.conflictTries;
        if (!isAgain) throw error;
      }
    }
  }

  async #withConnection<T>(
    work: (connection: MssqlConnection, session: ConnectionSession) => MaybePromise<T>,
  ): Promise<T> {
    const connection = await this.#pool.acquire();
    const { indexColumns } = this.#options;
    try {
      return await work(connection, new ConnectionSession({ connection, indexColumns }));
    } finally {
      this.#pool.release(connection);
    }
  }
}

interface SessionOptions {
  readonly connection: MssqlConnection;
  readonly indexColumns: MssqlOptions['indexColumns'];
}

/** A session on one connection, until it is given back. */
class ConnectionSession implements MssqlSession {
  readonly #connection: MssqlConnection;
  readonly #indexColumns: MssqlOptions['indexColumns'];
  #savepoints = 0;
  #hasEnded = false;

  constructor({ connection, indexColumns }: SessionOptions) {
    this.#connection = connection;
    this.#indexColumns = indexColumns;
  }

  rows(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    return this.#named(this.#open().rows(statement.sql, values));
  }

  async column(statement: Statement, values: readonly Bindable[]): Promise<unknown[]> {
    return firstColumn(await this.rows(statement, values));
  }

  run(statement: Statement, values: readonly Bindable[]): Promise<WriteOutcome> {
    return this.#named(this.#open().run(statement.sql, values));
  }

  call(name: string, parameters: readonly MssqlParameter[]): Promise<MssqlResults> {
    return this.#open().call(name, parameters);
  }

  // SQL Server has no way to let go of a savepoint; it ends with the transaction.
  async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    const name = `tenon_${++this.#savepoints}`;
    await this.#open().command(`SAVE TRANSACTION ${name}`);
    try {
      return await work();
    } catch (error) {
      const isUndone = error instanceof DatabaseError && (isVictim(error) || isLost(error));
      if (!isUndone) await this.#undo(name);
      throw error;
    }
  }

  /** What comes after the transaction must not go to whoever has the connection then. */
  end(): void {
    this.#hasEnded = true;
  }

  // A refusal may have doomed the whole transaction, which can only be rolled back then.
  async #undo(name: string): Promise<void> {
    await this.#open().command(
      `IF XACT_STATE() = 1 ROLLBACK TRANSACTION ${name}; ` +
        `ELSE THROW 51000, 'The refusal ended the whole transaction.', 1`,
    );
  }

  #open(): MssqlConnection {
    if (!this.#hasEnded) return this.#connection;
    throw new DatabaseError('other', undefined, new Error('The transaction has ended.'));
  }

  // A duplicate names its index, callers know columns.
  async #named<T>(doing: Promise<T>): Promise<T> {
    try {
      return await doing;
    } catch (thrown) {
      const error = mssqlError(thrown);
      const index = duplicateIndex(error);
      if (index === undefined || !(error.cause instanceof Error)) throw error;
      throw new DatabaseError('unique', this.#indexColumns?.(index), error.cause);
    }
  }
}

/** The rows of one long read: those that came, and a way to wait for more. */
class Portions {
  readonly #connection: MssqlConnection;
  #rows: Row[] = [];
  #isOver = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: MssqlConnection) {
    this.#connection = connection;
  }

  begin(sql: string, values: readonly Bindable[]): void {
    this.#connection.each(sql, values, { row: (row) => this.#take(row) }).then(
      () => this.#finish(undefined),
      (error: unknown) => this.#finish(error),
    );
  }

  /** The next rows, none at the end. Until the ones after are asked for, time runs. */
  async next(): Promise<readonly Row[]> {
    clearTimeout(this.#timer);
    if (!this.#isOver && this.#rows.length < limits.streamPortion) this.#connection.resume();
    while (!this.#isOver && this.#rows.length < limits.streamPortion) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#rows.length === 0 && this.#error !== undefined) throw this.#error;
    const portion = this.#rows;
    this.#rows = [];
    if (portion.length > 0) this.#timer = setTimeout(() => this.end(), limits.streamIdleMs).unref();
    return portion;
  }

  /** Ends the read; what the server still sends goes nowhere. */
  end(): void {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#connection.destroy();
  }

  #take(row: Row): void {
    this.#rows.push(row);
    if (this.#rows.length < limits.streamPortion) return;
    this.#connection.pause();
    this.#wake?.();
  }

  #finish(error: unknown): void {
    this.#isOver = true;
    this.#error = error;
    this.#wake?.();
  }
}

// Undone or gone: a connection that can not say goodbye to its transaction is not used again.
async function rolledBack(connection: MssqlConnection): Promise<void> {
  try {
    if (connection.isUsable) await connection.command('IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION');
  } catch {
    connection.destroy();
  }
}

function firstColumn(rows: readonly Row[]): unknown[] {
  const [first] = rows;
  const [name] = first === undefined ? [] : Object.keys(first);
  return name === undefined ? [] : rows.map((row) => row[name]);
}
