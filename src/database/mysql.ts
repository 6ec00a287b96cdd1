// MySQL and MariaDB through mysql2: a pool of connections for statements and transactions, and one for reads
// in portions. Invariant: reads see what is committed; what was begun on a connection ends before somebody
// else gets it.
import { setTimeout as delay } from 'node:timers/promises';
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
import {
  type MysqlConnection,
  type MysqlLogin,
  type MysqlResults,
  type MysqlServer,
  openConnection,
} from './mysql-connection.ts';
import { duplicateKey, isDeadlock, isLost } from './mysql-errors.ts';
import type { JsonRecords, JsonShape } from './mysql-json.ts';
import { readPortions } from './mysql-stream.ts';
import { Pool } from './pool.ts';

/** Where a database is and how it is used. */
export interface MysqlOptions {
  readonly login: MysqlLogin;
  /** The most connections for statements at a time. */
  readonly maxConnections: number;
  /** The longest that a statement may take. */
  readonly statementMs: number;
  /** The time zone of the sessions: an offset, or a name that the server knows. */
  readonly timeZone: string;
  /** The columns of a unique index as `a, b`, of the table that a statement names. */
  readonly indexColumns?: (table: string, index: string) => string | undefined;
}

/** A session on one connection, which can call procedures. */
export interface MysqlSession extends Transaction {
  /** All results of a statement. */
  results(statement: Statement, values: readonly Bindable[]): Promise<MysqlResults>;
}

/** A pool that connects on first use. */
export class MysqlDatabase implements Database {
  readonly #options: MysqlOptions;
  readonly #pool: Pool<MysqlConnection>;
  readonly #streams: Pool<MysqlConnection>;
  #server: MysqlServer | undefined;

  constructor(options: MysqlOptions) {
    const { login, maxConnections, statementMs, timeZone } = options;
    const open = (longest: number) => async () => {
      const connection = await openConnection(login, { timeZone, statementMs: longest });
      this.#server = connection.server;
      return connection;
    };
    this.#options = options;
    this.#pool = new Pool({
      open: open(statementMs),
      size: maxConnections,
      silenceMs: statementMs + limits.statementReplyMs,
    });
    // Who reads in portions takes its time; that it goes on is looked after elsewhere.
    this.#streams = new Pool({ open: open(0), size: limits.streams, silenceMs: 0 });
  }

  /** What the server is; connects if nobody did yet. */
  async server(): Promise<MysqlServer> {
    if (this.#server === undefined) this.#pool.release(await this.#pool.acquire());
    return this.#server ?? { isMariadb: false, version: 0 };
  }

  async rows(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    return this.#read((connection) => connection.rows(statement.sql, values));
  }

  async column(statement: Statement, values: readonly Bindable[]): Promise<unknown[]> {
    return firstColumn(await this.rows(statement, values));
  }

  /** Rows as a JSON list of records, whose columns are those of the statement, in its order. */
  records(statement: Statement, values: readonly Bindable[], shape: JsonShape): Promise<JsonRecords> {
    return this.#read((connection) => connection.records(statement.sql, values, shape));
  }

  async run(statement: Statement, values: readonly Bindable[]): Promise<WriteOutcome> {
    return this.#repeated(() =>
      this.#withConnection((connection) => this.#session(connection).run(statement, values)),
    );
  }

  stream(statement: Statement, values: readonly Bindable[]): AsyncIterable<readonly Row[]> {
    return readPortions(this.#streams, { sql: statement.sql, values });
  }

  transaction<T>(work: (session: MysqlSession) => MaybePromise<T>): Promise<T> {
    return this.#withConnection(async (connection) => {
      const begun = await this.#begun(connection);
      try {
        return await this.#inTransaction(begun, work);
      } finally {
        if (begun !== connection) this.#pool.release(begun);
      }
    });
  }

  /** Work on one connection without a transaction, whose session is made anew afterwards. */
  alone<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    return this.#withConnection((connection) => {
      connection.isUsed = true;
      return work(this.#session(connection));
    });
  }

  /** Closes what is idle now and the rest when it comes back. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#streams.close()]);
  }

  // A connection may turn out to be dead when it is used again. A read has changed nothing, so it is done
  // once more on a new one.
  #read<T>(work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    const acquired = this.#pool.acquire();
    if (acquired instanceof Promise) return acquired.then((connection) => this.#readOn(connection, work));
    return this.#readOn(acquired, work);
  }

  #readOn<T>(connection: MysqlConnection, work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    return work(connection).then(
      (value) => {
        this.#pool.release(connection);
        return value;
      },
      (error: unknown) => {
        this.#pool.release(connection);
        if (!(error instanceof DatabaseError) || !isLost(error)) throw error;
        return this.#withConnection(work);
      },
    );
  }

  // A statement that was a transaction of its own was undone as a whole.
  async #repeated<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        const isVictim = error instanceof DatabaseError && isDeadlock(error);
        if (!isVictim || attempt === limits.conflictTries) throw error;
      }
      await delay(Math.random() * limits.conflictPauseMs * attempt);
    }
  }

  async #withConnection<T>(work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    const acquired = this.#pool.acquire();
    const connection = acquired instanceof Promise ? await acquired : acquired;
    try {
      return await work(connection);
    } finally {
      this.#pool.release(connection);
    }
  }

  // Nothing was done yet, so a dead connection is replaced.
  async #begun(connection: MysqlConnection): Promise<MysqlConnection> {
    try {
      await connection.command('START TRANSACTION');
      return connection;
    } catch (error) {
      if (!(error instanceof DatabaseError) || !isLost(error)) throw error;
    }
    const other = await this.#pool.acquire();
    try {
      await other.command('START TRANSACTION');
      return other;
    } catch (error) {
      this.#pool.release(other);
      throw error;
    }
  }

  async #inTransaction<T>(
    connection: MysqlConnection,
    work: (session: MysqlSession) => MaybePromise<T>,
  ): Promise<T> {
    const session = this.#session(connection);
    try {
      const value = await work(session);
      await connection.command('COMMIT');
      return value;
    } catch (error) {
      await rolledBack(connection);
      throw error;
    } finally {
      session.end();
    }
  }

  #session(connection: MysqlConnection): ConnectionSession {
    return new ConnectionSession({ connection, indexColumns: this.#options.indexColumns });
  }
}

interface SessionOptions {
  readonly connection: MysqlConnection;
  readonly indexColumns: MysqlOptions['indexColumns'];
}

/** A session on one connection, until it is given back. */
class ConnectionSession implements MysqlSession {
  readonly #connection: MysqlConnection;
  readonly #indexColumns: MysqlOptions['indexColumns'];
  #savepoints = 0;
  #hasEnded = false;

