// Long reads of an SQLite file in portions, each on a connection of its own, so that writers and other
// readers go on meanwhile.
// Invariant: a connection is with one read at a time, and comes back when its loop ends, breaks or stands
// still.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type Sqlite from 'better-sqlite3';
import { limits } from '../core/limits.ts';
import { type Bindable, DatabaseError, type Row, type Statement } from './connection.ts';

/** What streams are made with. */
export interface SqliteStreamOptions {
  /** Opens a connection that only reads. */
  readonly open: () => Sqlite.Database;
  /** The DatabaseError for whatever the driver threw. */
  readonly translate: (error: unknown) => DatabaseError;
}

/** The reads in portions of one database. */
export class SqliteStreams {
  readonly #options: SqliteStreamOptions;
  readonly #reads = new Set<Reading>();
  readonly #line: (() => void)[] = [];
  #taken = 0;
  #spare: Sqlite.Database | undefined;
  #isClosed = false;

  constructor(options: SqliteStreamOptions) {
    this.#options = options;
  }

  /** Rows in portions, of one consistent read. The event loop gets a turn between them. */
  async *read(statement: Statement, values: readonly Bindable[]): AsyncGenerator<readonly Row[]> {
    const reading = await this.#begin(statement, values);
    try {
      for (;;) {
        const portion = reading.next();
        if (portion.length === 0) return;
        yield portion;
        await nextTurn();
      }
    } catch (error) {
      throw this.#options.translate(error);
    } finally {
      reading.end();
    }
  }

  /** Ends all reads; who still reads is told that the database is not available. */
  close(): void {
    this.#isClosed = true;
    for (const reading of this.#reads) reading.end();
    for (const go of this.#line.splice(0)) go();
    this.#spare?.close();
    this.#spare = undefined;
  }

  async #begin(statement: Statement, values: readonly Bindable[]): Promise<Reading> {
    if (this.#taken < limits.streams) this.#taken++;
    else await this.#turn();
    let connection: Sqlite.Database | undefined;
    try {
      if (this.#isClosed) throw away('The database connection is not open');
      connection = this.#spare ?? this.#options.open();
      this.#spare = undefined;
      const cursor = connection.prepare(statement.sql).safeIntegers().iterate(values);
      const reading = new Reading(cursor as IterableIterator<Row>, () => this.#ended(reading, connection));
      this.#reads.add(reading);
      return reading;
    } catch (error) {
      this.#giveBack(connection);
      throw this.#options.translate(error);
    }
  }

  // Whoever ends hands its place to the next in line.
  async #turn(): Promise<void> {
    let isLate = false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        isLate = true;
        this.#line.splice(this.#line.indexOf(go), 1);
        resolve();
      }, limits.databaseWaitMs);
      const go = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#line.push(go);
    });
    if (isLate)
      throw new DatabaseError('busy', undefined, new Error('all connections for streams are in use'));
  }

  #ended(reading: Reading, connection: Sqlite.Database | undefined): void {
    this.#reads.delete(reading);
    this.#giveBack(connection);
  }

  // One connection is kept, with what SQLite knows of the schema: lists that might be long are often short.
  #giveBack(connection: Sqlite.Database | undefined): void {
    if (this.#spare === undefined && !this.#isClosed) this.#spare = connection;
    else connection?.close();
    const next = this.#line.shift();
    if (next === undefined) this.#taken--;
    else next();
  }
}

/** A read under way. */
class Reading {
  readonly #cursor: IterableIterator<Row>;
  readonly #onEnd: () => void;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #isDone = false;

  constructor(cursor: IterableIterator<Row>, onEnd: () => void) {
    this.#cursor = cursor;
    this.#onEnd = onEnd;
  }

  /** The next rows, none at the end. Until the one after is asked for, time runs. */
  next(): readonly Row[] {
    clearTimeout(this.#timer);
    if (this.#hasEnded)
      throw away('The read was ended, because the database closes or nobody went on with it');
    const portion: Row[] = [];
    let chars = 0;
    while (!this.#isDone && portion.length < limits.streamPortion && chars < limits.streamPortionChars) {
      const { value, done } = this.#cursor.next();
      this.#isDone = done === true;
      if (!this.#isDone) chars += measured(value);
      if (!this.#isDone) portion.push(value);
    }
    if (portion.length > 0) this.#timer = setTimeout(() => this.end(), limits.streamIdleMs).unref();
    return portion;
  }

  /** Gives the connection back; once. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cursor.return?.();
    this.#onEnd();
  }
}

// What a value takes beside its characters, about.
const valueSize = 24;

// Integers come as bigint, so that none is rounded: those that need not be become numbers again. Says how
// much a row holds.
function measured(row: Row): number {
  let size = 0;
  for (const name in row) {
    const value = row[name];
    size += valueSize;
    if (typeof value === 'string') size += value.length;
    else if (value instanceof Uint8Array) size += value.byteLength;
    else if (typeof value === 'bigint') {
      const number = Number(value);
      if (Number.isSafeInteger(number)) row[name] = number;
    }
  }
  return size;
}

function away(reason: string): DatabaseError {
  return new DatabaseError('unavailable', undefined, new Error(reason));
}
