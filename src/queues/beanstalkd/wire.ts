// One connection to a beanstalkd. Invariants: one command at a time, because the client takes all that comes
// for the answer to the one that it waits for; a command that gets no answer ends the connection with itself.
import type { JackdClient } from 'jackd';
import { limits } from '../../core/limits.ts';
import { within } from '../message-link.ts';
import type { BeanstalkPlace } from './place.ts';

/** A connection that is there, until it is not. */
export class Wire {
  readonly #client: JackdClient;
  #last: Promise<unknown> = Promise.resolve();
  /** Ends the command that waits for its answer. */
  #giveUp: ((reason: Error) => void) | undefined;
  /** Why the connection is gone; undefined: it is there. */
  #gone: Error | undefined;

  constructor(client: JackdClient) {
    this.#client = client;
    const { socket } = client;
    let reason = new Error('beanstalkd closed the connection');
    socket.on('error', (error) => {
      reason = error;
    });
    socket.once('close', () => {
      this.#gone = reason;
      this.#giveUp?.(reason);
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
  }

  get isGone(): boolean {
    return this.#gone !== undefined;
  }

  /** Has the client do something when it has done all else; an answer may take so long. */
  ask<T>(command: (client: JackdClient) => Promise<T>, waitMs = 0): Promise<T> {
    const asked = this.#last.then(() => this.#ask(command, waitMs));
    this.#last = asked.catch(() => undefined);
    return asked;
  }

  /** What it holds goes to others. */
  end(): void {
    this.#client.socket.destroy();
  }

  async #ask<T>(command: (client: JackdClient) => Promise<T>, waitMs: number): Promise<T> {
    if (this.#gone !== undefined) throw this.#gone;
    const answered = new Promise<T>((resolve, reject) => {
      this.#giveUp = reject;
      command(this.#client).then(resolve, reject);
    });
    try {
      return await within(waitMs + limits.brokerReplyMs, answered);
    } catch (error) {
      if (!isAnswer(error)) this.end();
      throw error;
    }
  }
}

/** Connects to a beanstalkd, or rejects before long. */
export async function connect({ host, port }: BeanstalkPlace): Promise<Wire> {
  // A CommonJS module that is its class, which its types do not say.
  const Client = (await import('jackd')).default as unknown as typeof JackdClient;
  const client = new Client();
  const connected = client.connect({ host, port });
  try {
    await within(limits.brokerReplyMs, connected);
  } catch (error) {
    client.socket.on('error', () => undefined);
    client.socket.destroy();
    throw error;
  }
  return new Wire(client);
}

/** Whether the server said it: then the connection is as it was. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Error && /^[A-Z_]+$/.test(error.message);
}