  constructor({ connection, indexColumns }: SessionOptions) {
    this.#connection = connection;
    this.#indexColumns = indexColumns;
  }

  rows(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    return this.#named(statement, this.#open().rows(statement.sql, values));
  }

  async column(statement: Statement, values: readonly Bindable[]): Promise<unknown[]> {
    return firstColumn(await this.rows(statement, values));
  }

  run(statement: Statement, values: readonly Bindable[]): Promise<WriteOutcome> {
    return this.#named(statement, this.#open().run(statement.sql, values));
  }

  results(statement: Statement, values: readonly Bindable[]): Promise<MysqlResults> {
    return this.#named(statement, this.#open().results(statement.sql, values));
  }

  async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    const name = `tenon_${++this.#savepoints}`;
    await this.#open().command(`SAVEPOINT ${name}`);
    try {
      const value = await work();
      await this.#open().command(`RELEASE SAVEPOINT ${name}`);
      return value;
    } catch (error) {
      // The victim of a deadlock has lost its whole transaction, and the savepoint with it.
      const isUndone = error instanceof DatabaseError && (isDeadlock(error) || isLost(error));
      if (!isUndone) await this.#open().command(`ROLLBACK TO SAVEPOINT ${name}`);
      throw error;
    }
  }

  /** What comes after the transaction must not go to whoever has the connection then. */
  end(): void {
    this.#hasEnded = true;
  }

  #open(): MysqlConnection {
    if (!this.#hasEnded) return this.#connection;
    throw new DatabaseError('other', undefined, new Error('The transaction has ended.'));
  }

  // A duplicate names its index, callers know columns.
  async #named<T>(statement: Statement, doing: Promise<T>): Promise<T> {
    try {
      return await doing;
    } catch (error) {
      if (!(error instanceof DatabaseError) || !(error.cause instanceof Error)) throw error;
      const key = duplicateKey(error);
      if (key === undefined) throw error;
      const table = tableOf(statement.sql) ?? '';
      const columns = this.#indexColumns?.(table, key.slice(key.lastIndexOf('.') + 1));
      throw new DatabaseError('unique', columns, error.cause);
    }
  }
}

// Undone or gone: a connection that can not say goodbye to its transaction is not used again.
async function rolledBack(connection: MysqlConnection): Promise<void> {
  try {
    if (connection.isUsable) await connection.command('ROLLBACK');
  } catch {
    connection.destroy();
  }
}

function firstColumn(rows: readonly Row[]): unknown[] {
  const [first] = rows;
  const [name] = first === undefined ? [] : Object.keys(first);
  return name === undefined ? [] : rows.map((row) => row[name]);
}

/** The last name of the table that a statement of ours writes to. */
function tableOf(sql: string): string | undefined {
  const named = /^(?:insert into|update) ((?:`(?:[^`]|``)+`\.?)+)/i.exec(sql)?.[1];
  return named?.match(/`((?:[^`]|``)+)`$/)?.[1]?.replaceAll('``', '`');
}
