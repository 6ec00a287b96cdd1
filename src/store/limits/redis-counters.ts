// Counters in Redis, for servers that do not share a file. ioredis is loaded when it is needed.
// Invariant: a Redis that is away costs a caller no more than the bounds here, and is told once.
import type { Redis } from 'ioredis';
import type { IRateLimiterOptions, RateLimiterAbstract } from 'rate-limiter-flexible';
import { PlatformError } from '../../core/errors.ts';
import type { LimitCounter } from '../../core/limiter.ts';
import { limits } from '../../core/limits.ts';
import type { Observe } from '../../core/observe.ts';
import { CountingReport } from './counting-report.ts';
import { type CounterEngine, counterOf, prefixOf } from './engine.ts';

const home = 'tenon:limit:';

/** What counters in Redis are made with. */
export interface RedisCounterParts {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string;
  readonly observe: Observe;
}

/** Counters in a database of Redis. */
export class RedisCounters implements CounterEngine {
  readonly #url: string;
  readonly #report: CountingReport;
  #connecting: Promise<Redis> | undefined;

  constructor({ url, observe }: RedisCounterParts) {
    this.#url = url;
    this.#report = new CountingReport({ place: 'Redis', observe });
  }

  async limiter(options: IRateLimiterOptions): Promise<RateLimiterAbstract> {
    const { RateLimiterRedis } = (await import('rate-limiter-flexible')).default;
    const storeClient = await this.#client();
    const place = { storeClient, keyPrefix: `${home}${options.keyPrefix}`, rejectIfRedisNotReady: true };
    return new RateLimiterRedis({ ...options, ...place });
  }

  list(limitId: number | undefined): Promise<readonly LimitCounter[]> {
    return reached(this.#list(limitId));
  }

  reset(limitId: number | undefined): Promise<void> {
    return reached(this.#reset(limitId));
  }

  async close(): Promise<void> {
    const client = await this.#connecting;
    client?.removeAllListeners();
    client?.disconnect();
  }

  async #list(limitId: number | undefined): Promise<readonly LimitCounter[]> {
    const client = await this.#client();
    const found: LimitCounter[] = [];
    for await (const keys of this.#keys(client, limitId)) {
      const values = await client.mget(keys);
      for (const [index, key] of keys.entries()) {
        const used = values[index];
        // It may have ended since its key was found.
        if (typeof used === 'string') found.push(counterOf(key.slice(home.length), Number(used)));
      }
      if (found.length >= limits.records) break;
    }
    return found.sort((one, other) => other.used - one.used).slice(0, limits.records);
  }

  async #reset(limitId: number | undefined): Promise<void> {
    const client = await this.#client();
    for await (const keys of this.#keys(client, limitId)) await client.unlink(keys);
  }

  #client(): Promise<Redis> {
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  async #connect(): Promise<Redis> {
    const { Redis } = (await import('ioredis')).default;
    const client = new Redis(this.#url, {
      lazyConnect: true,
      connectTimeout: limits.redisConnectMs,
      commandTimeout: limits.redisReplyMs,
      // Who cannot be counted there now is counted here, not later there.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(times * 100, limits.redisRetryMs),
    });
    client.on('error', (error: Error) => this.#report.alone(error));
    client.on('close', () => this.#report.alone('the connection is closed'));
    client.on('ready', () => this.#report.together());
    // What goes wrong is told by the events, and tried again.
    await client.connect().catch(() => undefined);
    return client;
  }

  async *#keys(client: Redis, limitId: number | undefined): AsyncGenerator<string[]> {
    const match = limitId === undefined ? `${home}[0-9]*` : `${home}${prefixOf(limitId)}:*`;
    let cursor = '0';
    do {
      const [next, keys] = await client.scan(cursor, 'MATCH', match, 'COUNT', limits.limitPruneRows);
      if (keys.length > 0) yield keys;
      cursor = next;
    } while (cursor !== '0');
  }
}

// Whoever looks at counters is told where they are; whoever is counted does not notice.
async function reached<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const message = 'The counters of limits are in Redis, which cannot be reached. Try again in a moment.';
    throw new PlatformError('service.unavailable', message, { cause });
  }
}
