// Tokens that scripts find as their session's: good for a few minutes, so that a script can call this server
// over HTTP as its caller. Invariant: such a token never gives more than its caller has: it stands for his
// session (closing that ends it), its holder counts as a caller from outside, and it cannot be refreshed.
import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { limits } from '../core/limits.ts';
import type { Principal } from '../core/operation.ts';
import { expired } from './tokens.ts';

const prefix = 'run.';

/** Whose a token is. */
export interface RunClaims {
  /** Null: the caller came with HTTP Basic. */
  readonly sessionId: string | null;
  readonly userId: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** A token that was given to a script, and until when further runs may be given the same. */
export interface RunToken {
  readonly token: string;
  readonly renewAt: number;
}

/** Gives tokens to scripts and knows them again. */
export class RunTokens {
  readonly #claims = new LRUCache<string, RunClaims>({ max: limits.sessionCache });
  readonly #now: () => number;
  readonly #own = new WeakMap<Principal, RunToken>();

  constructor({ now = Date.now }: { readonly now?: () => number } = {}) {
    this.#now = now;
  }

  /** A token for the runs of a user; undefined where there is no user, because a key needs no session. */
  issue({ user, sessionId }: Pick<Principal, 'user' | 'sessionId'>): RunToken | undefined {
    if (user === undefined) return undefined;
    const token = prefix + randomBytes(32).toString('base64url');
    const expiresAt = this.#now() + limits.runTokenMs;
    this.#claims.set(token, { sessionId, userId: user.id, expiresAt });
    // Renewed so early that even the longest run that is given it can use it to its end.
    return { token, renewAt: expiresAt - limits.scriptTimeoutMaxMs };
  }

  /** The same token until it grows old: whoever asks often does not push out the tokens of others. */
  of(principal: Principal): string | undefined {
    let own = this.#own.get(principal);
    if (own === undefined || own.renewAt <= this.#now()) {
      own = this.issue(principal);
      if (own !== undefined) this.#own.set(principal, own);
    }
    return own?.token;
  }

  /**
   * Whose a token is; undefined when it has not the form of one of ours. Throws `access.expired_token` for
   * one whose time is over, or that nobody was given.
   */
  claims(token: string): RunClaims | undefined {
    if (!token.startsWith(prefix)) return undefined;
    const claims = this.#claims.get(token);
    if (claims === undefined || claims.expiresAt <= this.#now()) throw expired();
    return claims;
  }
}
