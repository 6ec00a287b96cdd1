// Counters in a system database on a server: PostgreSQL, MySQL, MariaDB. They have connections of their own,
// so that counting does not wait for those that change the configuration.
// Invariant: a server that does not answer costs a caller no more than the bounds here, and is told once.
import {
  type Dialect,
  Kysely,
  MysqlDialect,
  type MysqlPool,
  PostgresDialect,
  type PostgresPool,
  type RawBuilder,
  sql,
} from 'kysely';
import type { PoolConnection } from 'mysql2';
import type { IRateLimiterOptions, RateLimiterAbstract } from 'rate-limiter-flexible';
import type { LimitCounter } from '../../core/limiter.ts';
import { limits } from '../../core/limits.ts';
import type { Observe } from '../../core/observe.ts';
import { CountingReport } from './counting-report.ts';
import { type CounterEngine, counterOf, keysOf } from './engine.ts';

/** What counters on a server are made with. */
export interface ServerCounterParts {
  /** The address of the system database, which has been brought up to date. */
  readonly url: string;
  readonly observe: Observe;
}

interface CounterTable {
  readonly limit_counter: { readonly key: string; readonly points: number; readonly expire: number | null };
}

interface Place {
  readonly database: Kysely<CounterTable>;
  /** Keys in the order of their bytes, whatever the order of texts is in the database. */
  readonly bytes: RawBuilder<string>;
  limiter(options: IRateLimiterOptions): Promise<RateLimiterAbstract>;
}

const table = { tableName: 'limit_counter', tableCreated: true, clearExpiredByTimeout: false };

/** Counters in a database on a server. */
export class ServerCounters implements CounterEngine {
  readonly #parts: ServerCounterParts;
  readonly #report: CountingReport;
  readonly #timer: NodeJS.Timeout;
  #opening: Promise<Place> | undefined;

  constructor(parts: ServerCounterParts) {
    this.#parts = parts;
    this.#report = new CountingReport({ place: 'the system database', observe: parts.observe });
    this.#timer = setInterval(() => void this.#prune(), limits.limitPruneMs);
    this.#timer.unref();
  }

  async limiter(options: IRateLimiterOptions): Promise<RateLimiterAbstract> {
    return (await this.#place()).limiter(options);
  }

  async list(limitId: number | undefined): Promise<readonly LimitCounter[]> {
    const { database, bytes } = await this.#place();
    const [from, to] = keysOf(limitId);
    const rows = await database
      .selectFrom('limit_counter')
      .select(['key', 'points'])
      .where(bytes, '>=', from)
      .where(bytes, '<', to)
      .where('expire', '>', Date.now())
      .orderBy('points', 'desc')
      .orderBy('key')
      .limit(limits.records)
      .execute();
    return rows.map(({ key, points }) => counterOf(key, Number(points)));
  }

  async reset(limitId: number | undefined): Promise<void> {
    const { database, bytes } = await this.#place();
    const [from, to] = keysOf(limitId);
    await database.deleteFrom('limit_counter').where(bytes, '>=', from).where(bytes, '<', to).execute();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await (await this.#opening)?.database.destroy();
  }

  #place(): Promise<Place> {
    const { url } = this.#parts;
    this.#opening ??= /^postgres/.test(url) ? openPostgres(url, this.#report) : openMysql(url, this.#report);
    return this.#opening;
  }

  async #prune(): Promise<void> {
    const place = await this.#opening;
    if (place === undefined) return;
    // What fails is told by whoever counts, and the next time comes soon.
    await place.database
      .deleteFrom('limit_counter')
      .where('expire', '<', Date.now())
      .execute()
      .catch(() => undefined);
  }
}

async function openPostgres(url: string, report: CountingReport): Promise<Place> {
  const [{ default: pg }, { default: limiters }] = await Promise.all([
    import('pg'),
    import('rate-limiter-flexible'),
  ]);
  const pool = new pg.Pool({
    ...{
      connectionString: url,
      max: limits.limitConnections,
      keepAlive: true,
      application_name: 'tenon limits',
    },
    ...{ connectionTimeoutMillis: limits.poolConnectMs, query_timeout: limits.limitBusyMs },
  });
  // An event `error` of an idle connection that nobody listens to would end the process.
  pool.on('error', () => undefined);
  // All that the package asks of a pool.
  const storeClient = {
    query: async (query: object) => {
      try {
        const answer = await pool.query(query as { text: string });
        report.together();
        return answer;
      } catch (error) {
        report.alone(error);
        throw error;
      }
    },
  };
  return {
    database: opened(new PostgresDialect({ pool: pool as PostgresPool })),
    bytes: sql`key collate "C"`,
    limiter: async (options) =>
      new limiters.RateLimiterPostgres({ ...options, ...table, storeClient, storeType: 'pool' }),
  };
}

async function openMysql(url: string, report: CountingReport): Promise<Place> {
  const [{ default: driver }, { default: limiters }] = await Promise.all([
    import('mysql2'),
    import('rate-limiter-flexible'),
  ]);
  const pool = driver.createPool({
    ...{ uri: url.replace(/^mariadb:/, 'mysql:'), connectionLimit: limits.limitConnections },
    ...{ connectTimeout: limits.poolConnectMs, charset: 'utf8mb4_bin', enableKeepAlive: true },
  });
  pool.on('connection', (connection) => {
    // Otherwise first calls of the same counter lock each other out.
    connection.query('set session transaction isolation level read committed', () => undefined);
    const seconds = Math.ceil(limits.limitBusyMs / 1_000);
    connection.query(`set session innodb_lock_wait_timeout = ${seconds}`, () => undefined);
  });
  // All that the package asks of a pool.
  const storeClient = {
    getConnection: (done: (error: unknown, connection?: unknown) => void) =>
      pool.getConnection((error, connection) => {
        if (error) report.alone(error);
        done(error, error ? undefined : watched(connection, report));
      }),
  };
  const dbName = decodeURIComponent(new URL(url).pathname.slice(1));
  const place = { storeClient, storeType: 'pool', dbName };
  return {
    database: opened(new MysqlDialect({ pool: pool as unknown as MysqlPool })),
    // Its texts are made to be ordered so.
    bytes: sql`\`key\``,
    limiter: async (options) => new limiters.RateLimiterMySQL({ ...options, ...table, ...place }),
  };
}

function opened(dialect: Dialect): Kysely<CounterTable> {
  return new Kysely<CounterTable>({ dialect });
}

// All that the package asks of a connection.
function watched(connection: PoolConnection, report: CountingReport) {
  return {
    query: (text: string, ...rest: unknown[]) => {
      const done = rest.at(-1) as (error: unknown, rows: unknown) => void;
      const values = rest.length > 1 ? (rest[0] as string[]) : [];
      connection.query(text, values, (error, rows) => {
        if (error) report.alone(error);
        else if (text === 'COMMIT') report.together();
        done(error, rows);
      });
    },
    rollback: () => connection.rollback(() => undefined),
    release: () => connection.release(),
  };
}
