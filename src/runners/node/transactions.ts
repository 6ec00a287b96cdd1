// `platform.transaction`: what a function does is kept when it returns, and undone when it throws.
// Invariant: calls join the transaction in whose function they are made, whatever else runs at the same
// time; it ends after the last of them was answered.
import { AsyncLocalStorage } from 'node:async_hooks';
import { steps } from '../protocol.ts';
import type { ApiResponse } from './api-call.ts';
import { throwRefusal } from './refusal.ts';

/** A step as it is sent. */
export interface StepRequest {
  readonly step: number;
  readonly transaction: number;
  readonly outer: number;
  readonly service: string;
}

/** Where the steps of a run go: `send` answers later, `sendNow` before it returns. */
export interface StepSender {
  send(request: StepRequest): Promise<ApiResponse>;
  sendNow(request: StepRequest): ApiResponse;
}

/** A call that is answered later, as far as its transaction needs to know it. */
interface Joined {
  readonly calls: Set<object>;
  /** Tells whoever waits for the last answer. */
  idle: (() => void) | undefined;
}

type Work = () => unknown;

/** What is done in the function of a transaction. */
interface Place {
  /** What one run left is no place for another. */
  readonly of: Transactions;
  readonly transaction: number;
}

// Made with the process: a storage that came with a run would be a trace of it.
const current = new AsyncLocalStorage<Place>();

/** The transactions of one run. */
export class Transactions {
  readonly #sender: StepSender;
  readonly #joined = new Map<number, Joined>();
  #last = 0;
  // That of a script whose calls are answered at once.
  #now = 0;

  constructor(sender: StepSender) {
    this.#sender = sender;
  }

  /** The number of the transaction that a call made now joins; 0: none. */
  get current(): number {
    if (this.#last === 0 || this.#now !== 0) return this.#now;
    const place = current.getStore();
    return place?.of === this ? place.transaction : 0;
  }

  /** A call was made in a transaction. */
  add(transaction: number, call: object): void {
    this.#joined.get(transaction)?.calls.add(call);
  }

  /** Hands over an answer inside the transaction of its call, so that what a callback does joins it, too. */
  answered(transaction: number, call: object, answer: () => void): void {
    if (transaction === 0) {
      answer();
      return;
    }
    try {
      current.run({ of: this, transaction }, answer);
    } finally {
      const joined = this.#joined.get(transaction);
      joined?.calls.delete(call);
      if (joined?.calls.size === 0) joined.idle?.();
    }
  }

  /** `platform.transaction(fn)` and `platform.transaction(service, fn)`. */
  readonly run = async (...given: unknown[]): Promise<unknown> => {
    const { service, work } = read(given);
    const outer = this.current;
    const transaction = ++this.#last;
    const joined: Joined = { calls: new Set(), idle: undefined };
    await this.#take({ step: steps.begin, transaction, outer, service });
    this.#joined.set(transaction, joined);
    try {
      const value = await current.run({ of: this, transaction }, async () => work());
      await this.#idle(joined);
      await this.#take({ step: steps.commit, transaction, outer, service });
      return value;
    } catch (thrown) {
      await this.#sender.send({ step: steps.rollback, transaction, outer, service });
      throw thrown;
    } finally {
      this.#joined.delete(transaction);
    }
  };

  /** The same for scripts whose calls are answered at once. */
  readonly runNow = (...given: unknown[]): unknown => {
    const { service, work } = read(given);
    const outer = this.#now;
    const transaction = ++this.#last;
    const take = (step: number) => this.#sender.sendNow({ step, transaction, outer, service });
    throwRefusal(take(steps.begin));
    this.#now = transaction;
    try {
      const value = work();
      throwRefusal(take(steps.commit));
      return value;
    } catch (thrown) {
      take(steps.rollback);
      throw thrown;
    } finally {
      this.#now = outer;
    }
  };

  async #take(request: StepRequest): Promise<void> {
    throwRefusal(await this.#sender.send(request));
  }

  // Callbacks may make further calls.
  async #idle(joined: Joined): Promise<void> {
    while (joined.calls.size > 0) await new Promise<void>((resolve) => (joined.idle = resolve));
  }
}

function read(given: readonly unknown[]): { readonly service: string; readonly work: Work } {
  const [first, second] = given;
  const work = typeof first === 'function' ? first : second;
  const isNamed = typeof first === 'string' && first !== '';
  if (typeof work !== 'function' || (work === second && !isNamed)) {
    throw new TypeError('platform.transaction takes a function, or the name of a service and a function.');
  }
  return { service: isNamed ? first : '', work: work as Work };
}
