// Slows down guessing of passwords: failed logins per account and per network address within a quarter of an
// hour that begins with the first, counted by all servers together.
// Invariant: keys come from the account and the connection alone, never from what a caller can write into a
// header; where the shared count cannot be reached, this process counts by itself.
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../core/errors.ts';
import type { Tally } from '../core/limiter.ts';
import { limits } from '../core/limits.ts';
import { MemoryTally } from './memory-tally.ts';

/** What it takes. */
export interface LoginThrottleParts {
  /** Where all servers count; absent: this process alone. */
  readonly shared?: Tally;
  readonly now?: () => number;
}

/** Counts failed logins. */
export class LoginThrottle {
  readonly #own: Tally;
  readonly #shared: Tally | undefined;
  readonly #now: () => number;
  /** Keys that were refused a moment ago, so that a flood of guesses is no flood of counting. */
  readonly #refused = new LRUCache<string, number>({ max: limits.loginKeys });

  constructor({ shared, now = Date.now }: LoginThrottleParts = {}) {
    this.#own = new MemoryTally({ periodMs: limits.loginWindowMs, now });
    this.#shared = shared;
    this.#now = now;
  }

  /**
   * To be asked before a password is checked. Throws `access.too_many_attempts`. An attempt at an account
   * counts as failed until something else is said of it, so that a thousand guesses sent at once, to however
   * many servers, are not all let through.
   */
  async check(key: string): Promise<void> {
    this.#refuseAgain(key);
    if (!isAccount(key)) {
      if ((await this.#count((tally) => tally.read(key))) >= limits.loginAttempts) throw this.#refusal(key);
      return;
    }
    if ((await this.#count((tally) => tally.add(key))) <= limits.loginAttempts) return;
    await this.release(key);
    throw this.#refusal(key);
  }

  /** Does what an attempt consists of; when that fails, it was neither right nor wrong. */
  async during<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.release(key);
      throw error;
    }
  }

  /** Ends an attempt of which nothing can be said: neither right nor wrong. */
  async release(key: string): Promise<void> {
    if (isAccount(key)) await this.#count((tally) => tally.takeBack(key));
  }

  /** For what is limited whether or not it succeeds, such as mails. Throws `access.too_many_attempts`. */
  async count(key: string): Promise<void> {
    this.#refuseAgain(key);
    if ((await this.#count((tally) => tally.add(key))) > limits.loginAttempts) throw this.#refusal(key);
  }

  /** Notes that the password was wrong, of an attempt that was checked. */
  async fail(key: string): Promise<void> {
    if (!isAccount(key)) await this.note(key);
  }

  /** Notes a failure of which nobody asked before whether it may be tried. */
  async note(key: string): Promise<void> {
    await this.#count((tally) => tally.add(key));
  }

  /** Notes that the password was right: what failed before is forgotten. */
  async succeed(key: string): Promise<void> {
    await this.#count((tally) => tally.clear(key));
  }

  #refuseAgain(key: string): void {
    if ((this.#refused.get(key) ?? 0) > this.#now()) throw tooMany();
  }

  #refusal(key: string): PlatformError {
    this.#refused.set(key, this.#now() + limits.limitSpentMs);
    return tooMany();
  }

  async #count<T>(work: (tally: Tally) => Promise<T>): Promise<T> {
    if (this.#shared === undefined) return work(this.#own);
    // Whoever counts there tells once that it cannot be reached.
    return work(this.#shared).catch(() => work(this.#own));
  }
}

/** The keys of a login: the account as written, in lower case, and the address of the connection. */
export function loginKeys(account: string, address: string | undefined): readonly [string, string] {
  return [`account:${account.trim().toLowerCase()}`, `address:${address ?? 'inside'}`];
}

function isAccount(key: string): boolean {
  return key.startsWith('account:');
}

function tooMany(): PlatformError {
  const minutes = limits.loginWindowMs / 60_000;
  return new PlatformError(
    'access.too_many_attempts',
    `Too many failed logins, or mails asked for. Wait up to ${minutes} minutes and try again.`,
  );
}
