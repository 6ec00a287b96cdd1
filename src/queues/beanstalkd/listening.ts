// Messages of a tube. Invariant: beanstalkd gives those to others that are held for too long, or whose
// connection ends; all others are deleted once their worker has looked.
import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../../core/limits.ts';
import type { LinkHealth, Listening, Taker } from '../message-link.ts';
import type { BeanstalkPlace } from './place.ts';
import { connect, isAnswer, type Wire } from './wire.ts';

/** What listening to a tube takes. */
export interface BeanstalkListeningParts {
  readonly place: BeanstalkPlace;
  readonly tube: string;
  readonly taker: Taker;
  readonly health: LinkHealth;
}

interface Reserved {
  readonly id: string;
  readonly text: string;
}

/** Takes the messages of a tube until it is ended. */
export class BeanstalkListening implements Listening {
  readonly #parts: BeanstalkListeningParts;
  readonly #ended = new AbortController();
  readonly #over: Promise<void>;
  #wire: Wire | undefined;

  constructor(parts: BeanstalkListeningParts) {
    this.#parts = parts;
    this.#over = this.#run();
  }

  async end(): Promise<void> {
    this.#ended.abort();
    this.#wire?.end();
    await this.#over;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        this.#wire ??= await this.#open();
        await this.#some(this.#wire);
      } catch (error) {
        this.#wire?.end();
        this.#wire = undefined;
        if (signal.aborted) return;
        this.#parts.health.failed(error);
        await pause(limits.brokerRetryMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
    this.#wire?.end();
  }

  async #open(): Promise<Wire> {
    const { place, tube } = this.#parts;
    const wire = await connect(place);
    try {
      await wire.ask((client) => client.watch(tube));
      await wire.ask((client) => client.ignore('default'));
    } catch (error) {
      wire.end();
      throw error;
    }
    return wire;
  }

  async #some(wire: Wire): Promise<void> {
    await this.#parts.taker.ready();
    if (this.#ended.signal.aborted) return;
    const first = await reserve(wire, limits.brokerWaitMs);
    this.#parts.health.succeeded();
    if (first === undefined) return;
    const all = [first];
    while (all.length < limits.brokerHeard) {
      const next = await reserve(wire, 0);
      if (next === undefined) break;
      all.push(next);
    }
    const hasLooked = await this.#parts.taker.take(all.map(({ text }) => text));
    for (const { id } of all) await leave(wire, id, hasLooked);
  }
}

async function reserve(wire: Wire, waitMs: number): Promise<Reserved | undefined> {
  try {
    const { id, payload } = await wire.ask((client) => client.reserveWithTimeout(waitMs / 1_000), waitMs);
    return { id, text: Buffer.from(payload as Uint8Array).toString() };
  } catch (error) {
    // Nothing came, or something is held so long already that it is about to go to others.
    if (isAnswer(error)) return undefined;
    throw error;
  }
}

// Where it is not ours any more, somebody else has it.
async function leave(wire: Wire, id: string, hasLooked: boolean): Promise<void> {
  try {
    await wire.ask((client) => (hasLooked ? client.delete(id) : client.release(id)));
  } catch (error) {
    if (!isAnswer(error)) throw error;
  }
}
