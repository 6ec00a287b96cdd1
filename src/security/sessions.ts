// Sessions: a row of the system database for each login; a token is good while its row is open and its user
// active.
// Invariant: what is closed or deactivated is refused after limits.sessionCacheMs at the latest, by whichever
// process.
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Principal } from '../core/operation.ts';
import type { SessionRecord, Store, UserRecord } from '../core/store.ts';
import type { Authority } from './authority.ts';
import { Identity } from './identity.ts';
import type { RunTokens } from './run-tokens.ts';
import { expired, invalid, type TokenAuthority } from './tokens.ts';
import { knownUser } from './users.ts';

const minuteMs = 60_000;

/** A session that was opened or refreshed. */
export interface OpenedSession {
  readonly token: string;
  readonly userId: number;
  /** ISO 8601 in UTC. */
  readonly expiresDate: string;
}

/** What sessions are made with. */
export interface SessionsParts {
  readonly store: Pick<Store, 'sessions' | 'users' | 'userRoles'>;
  readonly tokens: TokenAuthority;
  readonly authority: Pick<Authority, 'generation' | 'rightsOf'>;
  /** Tokens of scripts, which stand for the session of their caller. */
  readonly runTokens?: Pick<RunTokens, 'claims' | 'of'>;
  readonly rules?: SessionRules;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** How long sessions live. */
export interface SessionRules {
  readonly sessionMinutes: number;
  readonly sessionRefreshMinutes: number;
  /** Whether sessions of logins with `remember_me` can be refreshed for ever. */
  readonly foreverSessions: boolean;
}

const usual: SessionRules = { ...limits, foreverSessions: false };

// Later than any other date, also as text.
const never = '9999-12-31T23:59:59.999Z';

interface Known {
  readonly identity: Identity;
  readonly expiresAt: number;
}

/** Opens, resolves, refreshes and closes sessions. */
export class Sessions {
  readonly #store: SessionsParts['store'];
  readonly #tokens: TokenAuthority;
  readonly #authority: SessionsParts['authority'];
  readonly #runTokens: SessionsParts['runTokens'];
  readonly #rules: SessionRules;
  readonly #now: () => number;
  readonly #known = new LRUCache<string, Known>({ max: limits.sessionCache });
  readonly #loading = new Map<string, Promise<Known>>();

  constructor({ store, tokens, authority, runTokens, rules = usual, now = Date.now }: SessionsParts) {
    this.#store = store;
    this.#tokens = tokens;
    this.#authority = authority;
    this.#runTokens = runTokens;
    this.#rules = rules;
    this.#now = now;
  }

  /**
   * Opens a session. It may be refreshed as long as the rules say; `remember` adds something only where
   * sessions may last for ever.
   */
  async open(user: UserRecord, remember = false): Promise<OpenedSession> {
    const { sessionMinutes, sessionRefreshMinutes, foreverSessions } = this.#rules;
    const now = this.#now();
    const id = randomUUID();
    const expiresAt = now + sessionMinutes * minuteMs;
    const isForever = remember && foreverSessions;
    const expiresDate = toDate(expiresAt);
    await this.#store.sessions.open({
      id,
      userId: user.id,
      createdDate: toDate(now),
      expiresDate,
      refreshUntilDate: isForever ? never : toDate(now + sessionRefreshMinutes * minuteMs),
    });
    const token = await this.#tokens.issue({ sessionId: id, userId: user.id, expiresAt });
    return { token, userId: user.id, expiresDate };
  }

  /**
   * The principal of a token, the same object as long as nothing changed; at once when it was asked for a
   * moment ago. Throws `access.*` when the token, its session or its user is no longer good.
   */
  resolve(token: string, apiKey: string | null): Principal | Promise<Principal> {
    const known = this.#known.get(token);
    const now = this.#now();
    if (known?.identity.isFresh(now) && known.expiresAt > now) {
      return known.identity.principal(apiKey);
    }
    return this.#load(token).then(({ identity }) => identity.principal(apiKey));
  }

  /**
   * A new token for the session of a token that may have expired. Throws `access.*` when it cannot be
   * refreshed.
   */
  async refresh(token: string): Promise<OpenedSession> {
    const { sessionId, userId } = await this.#tokens.verifyExpired(token);
    const session = await this.#openSession(sessionId, userId);
    if (Date.parse(session.refreshUntilDate) <= this.#now()) throw expired();
    const user = await this.#activeUser(userId);
    const expiresAt = this.#now() + this.#rules.sessionMinutes * minuteMs;
    const expiresDate = toDate(expiresAt);
    await this.#store.sessions.extend(sessionId, expiresDate);
    return {
      token: await this.#tokens.issue({ sessionId, userId: user.id, expiresAt }),
      userId: user.id,
      expiresDate,
    };
  }

  /** Closes a session: in this process its tokens are refused at once. */
  async close(sessionId: string): Promise<void> {
    await this.#store.sessions.close(sessionId);
    for (const [token, known] of this.#known.entries()) {
      if (known.identity.sessionId === sessionId) this.#known.delete(token);
    }
  }

  /** Forgets what is remembered of users: in this process their changes are in force at once. */
  forget(userIds: readonly number[]): void {
    for (const [token, known] of this.#known.entries()) {
      if (userIds.includes(known.identity.user.id)) this.#known.delete(token);
    }
  }

  // Requests that come with the same token at the same time share one look-up.
  #load(token: string): Promise<Known> {
    let loading = this.#loading.get(token);
    if (loading === undefined) {
      loading = this.#look(token).finally(() => this.#loading.delete(token));
      this.#loading.set(token, loading);
    }
    return loading;
  }

  async #look(token: string): Promise<Known> {
    // Taken before the rows are read: what is closed meanwhile is not trusted longer than the limit.
    const now = this.#now();
    const claims = this.#runTokens?.claims(token) ?? (await this.#tokens.verify(token));
    const { sessionId, userId, expiresAt } = claims;
    if (sessionId !== null) await this.#openSession(sessionId, userId);
    const user = await knownUser(this.#store, await this.#activeUser(userId));
    const made = { authority: this.#authority, runTokens: this.#runTokens };
    const identity = this.#known.get(token)?.identity ?? new Identity({ sessionId, user, now, ...made });
    const known = { identity, expiresAt };
    identity.renew(user, now);
    this.#known.set(token, known);
    return known;
  }

  async #openSession(id: string, userId: number): Promise<SessionRecord> {
    const session = await this.#store.sessions.get(id);
    // A session is that of one user, whoever else a token speaks of.
    if (session !== undefined && session.userId !== userId) throw invalid('it names no session');
    if (session !== undefined && session.closedDate === null) return session;
    throw new PlatformError('access.terminated_session', 'Forbidden. Session terminated. Please re-login.');
  }

  async #activeUser(id: number): Promise<UserRecord> {
    const user = await this.#store.users.get(id);
    if (user?.isActive === true && user.isConfirmed) return user;
    throw invalid('its user does not exist or is not active');
  }
}

function toDate(time: number): string {
  return new Date(time).toISOString();
}
