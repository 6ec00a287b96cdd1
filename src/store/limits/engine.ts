// What differs between the places where counters of limits are kept.
import type { IRateLimiterOptions, RateLimiterAbstract } from 'rate-limiter-flexible';
import type { LimitCounter } from '../../core/limiter.ts';

/** A place for counters. */
export interface CounterEngine {
  /** A limiter of the package that counts there; `options` say how often, under which prefix. */
  limiter(options: IRateLimiterOptions): Promise<RateLimiterAbstract>;
  list(limitId: number | undefined): Promise<readonly LimitCounter[]>;
  reset(limitId: number | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Keys begin with the limit that they belong to: `5:user:3`. */
export function prefixOf(limitId: number): string {
  return String(limitId);
}

/** The counter that a key names. */
export function counterOf(key: string, used: number): LimitCounter {
  const colon = key.indexOf(':');
  return { limitId: Number(key.slice(0, colon)), who: key.slice(colon + 1), used };
}

/**
 * The keys of a limit, or of all: from the first up to, but not including, the second. By bytes: other things
 * that are counted beside limits have keys that begin with a letter.
 */
export function keysOf(limitId: number | undefined): [string, string] {
  // `;` follows `:`, which follows the digits.
  return limitId === undefined ? ['0', ':'] : [`${prefixOf(limitId)}:`, `${prefixOf(limitId)};`];
}
