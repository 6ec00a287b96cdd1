// Messages between the servers on one PostgreSQL: NOTIFY and LISTEN. Invariant: a lost connection is made
// again for as long as somebody listens, and who listens is told that something may have been missed.
import type { Client, Pool } from 'pg';
import { limits } from '../core/limits.ts';
import type { Channel } from './queue/signal.ts';

const name = 'tenon_queue';

/** The channel of a database; `connect` makes the connection that is for listening alone. */
export function postgresChannel(pool: Pool, connect: () => Client): Channel {
  return {
    send: async (text) => {
      await pool.query('select pg_notify($1, $2)', [name, text]);
    },
    receive: (tell) => {
      const receiver = new Receiver(connect, tell);
      receiver.start();
      return receiver;
    },
  };
}

class Receiver {
  readonly #connect: () => Client;
  readonly #tell: (text: string | undefined) => void;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #starting: Promise<void> = Promise.resolve();

  constructor(connect: () => Client, tell: (text: string | undefined) => void) {
    this.#connect = connect;
    this.#tell = tell;
  }

  start(): void {
    this.#starting = this.#listen().catch(() => this.#again());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#starting;
    await this.#client?.end().catch(() => undefined);
  }

  async #listen(): Promise<void> {
    const client = this.#connect();
    // An event `error` that nobody listens to would end the process.
    client.on('error', () => undefined);
    client.on('end', () => this.#again(client));
    client.on('notification', ({ payload }) => this.#tell(payload ?? ''));
    this.#client = client;
    await client.connect();
    await client.query(`listen ${name}`);
    this.#tell(undefined);
  }

  #again(lost?: Client): void {
    if (this.#isStopped || (lost !== undefined && lost !== this.#client)) return;
    const client = this.#client;
    this.#client = undefined;
    client?.end().catch(() => undefined);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), limits.queueSignalPauseMs);
    this.#timer.unref();
  }
}
