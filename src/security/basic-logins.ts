// HTTP Basic: email and password of a user with every request. Hashing each time would cost 30 ms and more,
// so a password that was right is remembered by a keyed digest, at most limits.basicCacheMs.
// Invariant: a changed password or a deactivated user ends that within limits.sessionCacheMs.
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Principal } from '../core/operation.ts';
import type { Store, UserRecord } from '../core/store.ts';
import type { Authority } from './authority.ts';
import { hasFactor } from './factors.ts';
import { Identity } from './identity.ts';
import type { Passwords } from './passwords.ts';
import { type LoginThrottle, loginKeys } from './throttle.ts';
import { knownUser } from './users.ts';

/** What Basic logins are checked with. */
export interface BasicLoginsParts {
  readonly store: Pick<Store, 'users' | 'userRoles' | 'userFactors'>;
  readonly authority: Pick<Authority, 'generation' | 'rightsOf'>;
  readonly passwords: Passwords;
  readonly throttle: LoginThrottle;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** One request's Basic credentials. */
export interface BasicRequest {
  /** The part of the header after `Basic`: base64 of `email:password`. */
  readonly credentials: string;
  readonly apiKey: string | null;
  readonly remoteAddress: string | undefined;
}

interface Known {
  readonly identity: Identity;
  readonly verifiedAt: number;
}

/** Checks Basic credentials. */
export class BasicLogins {
  readonly #parts: BasicLoginsParts;
  readonly #now: () => number;
  // Under a key of this process, so that a dump of the memory holds no quick hash of a password.
  readonly #digestKey = randomBytes(32);
  readonly #known = new LRUCache<string, Known>({ max: limits.basicCache });
  readonly #checking = new Map<string, Promise<Identity>>();

  constructor(parts: BasicLoginsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** The principal of the credentials. Throws `access.bad_credentials` or `access.too_many_attempts`. */
  async resolve({ credentials, apiKey, remoteAddress }: BasicRequest): Promise<Principal> {
    const digest = createHmac('sha256', this.#digestKey).update(credentials).digest('base64');
    // Requests that come with the same credentials at the same time share one check: one hash, one attempt.
    let checking = this.#checking.get(digest);
    if (checking === undefined) {
      checking = this.#check(digest, credentials, remoteAddress).finally(() => this.#checking.delete(digest));
      this.#checking.set(digest, checking);
    }
    return (await checking).principal(apiKey);
  }

  async #check(digest: string, credentials: string, remoteAddress: string | undefined): Promise<Identity> {
    const known = await this.#remembered(digest);
    if (known !== undefined) return known;
    const { email, password } = readCredentials(credentials);
    const { store, authority } = this.#parts;
    const user = await knownUser(store, await this.#login(email, password, remoteAddress));
    const identity = new Identity({ sessionId: null, user, now: this.#now(), authority });
    this.#known.set(digest, { identity, verifiedAt: this.#now() });
    return identity;
  }

  async #remembered(digest: string): Promise<Identity | undefined> {
    const known = this.#known.get(digest);
    const now = this.#now();
    if (known === undefined || now - known.verifiedAt >= limits.basicCacheMs) return undefined;
    const { identity } = known;
    if (identity.isFresh(now)) return identity;
    const user = await this.#parts.store.users.get(identity.user.id);
    if (user === undefined || !mayLogIn(user)) return undefined;
    if (user.passwordHash !== identity.user.passwordHash) return undefined;
    if (await hasFactor(this.#parts.store, user.id)) return undefined;
    identity.renew(await knownUser(this.#parts.store, user), now);
    return identity;
  }

  async #login(email: string, password: string, remoteAddress: string | undefined): Promise<UserRecord> {
    const { store, passwords, throttle } = this.#parts;
    const [account, address] = loginKeys(email, remoteAddress);
    await throttle.check(address);
    await throttle.check(account);
    const { user, isRight } = await throttle.during(account, async () => {
      const found = await store.users.findByEmail(email);
      return { user: found, isRight: await passwords.verify(found?.passwordHash, password) };
    });
    if (user !== undefined && isRight && mayLogIn(user)) {
      if (await hasFactor(store, user.id)) {
        // Neither right nor wrong: a count of wrong codes must not end so.
        await throttle.release(account);
        throw needsSession();
      }
      await throttle.succeed(account);
      return user;
    }
    await throttle.fail(address);
    await throttle.fail(account);
    throw badCredentials();
  }
}

function readCredentials(credentials: string): { email: string; password: string } {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon <= 0) throw badCredentials();
  return { email: text.slice(0, colon).trim(), password: text.slice(colon + 1) };
}

function mayLogIn({ isActive, isConfirmed }: UserRecord): boolean {
  return isActive && isConfirmed;
}

function needsSession(): PlatformError {
  return new PlatformError(
    'access.second_factor',
    'Unauthorized. This account has a second factor: log in with its code, and send the session token.',
    { context: { second_factor: 'totp' } },
  );
}

function badCredentials(): PlatformError {
  return new PlatformError('access.bad_credentials', 'Unauthorized. User credentials did not match.');
}
