// Slows down guessing of passwords: failed logins per account and per network address within a quarter of an
// hour.
// Invariant: keys come from the account and the connection alone, never from what a caller can write into a
// header.
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

interface Attempts {
  failed: number[];
  /** Attempts at an account that are being checked now. */
  pending: number[];
}

/** Counts failed logins in memory, for this process. */
export class LoginThrottle {
  readonly #attempts = new LRUCache<string, Attempts>({ max: limits.loginKeys });
  readonly #now: () => number;

  constructor({ now = Date.now }: { readonly now?: () => number } = {}) {
    this.#now = now;
  }

  /**
   * To be asked before a password is checked. Throws `access.too_many_attempts`. For an account it also notes
   * that an attempt is under way, so that a thousand guesses sent at once are not all let through.
   */
  check(key: string): void {
    const now = this.#now();
    const attempts = this.#attempts.get(key) ?? { failed: [], pending: [] };
    attempts.failed = attempts.failed.filter((time) => now - time < limits.loginWindowMs);
    attempts.pending = attempts.pending.filter((time) => now - time < limits.requestTimeoutMs);
    if (attempts.failed.length + attempts.pending.length >= limits.loginAttempts) throw tooMany();
    if (!key.startsWith('account:')) return;
    attempts.pending.push(now);
    this.#attempts.set(key, attempts);
  }

  /** Ends an attempt of which nothing can be said: neither right nor wrong. */
  release(key: string): void {
    this.#attempts.get(key)?.pending.shift();
  }

  /** For what is limited whether or not it succeeds, such as mails. Throws `access.too_many_attempts`. */
  count(key: string): void {
    this.check(key);
    this.fail(key);
  }

  /** Notes that the password was wrong. */
  fail(key: string): void {
    const attempts = this.#attempts.get(key) ?? { failed: [], pending: [] };
    attempts.pending.shift();
    if (attempts.failed.length < limits.loginAttempts) attempts.failed.push(this.#now());
    this.#attempts.set(key, attempts);
  }

  /** Notes that the password was right: what failed before is forgotten. */
  succeed(key: string): void {
    this.#attempts.delete(key);
  }
}

/** The keys of a login: the account as written, in lower case, and the address of the connection. */
export function loginKeys(account: string, address: string | undefined): readonly [string, string] {
  return [`account:${account.trim().toLowerCase()}`, `address:${address ?? 'inside'}`];
}

function tooMany(): PlatformError {
  const minutes = limits.loginWindowMs / 60_000;
  return new PlatformError(
    'access.too_many_attempts',
    `Too many failed logins, or mails asked for. Wait up to ${minutes} minutes and try again.`,
  );
}
