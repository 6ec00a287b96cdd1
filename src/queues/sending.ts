// Notes on their way to a broker. Invariants: who queues runs never waits for a broker; while one is away
// nothing is kept for it, because workers find what they were to be told of.
import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../core/limits.ts';
import { type MessageLink, textOf, within } from './message-link.ts';
import type { Outage } from './outage.ts';
import type { RunNote } from './transport.ts';

/** What sending takes. */
export interface SendingParts {
  readonly link: Pick<MessageLink, 'send' | 'check'>;
  readonly outage: Outage;
}

const part = 'sending';

/** Sends notes, those of one queue together. */
export class Sending {
  readonly #parts: SendingParts;
  readonly #waiting = new Map<string, RunNote[]>();
  readonly #ended = new AbortController();
  #count = 0;
  #pauseMs = limits.brokerRetryMs;
  /** Whether the broker answers again, and has not yet taken anything. */
  #isOnTrial = false;
  #sent: Promise<void> | undefined;
  #probed: Promise<void> | undefined;

  constructor(parts: SendingParts) {
    this.#parts = parts;
  }

  add(notes: readonly RunNote[]): void {
    if (this.#ended.signal.aborted || this.#parts.outage.isFailing(part)) return;
    for (const note of notes) this.#keep(note);
    if (this.#count > 0) this.#sent ??= this.#send().finally(() => (this.#sent = undefined));
  }

  /** Resolves when what waits is sent, or cannot be. */
  async end(): Promise<void> {
    await this.#sent;
    this.#ended.abort();
    await this.#probed;
    this.#parts.outage.succeeded(part);
  }

  // So many workers are woken by the notes of one queue at once that the others would find nothing.
  #keep(note: RunNote): void {
    if (note.delayMs > limits.brokerDelayMs || this.#count >= limits.brokerWaiting) return;
    const same = this.#waiting.get(note.queue);
    if (same === undefined) this.#waiting.set(note.queue, [note]);
    else if (same.length < limits.brokerBatch) same.push(note);
    else return;
    this.#count += 1;
  }

  async #send(): Promise<void> {
    // What is queued in this turn of the event loop leaves together.
    await undefined;
    for (const [queue, notes] of this.#waiting) {
      this.#waiting.delete(queue);
      this.#count -= notes.length;
      const messages = notes.map((note) => ({ text: textOf(note), delayMs: note.delayMs }));
      try {
        await within(limits.brokerReplyMs, this.#parts.link.send(queue, messages));
        this.#pauseMs = limits.brokerRetryMs;
        this.#isOnTrial = false;
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
  }

  #failed(error: unknown): void {
    this.#waiting.clear();
    this.#count = 0;
    this.#parts.outage.failed(part, error);
    if (this.#isOnTrial) this.#pauseMs = Math.min(2 * this.#pauseMs, limits.brokerRetryMostMs);
    this.#probed ??= this.#probe().finally(() => (this.#probed = undefined));
  }

  // One asks whether it is back, so that no request has to find out.
  async #probe(): Promise<void> {
    const { signal } = this.#ended;
    const { link, outage } = this.#parts;
    while (!signal.aborted) {
      await pause(this.#pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await within(limits.brokerReplyMs, link.check());
        outage.succeeded(part);
        this.#isOnTrial = true;
        return;
      } catch (error) {
        outage.failed(part, error);
      }
    }
  }
}
