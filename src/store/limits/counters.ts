// Counters of limits, wherever they are kept. The package that counts is loaded with the first limit.
// Invariant: when the place cannot be reached, calls are still limited: each process counts for itself.
import type { RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Count, CountedLimit, LimitCounter, LimitCounters, Tally } from '../../core/limiter.ts';
import { limits } from '../../core/limits.ts';
import { type CounterEngine, prefixOf } from './engine.ts';
import { SharedTally } from './tally.ts';

/** Counters of an engine. */
export class InsuredCounters implements LimitCounters {
  readonly #engine: CounterEngine;
  #limiters = new Map<number, Limiter>();

  constructor({ engine }: { readonly engine: CounterEngine }) {
    this.#engine = engine;
  }

  async prepare(counted: readonly CountedLimit[]): Promise<void> {
    const made = await Promise.all(counted.map((limit) => this.#limiter(limit)));
    this.#limiters = new Map(made.map((limiter) => [limiter.limit.id, limiter]));
  }

  async take(limitId: number, who: string): Promise<Count | undefined> {
    const limiter = this.#limiters.get(limitId);
    if (limiter === undefined) return undefined;
    try {
      return countOf(await limiter.counter.consume(who), false);
    } catch (refusal) {
      if (refusal instanceof Error) throw refusal;
      return countOf(refusal as RateLimiterRes, true);
    }
  }

  list(limitId?: number): Promise<readonly LimitCounter[]> {
    return this.#engine.list(limitId);
  }

  reset(limitId?: number): Promise<void> {
    return this.#engine.reset(limitId);
  }

  tally(name: string, periodSeconds: number): Tally {
    return new SharedTally({ engine: this.#engine, name, periodSeconds });
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  // What stays as it is goes on with what it has counted in memory.
  async #limiter(limit: CountedLimit): Promise<Limiter> {
    const { id, rate, periodSeconds } = limit;
    const known = this.#limiters.get(id);
    if (known?.limit.rate === rate && known.limit.periodSeconds === periodSeconds) return known;
    const { RateLimiterMemory } = (await import('rate-limiter-flexible')).default;
    const rule = { points: rate, keyPrefix: prefixOf(id) };
    const duration = Math.min(periodSeconds, limits.limitMemorySeconds);
    const insuranceLimiter = new RateLimiterMemory({ ...rule, duration });
    const counter = await this.#engine.limiter({ ...rule, duration: periodSeconds, insuranceLimiter });
    return { limit, counter };
  }
}

interface Limiter {
  readonly limit: CountedLimit;
  readonly counter: RateLimiterAbstract;
}

function countOf({ consumedPoints, msBeforeNext }: RateLimiterRes, isExceeded: boolean): Count {
  return { isExceeded, used: consumedPoints, resetMs: Math.max(0, msBeforeNext) };
}
