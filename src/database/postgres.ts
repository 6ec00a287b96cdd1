// PostgreSQL through `pg`: a pool of connections, transactions with savepoints, reads in portions.
// Invariant: a connection goes back to the pool only outside a transaction; what failed in doubt is not
// repeated.
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
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
import { Pool } from './pool.ts';
import { connect, type PostgresConnection } from './postgres-connection.ts';
import { isConflict, isWithoutTls } from './postgres-errors.ts';
import type { JsonRecords, JsonShape } from './postgres-json.ts';
import { readPortions } from './postgres-stream.ts';
import { PostgresTransaction } from './postgres-transaction.ts';

/** Where the server is and how to talk to it. */
export interface PostgresOptions {
  readonly client: ClientConfig;
  readonly maxConnections: number;
  readonly connectMs: number;
  /** The longest that a statement may run. */
  readonly queryMs: number;
  /** Keeps statements prepared. Off behind a pooler that hands out another connection each time. */
  readonly isPreparing: boolean;
  /** Connects without TLS where the server has none. */
  readonly isTlsOptional?: boolean;
}

/** An open database: connections are made when they are needed. */
export class PostgresDatabase implements Database {
  readonly #options: PostgresOptions;
  readonly #pool: Pool<PostgresConnection>;
  readonly #streams: Pool<PostgresConnection>;
  readonly #shared = { generation: 0 };
  #isPlain = false;

  constructor(options: PostgresOptions) {
    this.#options = options;
    const open = () => this.#open();
    const silenceMs = options.queryMs + limits.statementReplyMs;
    this.#pool = new Pool({ open, size: options.maxConnections, silenceMs });
    // Reads in portions last as long as their readers take: they do not keep others from a connection.
    this.#streams = new Pool({ open, size: limits.streams, silenceMs });
  }

  rows(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    return this.#single((connection) => connection.rows(statement, values));
  }

  /** Rows of a statement that is used once, and never repeated. */
  async rowsOnce(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    const connection = await this.#pool.acquire();
    try {
      return await connection.rowsOnce(statement, values);
    } finally {
      this.#pool.release(connection);
    }
  }

  column(statement: Statement, values: readonly Bindable[]): Promise<unknown[]> {
    return this.#single((connection) => connection.column(statement, values));
  }

  /** Records as JSON text, without values in between. */
  records(statement: Statement, values: readonly Bindable[], shape: JsonShape): Promise<JsonRecords> {
    return this.#single((connection) => connection.records(statement, values, shape));
  }

  run(statement: Statement, values: readonly Bindable[]): Promise<WriteOutcome> {
    return this.#single((connection) => connection.run(statement, values));
  }

  stream(statement: Statement, values: readonly Bindable[]): AsyncIterable<readonly Row[]> {
    return readPortions(this.#streams, statement, values);
  }

  async transaction<T>(work: (transaction: Transaction) => MaybePromise<T>): Promise<T> {
    const connection = await this.#pool.acquire();
    const transaction = new PostgresTransaction(connection);
    try {
      const value = await work(transaction);
      await transaction.commit();
      return value;
    } catch (error) {
      await transaction.rollback();
      throw error;
    } finally {
      this.#pool.release(connection);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#streams.close()]);
  }

  // Each statement is a transaction of its own; one that lost a conflict has done nothing and is done again.
  async #single<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const free = this.#pool.acquire();
      const connection = free instanceof Promise ? await free : free;
      try {
        return await work(connection);
      } catch (error) {
        const isAgain = error instanceof DatabaseError && isConflict(error) && attempt < limits.conflictTries;
        if (!isAgain) throw error;
      } finally {
        this.#pool.release(connection);
      }
      await delay(Math.random() * limits.conflictPauseMs * attempt);
    }
  }

  async #open(): Promise<PostgresConnection> {
    const { client, queryMs, connectMs, isPreparing, isTlsOptional } = this.#options;
    const options = { setup: setup(queryMs, isPreparing), isPreparing, connectMs, shared: this.#shared };
    const attempt = (isPlain: boolean) =>
      connect({ ...options, client: isPlain ? { ...client, ssl: false } : client });
    if (isTlsOptional !== true || this.#isPlain) return attempt(this.#isPlain);
    try {
      return await attempt(false);
    } catch (error) {
      if (!(error instanceof DatabaseError) || !isWithoutTls(error)) throw error;
      const connection = await attempt(true);
      this.#isPlain = true;
      return connection;
    }
  }
}

// What all sessions have in common, so that texts mean the same on every server. A pooler that hands a
// connection to many clients knows the first ones and gives each client its own; others would stay behind.
function setup(queryMs: number, isOwnSession: boolean): string {
  const settings = ["SET TimeZone='UTC'", "SET DateStyle='ISO, YMD'", "SET IntervalStyle='postgres'"];
  if (isOwnSession) {
    settings.push("SET bytea_output='hex'", "SET lc_monetary='C'", 'SET extra_float_digits=1');
    settings.push(`SET statement_timeout=${queryMs}`, `SET lock_timeout=${limits.databaseWaitMs}`);
    settings.push(`SET idle_in_transaction_session_timeout=${limits.transactionIdleMs}`);
  }
  return settings.join(';');
}
