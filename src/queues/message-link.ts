// The port of brokers: what a transport needs of a system that passes messages on. Invariant: a message is
// small and tells of one run; it is dropped by the broker when a worker has looked, and not before.
import { limits } from '../core/limits.ts';
import type { RunNote } from './transport.ts';

/** A message of ours. */
export interface Message {
  readonly text: string;
  /** How long the broker is to keep it to itself. */
  readonly delayMs: number;
}

/** Who takes the messages of a queue. Neither rejects, nor waits for longer than its listening goes on. */
export interface Taker {
  /** Resolves when there is room for messages. */
  ready(): Promise<void>;
  /** True: they may be dropped, false: others should have them. */
  take(texts: readonly string[]): Promise<boolean>;
}

/** Told how a part of a link is doing, again and again; tells the first of many failures. */
export interface LinkHealth {
  succeeded(): void;
  failed(error: unknown): void;
}

/** Messages of one queue that come until it is ended. */
export interface Listening {
  /** Resolves when nothing is under way; what was taken and not looked for goes to others. */
  end(): Promise<void>;
}

/** A connection to a broker. It connects when it is needed, and again whenever it has to. */
export interface MessageLink {
  /** Rejects when the broker is away, without waiting long. */
  send(queue: string, messages: readonly Message[]): Promise<void>;
  /** Takes messages of a queue, a few at a time, while the broker is there. Never throws. */
  listen(queue: string, taker: Taker, health: LinkHealth): Listening;
  /** Rejects when the broker is away, or does not let us in. */
  check(): Promise<void>;
  /** Ends everything that the listenings have not. */
  close(): Promise<void>;
}

/** What a message says. */
export function textOf({ id }: Pick<RunNote, 'id'>): string {
  return JSON.stringify({ id });
}

/** The id of the run that a message tells of; undefined: it is not one of ours. */
export function idIn(text: string): string | undefined {
  if (text.length > limits.brokerMessageChars) return undefined;
  try {
    const { id } = JSON.parse(text) as { readonly id?: unknown };
    return typeof id === 'string' && id !== '' ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves or rejects as the work does, or rejects after so many milliseconds. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the broker did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // Late failures are of no interest any more.
    work.catch(() => undefined);
  }
}
