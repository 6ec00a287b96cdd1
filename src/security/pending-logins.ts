// Logins begun at a provider of identities, until the browser comes back from there. Invariant: each
// is finished once, in time, by the process that began it, and by nobody but whom it was begun for.
import { createHash, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { limits } from '../core/limits.ts';
import type { IdentityProvider, LoginTicket } from '../core/service.ts';

/** What is known of a login under way. */
export interface PendingLogin {
  /** Name of the service. */
  readonly service: string;
  /** As it was then: a login does not outlive a change of its provider's configuration. */
  readonly provider: IdentityProvider;
  readonly ticket: LoginTicket;
  /** Who wants to be known by the identity; null: whoever it is wants to log in. */
  readonly userId: number | null;
  /** What the client must show when it comes back; undefined: nothing. */
  readonly binding: string | undefined;
  /** Network address of the client. */
  readonly address: string | undefined;
}

interface Kept extends Omit<PendingLogin, 'binding'> {
  readonly binding: Buffer | undefined;
  readonly expiresAt: number;
}

/** Keeps logins in memory. */
export class PendingLogins {
  readonly #now: () => number;
  // So that one address cannot push out everybody else's.
  readonly #byAddress = new Map<string, Set<string>>();
  readonly #logins = new LRUCache<string, Kept>({
    max: limits.pendingLogins,
    dispose: ({ address }, state) => this.#forget(address, state),
  });

  constructor({ now = Date.now }: { readonly now?: () => number } = {}) {
    this.#now = now;
  }

  /** Keeps a login that was begun. */
  add(login: PendingLogin): void {
    const { state } = login.ticket;
    const binding = login.binding === undefined ? undefined : digest(login.binding);
    const states = this.#byAddress.get(login.address ?? '') ?? new Set();
    const [oldest] = states;
    if (states.size >= limits.pendingLoginsOfAddress && oldest !== undefined) this.#logins.delete(oldest);
    this.#byAddress.set(login.address ?? '', states.add(state));
    this.#logins.set(state, { ...login, binding, expiresAt: this.#now() + limits.pendingLoginMs });
  }

  /**
   * The login of a state, which is gone then, good or not; undefined when there is none, its time is over, or
   * `userId` or `binding` are not those that it was begun with.
   */
  take(state: string, shown: Pick<PendingLogin, 'userId' | 'binding'>): PendingLogin | undefined {
    const login = this.#logins.get(state);
    if (login === undefined) return undefined;
    this.#logins.delete(state);
    if (login.expiresAt <= this.#now() || login.userId !== shown.userId) return undefined;
    if (login.binding === undefined) return { ...login, binding: undefined };
    const isBound = shown.binding !== undefined && timingSafeEqual(login.binding, digest(shown.binding));
    return isBound ? { ...login, binding: shown.binding } : undefined;
  }

  #forget(address: string | undefined, state: string): void {
    const states = this.#byAddress.get(address ?? '');
    states?.delete(state);
    if (states?.size === 0) this.#byAddress.delete(address ?? '');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
