// What is counted beside the calls of limits, in the same place. Invariant: a key that is counted is kept as
// a digest: it may be longer than its column, and the name of somebody.
import { createHash } from 'node:crypto';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import type { Tally } from '../../core/limiter.ts';
import type { CounterEngine } from './engine.ts';

/** What it takes. */
export interface SharedTallyParts {
  readonly engine: CounterEngine;
  /** Begins with a letter, as no limit does. */
  readonly name: string;
  readonly periodSeconds: number;
}

/** Counts where an engine does. */
export class SharedTally implements Tally {
  readonly #parts: SharedTallyParts;
  #limiter: Promise<RateLimiterAbstract> | undefined;

  constructor(parts: SharedTallyParts) {
    this.#parts = parts;
  }

  async read(key: string): Promise<number> {
    const limiter = await this.#open();
    return (await limiter.get(digest(key)))?.consumedPoints ?? 0;
  }

  async add(key: string): Promise<number> {
    const limiter = await this.#open();
    return (await limiter.penalty(digest(key), 1)).consumedPoints;
  }

  async takeBack(key: string): Promise<void> {
    await (await this.#open()).reward(digest(key), 1);
  }

  async clear(key: string): Promise<void> {
    await (await this.#open()).delete(digest(key));
  }

  // There is no most here: whoever asks decides by the number.
  #open(): Promise<RateLimiterAbstract> {
    const { engine, name, periodSeconds } = this.#parts;
    this.#limiter ??= engine.limiter({ points: 1, keyPrefix: name, duration: periodSeconds });
    return this.#limiter;
  }
}

function digest(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
