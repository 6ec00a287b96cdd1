// A driver of Kysely whose database is on another machine: what goes wrong on the way there becomes 503.
// Invariant: the words of the server stay in the cause.
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult, TransactionSettings } from 'kysely';
import { PlatformError } from '../core/errors.ts';

/** What a guarded driver is made of. */
export interface GuardedDriverParts {
  readonly driver: Driver;
  /**
   * Whether an error says that the database cannot be used now, rather than that it does not take a
   * statement.
   */
  isOutage(error: unknown): boolean;
  /** Statements that begin a transaction, in place of the driver's own. */
  readonly begin?: readonly CompiledQuery[];
  /** The same of one whose access mode is said: it need not have reached the disk when it is over. */
  readonly beginLoosely?: CompiledQuery;
  /** A statement as the database takes it; absent: it takes any. */
  taken?(query: CompiledQuery): CompiledQuery;
}

/** What the server said, where it was made a PlatformError. */
export function original(error: unknown): unknown {
  return error instanceof PlatformError ? error.cause : error;
}

/** Passes everything on to another driver. */
export class GuardedDriver implements Driver {
  readonly #parts: GuardedDriverParts;

  constructor(parts: GuardedDriverParts) {
    this.#parts = parts;
  }

  async init(): Promise<void> {
    await this.#guard(() => this.#parts.driver.init());
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await this.#guard(() => this.#parts.driver.acquireConnection());
    return new GuardedConnection(connection, this.#parts, (work) => this.#guard(work));
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const { begin, beginLoosely, driver } = this.#parts;
    if (beginLoosely !== undefined && settings.accessMode !== undefined) {
      await connection.executeQuery(beginLoosely);
      return;
    }
    if (begin === undefined) return driver.beginTransaction(connection, settings);
    for (const statement of begin) await connection.executeQuery(statement);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await this.#parts.driver.commitTransaction(connection);
  }

  // A connection that is gone has undone its transaction; that is no second failure. Its driver gives it up,
  // which only works on its own.
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await this.#guard(() => this.#parts.driver.rollbackTransaction(innerOf(connection)));
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
    }
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await this.#parts.driver.releaseConnection(innerOf(connection));
  }

  async destroy(): Promise<void> {
    await this.#parts.driver.destroy();
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof PlatformError || !this.#parts.isOutage(cause)) throw cause;
      const message = 'The system database is not available. Please try again.';
      throw new PlatformError('service.unavailable', message, { cause });
    }
  }
}

function innerOf(connection: DatabaseConnection): DatabaseConnection {
  return connection instanceof GuardedConnection ? connection.inner : connection;
}

class GuardedConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  readonly #parts: GuardedDriverParts;
  readonly #guard: <T>(work: () => Promise<T>) => Promise<T>;

  constructor(
    inner: DatabaseConnection,
    parts: GuardedDriverParts,
    guard: <T>(work: () => Promise<T>) => Promise<T>,
  ) {
    this.inner = inner;
    this.#parts = parts;
    this.#guard = guard;
  }

  executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const taken = this.#parts.taken?.(query) ?? query;
    return this.#guard(() => this.inner.executeQuery<Row>(taken));
  }

  streamQuery<Row>(query: CompiledQuery, size: number): AsyncIterableIterator<QueryResult<Row>> {
    return this.inner.streamQuery(query, size);
  }
}
