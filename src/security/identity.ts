// A known user together with the principals that he is, one per API key he comes with.
// Invariant: as long as the user and what roles grant stay the same, so do the principal objects: others keep
// what they know of them by identity.
import { LRUCache } from 'lru-cache';
import { limits } from '../core/limits.ts';
import type { Principal } from '../core/operation.ts';
import type { UserRecord } from '../core/store.ts';
import type { Authority } from './authority.ts';
import { isSameUser, userPrincipal } from './principal.ts';
import type { RunTokens } from './run-tokens.ts';
import type { KnownUser } from './users.ts';

/** What an identity is made of. */
export interface IdentityParts {
  readonly sessionId: string | null;
  readonly user: KnownUser;
  /** When the user was looked up, in ms. */
  readonly now: number;
  readonly authority: Pick<Authority, 'generation' | 'rightsOf'>;
  /** Makes what `{session.token}` stands for; without, it stands for nothing. */
  readonly runTokens?: Pick<RunTokens, 'of'> | undefined;
}

/** A user who was let in. */
export class Identity {
  readonly sessionId: string | null;
  readonly #authority: IdentityParts['authority'];
  readonly #runTokens: IdentityParts['runTokens'];
  #user: KnownUser;
  #plain: Principal | undefined;
  #keyed: LRUCache<string, Principal> | undefined;
  #checkedAt: number;
  #generation: number;

  constructor({ sessionId, user, now, authority, runTokens }: IdentityParts) {
    this.sessionId = sessionId;
    this.#authority = authority;
    this.#runTokens = runTokens;
    this.#user = user;
    this.#checkedAt = now;
    this.#generation = authority.generation;
  }

  /** The record that was read last. */
  get user(): UserRecord {
    return this.#user.record;
  }

  /** Whether the user was looked up a moment ago. */
  isFresh(now: number): boolean {
    return now - this.#checkedAt < limits.sessionCacheMs;
  }

  /** Takes over what was just read. */
  renew(user: KnownUser, now: number): void {
    this.#checkedAt = now;
    if (!isSameUser(user, this.#user)) this.#forget();
    this.#user = user;
  }

  /** The principal that the user is with an API key, or without. */
  principal(apiKey: string | null): Principal {
    const { generation } = this.#authority;
    if (generation !== this.#generation) {
      this.#forget();
      this.#generation = generation;
    }
    if (apiKey === null) {
      this.#plain ??= this.#make(null);
      return this.#plain;
    }
    this.#keyed ??= new LRUCache({ max: limits.apiKeyCache });
    let principal = this.#keyed.get(apiKey);
    if (principal === undefined) {
      principal = this.#make(apiKey);
      if (apiKey.length <= limits.apiKeyChars) this.#keyed.set(apiKey, principal);
    }
    return principal;
  }

  #make(apiKey: string | null): Principal {
    const { record } = this.#user;
    const rights = this.#authority.rightsOf(this.#user, apiKey);
    const plain = userPrincipal(record, { sessionId: this.sessionId, apiKey }, rights);
    if (this.#runTokens === undefined) return plain;
    const principal: Principal = { ...plain, sessionToken: () => this.#runTokens?.of(principal) };
    return principal;
  }

  #forget(): void {
    this.#plain = undefined;
    this.#keyed = undefined;
  }
}
