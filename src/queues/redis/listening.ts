// Messages of a queue of BullMQ. Invariants: a few at a time are taken, each by a lock that ends by itself,
// so that those of a worker that is gone come back; a Redis that refuses everything is not asked all the
// time.
import { setTimeout as pause } from 'node:timers/promises';
import type { Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { limits } from '../../core/limits.ts';
import type { LinkHealth, Listening, Taker } from '../message-link.ts';
import { loadBullMq } from './bullmq.ts';

/** What listening to a queue takes. */
export interface RedisListeningParts {
  readonly name: string;
  readonly prefix: string;
  readonly connect: () => Promise<Redis>;
  readonly taker: Taker;
  readonly health: LinkHealth;
}

/** How often a message may come back because its worker was lost; it never becomes a failed one. */
const stalledCount = 1_000_000;

/** Takes the messages of a queue until it is ended. */
export class RedisListening implements Listening {
  readonly #parts: RedisListeningParts;
  readonly #ended = new AbortController();
  readonly #over: Promise<void>;
  #worker: Worker | undefined;
  #token = 0;

  constructor(parts: RedisListeningParts) {
    this.#parts = parts;
    this.#over = this.#run();
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await this.#worker?.close(true).catch(() => undefined);
    await this.#over;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        this.#worker ??= await this.#open();
        await this.#some(this.#worker);
      } catch (error) {
        if (signal.aborted) break;
        this.#parts.health.failed(error);
        await pause(limits.brokerRetryMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
    await this.#worker?.close(true).catch(() => undefined);
  }

  async #open(): Promise<Worker> {
    const { name, prefix, connect, health } = this.#parts;
    const client = await connect();
    const { Worker } = await loadBullMq();
    // Without its own loop, which would ask a Redis that refuses everything as fast as it can.
    const worker = new Worker(name, null, {
      ...{ connection: client, prefix, autorun: false, maxStalledCount: stalledCount },
      ...{ lockDuration: limits.brokerHoldMs, stalledInterval: limits.brokerHoldMs },
      ...{
        drainDelay: limits.brokerWaitMs / 1_000,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      },
    });
    worker.on('error', (error) => {
      if (!this.#ended.signal.aborted) health.failed(error);
    });
    // After a lost connection it sleeps for five seconds that nobody could end.
    worker.delay = (ms = limits.brokerRetryMs) =>
      pause(Math.min(ms, limits.brokerRetryMs), undefined, { ref: false });
    await worker.startStalledCheckTimer();
    return worker;
  }

  async #some(worker: Worker): Promise<void> {
    await this.#parts.taker.ready();
    if (this.#ended.signal.aborted) return;
    const first = await this.#next(worker, true);
    await this.#alive();
    if (first === undefined) return;
    const jobs = [first];
    while (jobs.length < limits.brokerHeard) {
      const job = await this.#next(worker, false);
      if (job === undefined) break;
      jobs.push(job);
    }
    const hasLooked = await this.#parts.taker.take(jobs.map(({ data }) => String(data)));
    for (const job of jobs) await leave(job, hasLooked);
  }

  // A wait that a lost connection ended looks like one that nothing came of.
  async #alive(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    await (await this.#parts.connect()).ping();
    this.#parts.health.succeeded();
  }

  async #next(worker: Worker, block: boolean): Promise<Job | undefined> {
    this.#token += 1;
    return (await worker.getNextJob(`${worker.id}:${this.#token}`, { block })) ?? undefined;
  }
}

// Where it is not ours any more, somebody else has it.
async function leave(job: Job, hasLooked: boolean): Promise<void> {
  const token = job.token ?? '';
  const left = hasLooked ? job.moveToCompleted(null, token, false) : job.moveToWait(token);
  await Promise.resolve(left).catch(() => undefined);
}
