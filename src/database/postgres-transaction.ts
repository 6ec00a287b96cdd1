// A transaction on a connection of PostgreSQL. Invariant: BEGIN, SAVEPOINT and RELEASE make no round trips of
// their own: they travel with the next statement. After a failure the connection is outside a transaction, or
// broken.
import {
  type Bindable,
  DatabaseError,
  type MaybePromise,
  type Row,
  type Statement,
  type Transaction,
  type WriteOutcome,
} from './connection.ts';
import type { PostgresConnection } from './postgres-connection.ts';

// One object each, because prepared statements are kept by identity.
const begin: Statement = { sql: 'BEGIN' };
const commit: Statement = { sql: 'COMMIT' };
const rollback: Statement = { sql: 'ROLLBACK' };
const savepoint: Statement = { sql: 'SAVEPOINT tenon' };
const keep: Statement = { sql: 'RELEASE SAVEPOINT tenon' };
const undo: Statement = { sql: 'ROLLBACK TO SAVEPOINT tenon' };

/** An open transaction. */
export class PostgresTransaction implements Transaction {
  readonly #connection: PostgresConnection;
  #last: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(connection: PostgresConnection) {
    this.#connection = connection;
    connection.later(begin);
  }

  rows(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    return this.#next(() => this.#connection.rows(statement, values));
  }

  column(statement: Statement, values: readonly Bindable[]): Promise<unknown[]> {
    return this.#next(() => this.#connection.column(statement, values));
  }

  run(statement: Statement, values: readonly Bindable[]): Promise<WriteOutcome> {
    return this.#next(() => this.#connection.run(statement, values));
  }

  // Savepoints of one name hide each other, so the innermost is meant.
  async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    await this.#last;
    this.#connection.later(savepoint);
    try {
      const value = await work();
      await this.#last;
      this.#connection.later(keep);
      return value;
    } catch (error) {
      await this.#last;
      this.#connection.later(undo);
      this.#connection.later(keep);
      throw error;
    }
  }

  /** Makes it last. Throws when it was undone instead. */
  async commit(): Promise<void> {
    await this.#last;
    this.#isOver = true;
    if (this.#connection.takeBack(begin)) return;
    const tag = await this.#connection.command(commit);
    if (tag === 'COMMIT') return;
    throw new DatabaseError('other', undefined, new Error('The transaction had failed before its end'));
  }

  /** Undoes it, whatever its state. */
  async rollback(): Promise<void> {
    await this.#last;
    this.#isOver = true;
    if (!this.#connection.isUsable || this.#connection.takeBack(begin)) return;
    try {
      await this.#connection.command(rollback);
    } catch {
      this.#connection.destroy();
    }
  }

  // One after the other, also when the caller does not wait in between.
  #next<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isOver) {
      const cause = new Error('The transaction is over');
      return Promise.reject(new DatabaseError('other', undefined, cause));
    }
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
