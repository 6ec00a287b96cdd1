// On whose authority queued runs are done: whoever set them off, as he is now. Invariant: a run stores ids
// and nothing else of its actor, so that whoever is gone or switched off by then does nothing any more.
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Principal } from '../core/operation.ts';
import type { Store } from '../core/store.ts';
import type { Authority } from './authority.ts';
import { Identity } from './identity.ts';
import type { RunTokens } from './run-tokens.ts';
import { knownUser } from './users.ts';

/** What actors are found with. */
export interface RunActorsParts {
  readonly store: Pick<Store, 'users' | 'userRoles'>;
  readonly authority: Pick<Authority, 'generation' | 'rightsOf' | 'itself' | 'withoutSession' | 'keyOfApp'>;
  readonly runTokens?: Pick<RunTokens, 'of'>;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Who set a run off, by ids. */
export interface RunActor {
  readonly kind: Principal['kind'];
  readonly userId: number | null;
  readonly appId: number | null;
  /** The role that he had. */
  readonly roleId: number | null;
}

/** Finds the actors of queued runs. */
export class RunActors {
  readonly #parts: RunActorsParts;
  readonly #now: () => number;
  readonly #known = new LRUCache<number, Identity>({ max: limits.sessionCache });

  constructor(parts: RunActorsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** The principal of a run. Throws `access.forbidden` when there is none any more. */
  async of(actor: RunActor): Promise<Principal> {
    const { authority } = this.#parts;
    const { kind, userId, appId, roleId } = actor;
    if (kind === 'system') return authority.itself;
    const apiKey = appId === null ? null : this.#keyOf(appId);
    const principal =
      userId === null ? authority.withoutSession(apiKey) : (await this.#user(userId)).principal(apiKey);
    const { isAdmin, role } = principal;
    if (roleId === null || isAdmin || role?.isActive === true) return principal;
    throw gone(`its role ${roleId} is gone or not active, and there is no other`);
  }

  #keyOf(appId: number): string {
    const key = this.#parts.authority.keyOfApp(appId);
    if (key === undefined) throw gone(`app ${appId} is gone or not active`);
    return key;
  }

  // The same principal as long as nothing changes: others keep what they know of it by identity.
  async #user(userId: number): Promise<Identity> {
    const known = this.#known.get(userId);
    const now = this.#now();
    if (known?.isFresh(now) === true) return known;
    const { store, authority, runTokens } = this.#parts;
    const record = await store.users.get(userId);
    if (record?.isActive !== true) {
      this.#known.delete(userId);
      throw gone(`user ${userId} is gone or not active`);
    }
    const user = await knownUser(store, record);
    if (known !== undefined) {
      known.renew(user, now);
      return known;
    }
    const identity = new Identity({ sessionId: null, user, now, authority, runTokens });
    this.#known.set(userId, identity);
    return identity;
  }
}

function gone(why: string): PlatformError {
  return new PlatformError('access.forbidden', `Nobody is there to do it for: ${why}.`);
}
