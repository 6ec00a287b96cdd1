// A known user together with the principals that he is, one per API key he comes with.
// Invariant: as long as the user stays the same, so do the principal objects: others keep what they know of
// them by identity.
import { LRUCache } from 'lru-cache';
import { limits } from '../core/limits.ts';
import type { Principal } from '../core/operation.ts';
import type { UserRecord } from '../core/store.ts';
import { isSameUser, userPrincipal } from './principal.ts';

/** A user who was let in. */
export class Identity {
  readonly sessionId: string | null;
  #user: UserRecord;
  #plain: Principal;
  #keyed: LRUCache<string, Principal> | undefined;
  #checkedAt: number;

  constructor(sessionId: string | null, user: UserRecord, now: number) {
    this.sessionId = sessionId;
    this.#user = user;
    this.#plain = userPrincipal(user, { sessionId, apiKey: null });
    this.#checkedAt = now;
  }

  /** The record that was read last. */
  get user(): UserRecord {
    return this.#user;
  }

  /** Whether the user was looked up a moment ago. */
  isFresh(now: number): boolean {
    return now - this.#checkedAt < limits.sessionCacheMs;
  }

  /** Takes over a record that was just read. */
  renew(user: UserRecord, now: number): void {
    this.#checkedAt = now;
    if (!isSameUser(user, this.#user)) {
      this.#plain = userPrincipal(user, { sessionId: this.sessionId, apiKey: null });
      this.#keyed = undefined;
    }
    this.#user = user;
  }

  /** The principal that the user is with an API key, or without. */
  principal(apiKey: string | null): Principal {
    if (apiKey === null) return this.#plain;
    this.#keyed ??= new LRUCache({ max: limits.apiKeyCache });
    let principal = this.#keyed.get(apiKey);
    if (principal === undefined) {
      principal = { ...this.#plain, apiKey };
      if (apiKey.length <= limits.apiKeyChars) this.#keyed.set(apiKey, principal);
    }
    return principal;
  }
}
