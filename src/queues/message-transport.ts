// A transport by a broker. Invariants: it carries ids and nothing else; whoever queues runs never waits for
// the broker; what the broker loses, repeats, or was given by others costs a look at the run store at most.
import { limits } from '../core/limits.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import { Following } from './following.ts';
import { idIn, type MessageLink, within } from './message-link.ts';
import { Outage, reasonOf } from './outage.ts';
import { Sending } from './sending.ts';
import type { Hear, HeardNote, RunNote, Transport, TransportSettings } from './transport.ts';

/** The transport by a broker that a link leads to. */
export function messageTransport(settings: MessageTransportParts['settings'], link: MessageLink): Transport {
  return new MessageTransport({ settings, link });
}

/** What a transport by a broker is made with. */
interface MessageTransportParts {
  readonly settings: Pick<TransportSettings, 'connection' | 'defaultQueue' | 'store' | 'observe'>;
  readonly link: MessageLink;
}

/** Lets workers hear of runs by a broker. */
class MessageTransport implements Transport {
  readonly isWorked = true;
  readonly #parts: MessageTransportParts;
  readonly #outage: Outage;
  readonly #sending: Sending;
  readonly #followings = new Set<Following>();
  /** Those that end. */
  readonly #ending = new Set<Promise<void>>();
  /** Messages of others, by queue, since they were told of. */
  readonly #refused = new Map<string, number>();
  #toldRefused = Number.NEGATIVE_INFINITY;

  constructor(parts: MessageTransportParts) {
    this.#parts = parts;
    const { settings, link } = parts;
    this.#outage = new Outage(settings);
    this.#sending = new Sending({ link, outage: this.#outage });
  }

  keep(run: NewQueuedRun): NewQueuedRun {
    return run;
  }

  async push(notes: readonly RunNote[]): Promise<void> {
    this.#sending.add(notes);
  }

  consume(hear: Hear, queues: readonly string[]): () => void {
    const { settings, link } = this.#parts;
    let isOver = false;
    const take = async (queue: string, texts: readonly string[]) => {
      const notes = this.#notesIn(queue, texts);
      if (notes.length === 0) return true;
      return !isOver && (await hear(notes));
    };
    const { connection, defaultQueue } = settings;
    const own = { connection, defaultQueue, store: settings.store.queue, link, outage: this.#outage };
    const following = new Following({ ...own, queues, take });
    this.#followings.add(following);
    return () => {
      isOver = true;
      this.#end(following);
    };
  }

  async flaw(): Promise<string | undefined> {
    try {
      await within(limits.brokerReplyMs, this.#parts.link.check());
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  async close(): Promise<void> {
    for (const following of this.#followings) this.#end(following);
    await Promise.all([...this.#ending, this.#sending.end()]);
    await this.#parts.link.close();
  }

  #end(following: Following): void {
    if (!this.#followings.delete(following)) return;
    const ended: Promise<void> = following.end().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #notesIn(queue: string, texts: readonly string[]): HeardNote[] {
    const ids = texts.map(idIn).filter((id) => id !== undefined);
    if (ids.length < texts.length) this.#refuse(queue, texts.length - ids.length);
    return ids.map((id) => ({ id, queue }));
  }

  // Somebody may fill a queue: that is told of once in a while.
  #refuse(queue: string, count: number): void {
    this.#refused.set(queue, (this.#refused.get(queue) ?? 0) + count);
    const now = performance.now();
    if (now - this.#toldRefused < limits.brokerTellMs) return;
    this.#toldRefused = now;
    const { connection, observe } = this.#parts.settings;
    for (const [of, all] of this.#refused) {
      observe({ kind: 'broker.refused', connection, place: of, count: all });
    }
    this.#refused.clear();
  }
}
