// A link to a Redis, with queues of BullMQ. Invariants: BullMQ gets connections that are there already; what
// fails is told of and never thrown into the air; a message is gone once its worker has looked.
import type { Queue } from 'bullmq';
import type { Redis, RedisOptions } from 'ioredis';
import { limits } from '../../core/limits.ts';
import type { LinkHealth, Listening, Message, MessageLink, Taker } from '../message-link.ts';
import { messageQueueName } from '../message-queue-name.ts';
import { loadBullMq } from './bullmq.ts';
import { RedisListening } from './listening.ts';

/** What a link to a Redis is made with. */
export interface RedisLinkParts {
  readonly place: RedisOptions;
  /** Of all keys. */
  readonly prefix: string;
}

/** Queues of BullMQ in a Redis. */
export class RedisLink implements MessageLink {
  readonly #parts: RedisLinkParts;
  #connecting: Promise<Redis> | undefined;
  /** By queue; the one that was written to last is the last one. */
  readonly #queues = new Map<string, Queue>();
  /** Why the connection could not be made. */
  #reason: Error | undefined;
  #isClosed = false;

  constructor(parts: RedisLinkParts) {
    this.#parts = parts;
  }

  async send(queue: string, messages: readonly Message[]): Promise<void> {
    await this.#ready();
    const own = await this.#queue(queue);
    await own.addBulk(
      messages.map(({ text, delayMs }) => ({
        ...{ name: 'run', data: text },
        opts: { removeOnComplete: true, removeOnFail: true, ...(delayMs > 0 ? { delay: delayMs } : {}) },
      })),
    );
  }

  listen(queue: string, taker: Taker, health: LinkHealth): Listening {
    const { prefix } = this.#parts;
    const connect = () => this.#ready();
    return new RedisListening({ name: nameOf(queue), prefix, connect, taker, health });
  }

  async check(): Promise<void> {
    await (await this.#ready()).ping();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const client = await this.#connecting?.catch(() => undefined);
    for (const queue of this.#queues.values()) await ended(queue);
    this.#queues.clear();
    client?.disconnect();
  }

  async #queue(queue: string): Promise<Queue> {
    const known = this.#queues.get(queue);
    const own = known ?? (await this.#open(queue));
    this.#queues.delete(queue);
    this.#queues.set(queue, own);
    const [oldest] = this.#queues;
    if (this.#queues.size > limits.brokerQueues && oldest !== undefined) {
      this.#queues.delete(oldest[0]);
      await ended(oldest[1]);
    }
    return own;
  }

  async #open(queue: string): Promise<Queue> {
    const { Queue } = await loadBullMq();
    const connection = await this.#client();
    const streams = { events: { maxLen: limits.brokerBatch } };
    const own = new Queue(nameOf(queue), { connection, prefix: this.#parts.prefix, streams });
    // Whoever sends hears of it, too.
    own.on('error', () => undefined);
    return own;
  }

  // Without it, the client would only say that it cannot write.
  async #ready(): Promise<Redis> {
    const client = await this.#client();
    if (client.status !== 'ready') throw this.#reason ?? new Error('Redis cannot be reached');
    return client;
  }

  #client(): Promise<Redis> {
    if (this.#isClosed) return Promise.reject(new Error('the connection is closed'));
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  async #connect(): Promise<Redis> {
    const { Redis } = (await import('ioredis')).default;
    const client = new Redis({
      ...this.#parts.place,
      lazyConnect: true,
      connectTimeout: limits.brokerReplyMs,
      // BullMQ wants it so; how long is waited is bounded by whoever waits.
      maxRetriesPerRequest: null,
      enableOfflineQueue: false,
      retryStrategy: () => limits.brokerRetryMs,
    });
    // Told of by those whose commands fail.
    client.on('error', (error: Error) => {
      this.#reason = error;
    });
    client.on('ready', () => {
      this.#reason = undefined;
    });
    await client.connect().catch(() => undefined);
    return client;
  }
}

function nameOf(queue: string): string {
  return messageQueueName(queue, { most: 128 });
}

async function ended(queue: Queue): Promise<void> {
  await queue.close().catch(() => undefined);
}
