// The port of SQL drivers: what services/sql, the store and queues need of a database.
// Invariant: values are always bound; a Statement's text is made by a compiler, never from request text.

/** Embedded engines answer at once, servers later; callers await only what is a promise. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with a value at once when it is there, else when it comes. */
export function whenDone<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * SQL text made once per query shape. Drivers keep their prepared statement by the identity of this object.
 */
export interface Statement {
  readonly sql: string;
  /**
   * Fields whose values are bound, in order, so that a driver which refuses one by its number can name it.
   */
  readonly names?: readonly string[];
}

/** A value that every driver can bind. Booleans and dates are turned into these by the dialect. */
export type Bindable = string | number | bigint | null | Uint8Array;

/** A row as the driver gives it. Integers beyond 2^53 are bigint. */
export type Row = Record<string, unknown>;

/** What a write did. */
export interface WriteOutcome {
  readonly changes: number;
  /** Generated key of the last inserted row, where the engine tells it. */
  readonly lastId: number | bigint | undefined;
}

/** Runs statements, inside or outside a transaction. Driver errors come as DatabaseError. */
export interface Session {
  rows(statement: Statement, values: readonly Bindable[]): MaybePromise<Row[]>;
  /** First column of each row. */
  column(statement: Statement, values: readonly Bindable[]): MaybePromise<unknown[]>;
  run(statement: Statement, values: readonly Bindable[]): MaybePromise<WriteOutcome>;
}

/** A session inside an open transaction. */
export interface Transaction extends Session {
  /** Does work so that it is undone alone when it throws. One at a time; work may hold further ones. */
  savepoint<T>(work: () => MaybePromise<T>): MaybePromise<T>;
  /** Does work on the session behind this one, whose driver can do more; absent: there is none behind it. */
  behind?<T>(work: (session: Transaction) => MaybePromise<T>): MaybePromise<T>;
}

/** An open database. `rows` and `column` read the last committed state; `run` is a transaction of its own. */
export interface Database extends Session {
  /**
   * Rows in portions, of one consistent read on a connection of its own; memory is bounded by a portion.
   * Ending the loop early ends the read.
   */
  stream(statement: Statement, values: readonly Bindable[]): AsyncIterable<readonly Row[]>;
  /** Commits when `work` ends, rolls back when it throws. Writers wait in line, in the order of asking. */
  transaction<T>(work: (transaction: Transaction) => MaybePromise<T>): Promise<T>;
  close(): MaybePromise<void>;
}

/**
 * What kind of refusal a database gave, as far as callers may know. `raised`: one that the author of a
 * trigger or procedure wrote, whose words the caller may read.
 */
export type DatabaseFailure =
  | 'unique'
  | 'foreign_key'
  | 'not_null'
  | 'check'
  | 'type'
  | 'read_only'
  | 'raised'
  | 'busy'
  | 'unavailable'
  | 'other';

/** A refusal of the database; `message` is the driver's own and for the log only. */
export class DatabaseError extends Error {
  readonly failure: DatabaseFailure;
  /** Column or `table.column` that the refusal names, where the driver tells it. */
  readonly field: string | undefined;

  constructor(failure: DatabaseFailure, field: string | undefined, cause: Error) {
    super(cause.message, { cause });
    this.failure = failure;
    this.field = field;
  }
}
