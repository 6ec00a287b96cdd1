// Counters in the system database. They have a connection of their own: counting waits for no disk, and is
// no part of a transaction that is open beside it.
// Invariant: the event loop never waits for a lock, which its own next turn might have to give back.

import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import type { IRateLimiterOptions, RateLimiterAbstract } from 'rate-limiter-flexible';
import type { LimitCounter } from '../../core/limiter.ts';
import { limits } from '../../core/limits.ts';
import type { Observe } from '../../core/observe.ts';
import { CountingReport } from './counting-report.ts';
import { type CounterEngine, counterOf, keysOf } from './engine.ts';

/** What counters in a system database are made with. */
export interface SqliteCounterParts {
  /** The file of the system database, which has been brought up to date. */
  readonly file: string;
  readonly observe: Observe;
}

/** Counters in a file. */
export class SqliteCounters implements CounterEngine {
  readonly #client: CounterClient;
  readonly #timer: NodeJS.Timeout;

  constructor(parts: SqliteCounterParts) {
    this.#client = new CounterClient(parts);
    this.#timer = setInterval(() => void this.#client.prune(), limits.limitPruneMs);
    this.#timer.unref();
  }

  async limiter(options: IRateLimiterOptions): Promise<RateLimiterAbstract> {
    const { RateLimiterSQLite } = (await import('rate-limiter-flexible')).default;
    const table = { tableName: 'limit_counter', tableCreated: true, clearExpiredByTimeout: false };
    const place = { storeClient: this.#client, storeType: 'better-sqlite3' };
    return new RateLimiterSQLite({ ...options, ...table, ...place });
  }

  async list(limitId: number | undefined): Promise<readonly LimitCounter[]> {
    return this.#client.list(limitId);
  }

  async reset(limitId: number | undefined): Promise<void> {
    await this.#client.reset(limitId);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#client.close();
  }
}

const memoryTable = 'create table limit_counter (key text primary key, points integer, expire integer)';

interface CounterRow {
  readonly key: string;
  readonly points: number;
}

/** A call that waits to be counted. */
interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (outcome: unknown) => void;
  readonly reject: (error: unknown) => void;
}

// What the package takes for a database of better-sqlite3. Its statements are prepared once. Calls of one
// turn of the event loop are counted in one transaction, because that is what counting costs most of all.
class CounterClient {
  readonly #file: string;
  readonly #report: CountingReport;
  readonly #waiting: Waiting[] = [];
  readonly #statements = new Map<string, Sqlite.Statement>();
  #opened: Sqlite.Database | undefined;
  #isClosed = false;

  constructor({ file, observe }: SqliteCounterParts) {
    this.#file = file;
    this.#report = new CountingReport({ place: 'the system database', observe });
  }

  prepare(text: string): Sqlite.Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database().prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  transaction<T>(work: () => T): () => Promise<T> {
    return () =>
      new Promise((resolve, reject) => {
        this.#waiting.push({ work, resolve: resolve as Waiting['resolve'], reject });
        if (this.#waiting.length === 1) setImmediate(() => void this.#flush());
      });
  }

  async #flush(): Promise<void> {
    const all = this.#waiting.splice(0);
    const together = () => all.map(({ work }) => work());
    try {
      // One statement is a transaction by itself.
      const counted = await this.#write(() =>
        all.length === 1 ? together() : this.#database().transaction(together).immediate(),
      );
      for (const [index, { resolve }] of all.entries()) resolve(counted[index]);
    } catch (error) {
      for (const { reject } of all) reject(error);
    }
  }

  list(limitId: number | undefined): readonly LimitCounter[] {
    const rows = this.prepare(
      'select key, points from limit_counter where key >= ? and key < ? and expire > ? ' +
        'order by points desc, key limit ?',
    ).all(...keysOf(limitId), Date.now(), limits.records) as CounterRow[];
    return rows.map(({ key, points }) => counterOf(key, points));
  }

  async reset(limitId: number | undefined): Promise<void> {
    const statement = this.prepare('delete from limit_counter where key >= ? and key < ?');
    await this.#write(() => statement.run(...keysOf(limitId)));
  }

  async prune(): Promise<void> {
    if (this.#opened === undefined) return;
    const statement = this.prepare(
      'delete from limit_counter where key in (select key from limit_counter where expire < ? limit ?)',
    );
    const drop = () => statement.run(Date.now(), limits.limitPruneRows).changes;
    try {
      while ((await this.#write(drop)) === limits.limitPruneRows) await pause(1);
    } catch {
      // It was told, and the next time comes soon.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#statements.clear();
    this.#opened?.close();
    this.#opened = undefined;
  }

  #database(): Sqlite.Database {
    if (this.#opened !== undefined) return this.#opened;
    if (this.#isClosed) throw new Error('the counters of limits are closed');
    const database = new Sqlite(this.#file);
    // Where the system database is nothing but memory of this process, so are its counters.
    if (database.memory) database.exec(memoryTable);
    database.pragma('busy_timeout = 0');
    // Calls that were counted in the last moment before a power cut may be counted anew.
    database.pragma('synchronous = NORMAL');
    this.#opened = database;
    return database;
  }

  async #write<T>(work: () => T): Promise<T> {
    const end = performance.now() + limits.limitBusyMs;
    for (;;) {
      try {
        const outcome = work();
        this.#report.together();
        return outcome;
      } catch (error) {
        if (!isBusy(error) || performance.now() > end) {
          this.#report.alone(error);
          throw error;
        }
      }
      await pause(limits.limitBusyPauseMs);
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY');
}
