// Long reads in portions, each on a connection of its own: the server is taken no more from than the reader
// wants.
// Invariant: a connection comes back clean after the last row, and is dropped when the read ends earlier.
import { limits } from '../core/limits.ts';
import { type Bindable, DatabaseError, type Row } from './connection.ts';
import type { MysqlConnection } from './mysql-connection.ts';
import { isLost } from './mysql-errors.ts';
import type { Pool } from './pool.ts';

/** What is read. */
export interface StreamQuery {
  readonly sql: string;
  readonly values: readonly Bindable[];
}

/** Rows in portions, of one statement, which is one consistent read. */
export async function* readPortions(
  pool: Pool<MysqlConnection>,
  query: StreamQuery,
): AsyncGenerator<readonly Row[]> {
  const { connection, portions } = await begun(pool, query);
  try {
    for (;;) {
      const portion = await portions.next();
      if (portion.length === 0) return;
      yield portion;
    }
  } finally {
    portions.end();
    pool.release(connection);
  }
}

// A connection that was idle may be dead, and nothing was handed out yet.
async function begun(pool: Pool<MysqlConnection>, query: StreamQuery) {
  for (let isAgain = false; ; isAgain = true) {
    const connection = await pool.acquire();
    const portions = new Portions(connection);
    try {
      await portions.begin(query);
      return { connection, portions };
    } catch (error) {
      portions.end();
      pool.release(connection);
      if (isAgain || !(error instanceof DatabaseError) || !isLost(error)) throw error;
    }
  }
}

/** The rows of one read: those that came, and a way to wait for more. */
class Portions {
  readonly #connection: MysqlConnection;
  #rows: Row[] = [];
  #chars = 0;
  #isOver = false;
  #error: unknown;
  #isPaused = false;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: MysqlConnection) {
    this.#connection = connection;
  }

  /** Asks the server and waits for the first portion. */
  async begin({ sql, values }: StreamQuery): Promise<void> {
    this.#connection
      .each(sql, values, (row) => this.#take(row))
      .then(
        () => this.#finish(undefined),
        (error: unknown) => this.#finish(error),
      );
    await this.#filled();
    if (this.#error !== undefined) throw this.#error;
  }

  /** The next rows, none at the end. Until the ones after are asked for, time runs. */
  async next(): Promise<readonly Row[]> {
    clearTimeout(this.#timer);
    if (this.#isPaused && !this.#isFull) {
      this.#isPaused = false;
      this.#connection.resume();
    }
    await this.#filled();
    if (this.#rows.length === 0 && this.#error !== undefined) throw this.#error;
    const portion = this.#rows;
    this.#rows = [];
    this.#chars = 0;
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
    this.#chars += sizeOf(row);
    if (!this.#isFull) return;
    // Rows that are in the driver's hands already still come.
    if (!this.#isPaused) this.#connection.pause();
    this.#isPaused = true;
    this.#wake?.();
  }

  get #isFull(): boolean {
    return this.#rows.length >= limits.streamPortion || this.#chars >= limits.streamPortionChars;
  }

  #finish(error: unknown): void {
    this.#isOver = true;
    this.#error = error;
    this.#wake?.();
  }

  async #filled(): Promise<void> {
    while (!this.#isOver && !this.#isFull) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}

function sizeOf(row: Row): number {
  let size = 0;
  for (const name in row) {
    const value = row[name];
    if (typeof value === 'string') size += value.length;
    else if (value instanceof Uint8Array) size += value.byteLength;
  }
  return size;
}
