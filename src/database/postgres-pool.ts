// The connections to one PostgreSQL server: lent out, given back, made anew when they broke.
// Invariant: nobody waits longer than the limit; while the server is away, one attempt at a time is made and
// everybody who waits is told what came of it.
import { limits } from '../core/limits.ts';
import { DatabaseError, type MaybePromise } from './connection.ts';
import type { PostgresConnection } from './postgres-connection.ts';

/** What a pool is made with. */
export interface PoolOptions {
  readonly open: () => Promise<PostgresConnection>;
  readonly max: number;
}

interface Waiter {
  readonly take: (connection: PostgresConnection) => void;
  readonly fail: (error: unknown) => void;
}

/** Lends connections. */
export class PostgresPool {
  readonly #options: PoolOptions;
  readonly #all = new Set<PostgresConnection>();
  readonly #idle: PostgresConnection[] = [];
  readonly #line: Waiter[] = [];
  #opening = 0;
  #isDown = false;
  #isClosed = false;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** A connection for the caller alone, at once when one is free. Throws DatabaseError. */
  acquire(): MaybePromise<PostgresConnection> {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (!connection.isBroken) return connection;
      this.#all.delete(connection);
    }
    if (this.#isClosed) return Promise.reject(away());
    const waiting = this.#wait();
    this.#grow();
    return waiting;
  }

  /** Takes a connection back; a broken one makes room for another. */
  release(connection: PostgresConnection): void {
    if (connection.isBroken || this.#isClosed) {
      this.#all.delete(connection);
      if (!connection.isBroken) void connection.end();
      this.#grow();
      return;
    }
    const next = this.#line.shift();
    if (next === undefined) this.#idle.push(connection);
    else next.take(connection);
  }

  /** Ends all connections when they are given back; who waits is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#watch);
    this.#failAll(away());
    const idle = this.#idle.splice(0);
    for (const connection of idle) this.#all.delete(connection);
    await Promise.all(idle.map((connection) => connection.end()));
  }

  #wait(): Promise<PostgresConnection> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#line.splice(this.#line.indexOf(waiter), 1);
        reject(new DatabaseError('busy', undefined, new Error('all connections are in use')));
      }, limits.databaseWaitMs);
      const waiter: Waiter = {
        take: (connection) => {
          clearTimeout(timer);
          resolve(connection);
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#line.push(waiter);
    });
  }

  // As many as are waited for; only one while the last attempt failed, because more would fail the same way.
  #grow(): void {
    const room = this.#options.max - this.#all.size;
    const wanted = Math.min(room, this.#isDown ? 1 : this.#line.length);
    while (this.#opening < wanted && this.#line.length > 0 && !this.#isClosed) {
      this.#opening++;
      this.#options.open().then(
        (connection) => this.#opened(connection),
        (error) => this.#notOpened(error),
      );
    }
  }

  #opened(connection: PostgresConnection): void {
    this.#opening--;
    this.#isDown = false;
    this.#all.add(connection);
    this.#watch ??= setInterval(() => this.#look(), limits.poolLookMs).unref();
    this.release(connection);
    this.#grow();
  }

  // A server that has no connection left for us still serves those that we have.
  #notOpened(error: unknown): void {
    this.#opening--;
    const isFull = error instanceof DatabaseError && error.failure === 'busy';
    if (isFull && this.#all.size > 0) return;
    this.#isDown = true;
    this.#failAll(error);
  }

  #failAll(error: unknown): void {
    for (const waiter of this.#line.splice(0)) waiter.fail(error);
  }

  // Ends what is idle for long or hangs.
  #look(): void {
    for (const connection of this.#all) connection.destroyIfStuck();
    const isOld = (connection: PostgresConnection) => connection.idleMs > limits.poolIdleMs;
    while (this.#idle[0] !== undefined && (this.#idle[0].isBroken || isOld(this.#idle[0]))) {
      const connection = this.#idle.shift();
      if (connection === undefined) return;
      this.#all.delete(connection);
      if (!connection.isBroken) void connection.end();
    }
    if (this.#all.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }
}

function away(): DatabaseError {
  return new DatabaseError('unavailable', undefined, new Error('the database is closed'));
}
