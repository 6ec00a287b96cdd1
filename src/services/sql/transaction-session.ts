// Sessions of transactions that stay open between operations, and a source as whoever reads and writes in one
// sees it.
// Invariant: what is closed refuses every further statement; those under way have ended when it is closed.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import {
  type Bindable,
  type Database,
  DatabaseError,
  type MaybePromise,
  type Row,
  type Statement,
  type Transaction,
  type WriteOutcome,
} from '../../database/connection.ts';
import type { Dialect } from './dialect.ts';
import type { ReadPlans } from './reading/plan.ts';
import type { Table } from './schema.ts';
import type { SqlSettings, SqlSource } from './source.ts';

// Made once: each session ends with it, and the trace of an error costs more than the rest.
const closed = new PlatformError('script.transaction_over', 'The transaction that this belongs to is over.');

/** A session that can be closed, whoever still holds it. */
export class GuardedSession implements Transaction {
  readonly #session: Transaction;
  readonly #under = new Set<Promise<unknown>>();
  readonly #closed = Promise.withResolvers<never>();
  #isClosed = false;
  #isLost = false;

  constructor(session: Transaction) {
    this.#session = session;
    this.#closed.promise.catch(() => {});
  }

  /** Whether the database gave the transaction up, as it does with a victim of a deadlock. */
  get isLost(): boolean {
    return this.#isLost;
  }

  rows(statement: Statement, values: readonly Bindable[]): MaybePromise<Row[]> {
    return this.#do(() => this.#session.rows(statement, values));
  }

  column(statement: Statement, values: readonly Bindable[]): MaybePromise<unknown[]> {
    return this.#do(() => this.#session.column(statement, values));
  }

  run(statement: Statement, values: readonly Bindable[]): MaybePromise<WriteOutcome> {
    return this.#do(() => this.#session.run(statement, values));
  }

  savepoint<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    return this.#do(() =>
      this.#session.savepoint(() => {
        const value = work();
        // Work may wait for scripts, which nobody who closes a session waits for.
        return value instanceof Promise ? Promise.race([value, this.#closed.promise]) : value;
      }),
    );
  }

  behind<T>(work: (session: Transaction) => MaybePromise<T>): MaybePromise<T> {
    const session = this.#session;
    return this.#do(() => (session.behind === undefined ? work(session) : session.behind(work)));
  }

  /** Refuses further statements; resolves when none is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closed.reject(closed);
    await Promise.allSettled(this.#under);
  }

  #do<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#isClosed) throw closed;
    try {
      const value = work();
      return value instanceof Promise ? this.#watched(value) : value;
    } catch (error) {
      throw this.#noticed(error);
    }
  }

  async #watched<T>(value: Promise<T>): Promise<T> {
    this.#under.add(value);
    try {
      return await value;
    } catch (error) {
      throw this.#noticed(error);
    } finally {
      this.#under.delete(value);
    }
  }

  #noticed(error: unknown): unknown {
    if (error instanceof DatabaseError && (error.failure === 'busy' || error.failure === 'unavailable')) {
      this.#isLost = true;
    }
    return error;
  }
}

/** A source as operations inside a transaction see it. */
export class JoinedSource implements SqlSource {
  readonly settings: SqlSettings;
  readonly dialect: Dialect;
  readonly plans: ReadPlans;
  readonly #source: SqlSource;
  readonly #database: Database;

  constructor(source: SqlSource, session: Transaction) {
    this.settings = source.settings;
    this.dialect = source.dialect;
    this.plans = source.plans;
    this.#source = source;
    this.#database = new JoinedDatabase(session);
  }

  database(): Database {
    return this.#database;
  }

  table(name: string): Table {
    return this.#source.table(name);
  }

  tables(): readonly Table[] {
    return this.#source.tables();
  }
}

// Transactions inside it are savepoints, and reads see what it did.
class JoinedDatabase implements Database {
  readonly #session: Transaction;

  constructor(session: Transaction) {
    this.#session = session;
  }

  rows(statement: Statement, values: readonly Bindable[]): MaybePromise<Row[]> {
    return this.#session.rows(statement, values);
  }

  column(statement: Statement, values: readonly Bindable[]): MaybePromise<unknown[]> {
    return this.#session.column(statement, values);
  }

  run(statement: Statement, values: readonly Bindable[]): MaybePromise<WriteOutcome> {
    return this.#session.run(statement, values);
  }

  async transaction<T>(work: (transaction: Transaction) => MaybePromise<T>): Promise<T> {
    return this.#session.savepoint(() => work(this.#session));
  }

  // The one connection can not stand still in the middle of a read while the next operation waits for it.
  async *stream(statement: Statement, values: readonly Bindable[]): AsyncGenerator<readonly Row[]> {
    const rows = await this.#session.rows(statement, values);
    for (let from = 0; from < rows.length; from += limits.streamPortion) {
      yield rows.slice(from, from + limits.streamPortion);
    }
  }

  close(): void {
    // It ends with its transaction.
  }
}
