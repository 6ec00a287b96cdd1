// Wakes workers when runs were queued. Invariant: it is told after the commit and is a hint alone: what gets
// lost on the way costs time, because workers look by themselves, too.
import { randomUUID } from 'node:crypto';
import type { QueueSignal } from '../../core/queue.ts';

/** How an engine tells other processes; engines that cannot have none. */
export interface Channel {
  send(text: string): Promise<void>;
  /** Calls back for every text, and with undefined when some may have been missed; until it is stopped. */
  receive(tell: (text: string | undefined) => void): { stop(): Promise<void> };
}

/** Who is told that runs were queued on a connection; '' stands for any. */
export interface Told {
  tell(connection: string): void;
}

/** The signal of one process, joined with those of others where the engine has a channel. */
export class Signal implements QueueSignal, Told {
  readonly #channel: Channel | undefined;
  readonly #listeners = new Set<{ readonly connection: string; readonly wake: () => void }>();
  /** Tells our own texts from those of others. */
  readonly #origin = randomUUID();
  /** Connections that others are still to be told of. */
  readonly #unsent = new Set<string>();
  #isSending = false;
  #receiver: { stop(): Promise<void> } | undefined;

  constructor(channel: Channel | undefined) {
    this.#channel = channel;
  }

  listen(connection: string, wake: () => void): () => void {
    const listener = { connection, wake };
    this.#listeners.add(listener);
    this.#receiver ??= this.#channel?.receive((text) => this.#receive(text));
    return () => void this.#listeners.delete(listener);
  }

  tell(connection: string): void {
    this.#wake(connection);
    if (this.#channel === undefined) return;
    this.#unsent.add(connection);
    if (!this.#isSending) void this.#send(this.#channel);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#receiver?.stop();
  }

  // One at a time, so that a thousand pushes make a few signals and not a thousand.
  async #send(channel: Channel): Promise<void> {
    this.#isSending = true;
    for (const connection of this.#unsent) {
      this.#unsent.delete(connection);
      // Who cannot be told looks by himself.
      await channel.send(`${this.#origin} ${connection}`).catch(() => undefined);
    }
    this.#isSending = false;
  }

  #receive(text: string | undefined): void {
    if (text === undefined) this.#wake('');
    else if (!text.startsWith(`${this.#origin} `)) this.#wake(text.slice(text.indexOf(' ') + 1));
  }

  #wake(connection: string): void {
    for (const listener of this.#listeners) {
      if (connection === '' || listener.connection === connection) listener.wake();
    }
  }
}

/** Collects what is told in a transaction, to be passed on when it is committed. */
export class Untold implements Told {
  readonly #connections = new Set<string>();

  tell(connection: string): void {
    this.#connections.add(connection);
  }

  passTo(told: Told): void {
    for (const connection of this.#connections) told.tell(connection);
  }
}
