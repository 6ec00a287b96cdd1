// A link to a beanstalkd. Invariants: one connection sends, and each queue that is listened to has its own,
// by whose end beanstalkd knows that its worker is gone.
import { limits } from '../../core/limits.ts';
import type { LinkHealth, Listening, Message, MessageLink, Taker } from '../message-link.ts';
import { messageQueueName } from '../message-queue-name.ts';
import { BeanstalkListening } from './listening.ts';
import type { BeanstalkPlace } from './place.ts';
import { connect, type Wire } from './wire.ts';

/** What a link to a beanstalkd is made with. */
export interface BeanstalkLinkParts {
  readonly place: BeanstalkPlace;
  /** How the names of tubes begin. */
  readonly before: string;
}

/** What beanstalkd takes for the name of a tube. */
const nameChars = 200;

/** Tubes of a beanstalkd. */
export class BeanstalkLink implements MessageLink {
  readonly #parts: BeanstalkLinkParts;
  #wire: Promise<Wire> | undefined;
  #isClosed = false;

  constructor(parts: BeanstalkLinkParts) {
    this.#parts = parts;
  }

  async send(queue: string, messages: readonly Message[]): Promise<void> {
    const wire = await this.#sender();
    const tube = this.#tube(queue);
    await wire.ask(async (client) => {
      await client.use(tube);
      for (const { text, delayMs } of messages) {
        const delay = Math.ceil(delayMs / 1_000);
        await client.put(text, { delay, ttr: limits.brokerHoldMs / 1_000 });
      }
    });
  }

  listen(queue: string, taker: Taker, health: LinkHealth): Listening {
    return new BeanstalkListening({ place: this.#parts.place, tube: this.#tube(queue), taker, health });
  }

  async check(): Promise<void> {
    const wire = await this.#sender();
    await wire.ask((client) => client.listTubeUsed());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const wire = await this.#wire?.catch(() => undefined);
    wire?.end();
  }

  async #sender(): Promise<Wire> {
    const known = await this.#wire?.catch(() => undefined);
    if (known !== undefined && !known.isGone) return known;
    if (this.#isClosed) throw new Error('the connection is closed');
    this.#wire = connect(this.#parts.place);
    const wire = await this.#wire;
    // It may have been closed meanwhile.
    if (this.#isClosed) wire.end();
    return wire;
  }

  #tube(queue: string): string {
    return messageQueueName(queue, { before: this.#parts.before, most: nameChars });
  }
}
