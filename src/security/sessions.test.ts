import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Store, UserRecord } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { authorityOf } from './authority-fixture.ts';
import { MasterKey } from './master-key.ts';
import { type SessionRules, Sessions } from './sessions.ts';
import { TokenAuthority } from './tokens.ts';

const key = new MasterKey(randomBytes(32));
const day = 24 * 3_600_000;
const clock = { now: 0 };
let store: Store;
let sessions: Sessions;
let user: UserRecord;

// Another process of the same installation: same store and key, nothing cached.
const another = (rules?: SessionRules) => {
  const now = () => clock.now;
  return new Sessions({
    store,
    tokens: new TokenAuthority({ key, now }),
    authority: authorityOf(store),
    ...(rules === undefined ? {} : { rules }),
    now,
  });
};

beforeEach(async () => {
  clock.now = 1_800_000_000_000;
  store = await createSqliteStore({ file: ':memory:' });
  sessions = another();
  user = await store.users.create(
    {
      name: 'Ada Admin',
      username: 'ada',
      firstName: 'Ada',
      lastName: 'Admin',
      email: 'ada@example.com',
      passwordHash: 'x',
      isActive: true,
      isSysAdmin: true,
      lastLoginDate: null,
      phone: null,
      defaultAppId: null,
      isConfirmed: true,
      securityQuestion: null,
      securityAnswerHash: null,
    },
    null,
  );
});
afterEach(() => store.close());

const resolve = async (token: string, apiKey: string | null = null) => sessions.resolve(token, apiKey);

describe('a token', () => {
  test('leads to its user', async () => {
    const { token, userId, expiresDate } = await sessions.open(user);
    expect(userId).toBe(user.id);
    expect(Date.parse(expiresDate)).toBe(clock.now + limits.sessionMinutes * 60_000);
    expect(await resolve(token)).toMatchObject({
      kind: 'user',
      isAdmin: true,
      role: null,
      apiKey: null,
      sessionId: expect.any(String),
      user: { id: user.id, email: 'ada@example.com', displayName: 'Ada Admin', isAdmin: true },
    });
  });

  test('never brings the password hash along', async () => {
    const { token } = await sessions.open({ ...user, passwordHash: 'canary' });
    expect(JSON.stringify(await resolve(token))).not.toMatch(/passwordHash|canary/);
  });

  test('is answered at once, with the same principal, while it is fresh', async () => {
    const { token } = await sessions.open(user);
    const first = await resolve(token);
    expect(sessions.resolve(token, null)).toBe(first);
    clock.now += limits.sessionCacheMs;
    const later = sessions.resolve(token, null);
    expect(later).toBeInstanceOf(Promise);
    await later;
  });

  test('keeps its principal over look-ups as long as the user stays the same', async () => {
    const { token } = await sessions.open(user);
    const first = await resolve(token);
    clock.now += limits.sessionCacheMs;
    expect(await resolve(token)).toBe(first);
    await store.users.update(user.id, { firstName: 'Augusta' }, null);
    clock.now += limits.sessionCacheMs;
    const changed = await resolve(token);
    expect(changed).not.toBe(first);
    expect(changed.user?.firstName).toBe('Augusta');
  });

  test('has one principal per API key', async () => {
    const { token } = await sessions.open(user);
    const plain = await resolve(token);
    const keyed = await resolve(token, 'k1');
    expect(keyed).toEqual({ ...plain, apiKey: 'k1' });
    expect(await resolve(token, 'k1')).toBe(keyed);
    expect(await resolve(token, 'k2')).not.toBe(keyed);
    expect((await resolve(token, 'k'.repeat(limits.apiKeyChars + 1))).apiKey).toHaveLength(
      limits.apiKeyChars + 1,
    );
  });

  test('asked for by many at once is looked up once, with one principal', async () => {
    const { token } = await sessions.open(user);
    const found = await Promise.all(Array.from({ length: 20 }, () => resolve(token)));
    expect(new Set(found).size).toBe(1);
  });

  test('expires while it is cached', async () => {
    const { token } = await sessions.open(user);
    clock.now += day - 500;
    await resolve(token);
    clock.now += 499;
    await expect(resolve(token)).resolves.toBeDefined();
    clock.now += 1;
    await expect(resolve(token)).rejects.toMatchObject({ kind: 'access.expired_token' });
  });
});

describe('a session that ends', () => {
  test('by closing is refused at once here, and elsewhere within the limit', async () => {
    const { token } = await sessions.open(user);
    const elsewhere = another();
    await elsewhere.resolve(token, null);
    const { sessionId } = await resolve(token);
    await sessions.close(sessionId ?? '');
    await expect(resolve(token)).rejects.toMatchObject({
      kind: 'access.terminated_session',
      status: 403,
      message: expect.stringContaining('Session terminated. Please re-login.'),
    });
    clock.now += limits.sessionCacheMs;
    await expect(elsewhere.resolve(token, null)).rejects.toMatchObject({ kind: 'access.terminated_session' });
  });

  test('leaves other sessions of the user open', async () => {
    const [one, other] = [await sessions.open(user), await sessions.open(user)];
    await sessions.close((await resolve(one.token)).sessionId ?? '');
    expect((await resolve(other.token)).user?.id).toBe(user.id);
  });

  test('by deactivating the user is refused within the limit', async () => {
    const { token } = await sessions.open(user);
    await resolve(token);
    await store.users.update(user.id, { isActive: false }, null);
    clock.now += limits.sessionCacheMs;
    await expect(resolve(token)).rejects.toMatchObject({ kind: 'access.invalid_token', status: 401 });
  });

  test('by taking the confirmation back is refused within the limit', async () => {
    const { token } = await sessions.open(user);
    await resolve(token);
    await store.users.update(user.id, { isConfirmed: false }, null);
    clock.now += limits.sessionCacheMs;
    await expect(resolve(token)).rejects.toMatchObject({ kind: 'access.invalid_token' });
    await expect(sessions.refresh(token)).rejects.toMatchObject({ kind: 'access.invalid_token' });
  });

  test('by deleting the user is refused within the limit', async () => {
    const { token } = await sessions.open(user);
    await resolve(token);
    await store.users.delete(user.id);
    clock.now += limits.sessionCacheMs;
    await expect(resolve(token)).rejects.toMatchObject({ status: expect.toBeOneOf([401, 403]) });
  });

  test('takes rights away within the limit', async () => {
    const { token } = await sessions.open(user);
    expect((await resolve(token)).isAdmin).toBe(true);
    await store.users.update(user.id, { isSysAdmin: false }, null);
    clock.now += limits.sessionCacheMs;
    expect((await resolve(token)).isAdmin).toBe(false);
  });

  test('is not found when its row is not there, as on another installation with the same key', async () => {
    const tokens = new TokenAuthority({ key, now: () => clock.now });
    const token = await tokens.issue({ sessionId: 'x', userId: user.id, expiresAt: clock.now + day });
    await expect(resolve(token)).rejects.toMatchObject({ kind: 'access.terminated_session' });
  });
});

describe('refreshing', () => {
  test('gives a new token for the same session, also after the old one expired', async () => {
    const { token } = await sessions.open(user);
    const { sessionId } = await resolve(token);
    clock.now += 2 * day;
    const refreshed = await sessions.refresh(token);
    expect(refreshed.userId).toBe(user.id);
    expect(Date.parse(refreshed.expiresDate)).toBe(clock.now + limits.sessionMinutes * 60_000);
    expect((await resolve(refreshed.token)).sessionId).toBe(sessionId);
    await expect(resolve(token)).rejects.toMatchObject({ kind: 'access.expired_token' });
  });

  test('is refused when the window is over', async () => {
    const { token } = await sessions.open(user);
    clock.now += limits.sessionRefreshMinutes * 60_000;
    await expect(sessions.refresh(token)).rejects.toMatchObject({ kind: 'access.expired_token' });
  });

  test('is refused after closing, and for a user who is not active', async () => {
    const [closed, inactive] = [await sessions.open(user), await sessions.open(user)];
    await sessions.close((await resolve(closed.token)).sessionId ?? '');
    await expect(sessions.refresh(closed.token)).rejects.toMatchObject({ kind: 'access.terminated_session' });
    await store.users.update(user.id, { isActive: false }, null);
    await expect(sessions.refresh(inactive.token)).rejects.toMatchObject({ kind: 'access.invalid_token' });
  });

  test('goes on for ever only where sessions may, for who asked for it', async () => {
    const rules = { sessionMinutes: 60, sessionRefreshMinutes: 120, foreverSessions: true };
    const [forever, usual] = [another(rules), another()];
    const remembered = await forever.open(user, true);
    const [plain, elsewhere] = [await forever.open(user), await usual.open(user, true)];
    clock.now += limits.sessionRefreshMinutes * 60_000 * 100;
    expect((await forever.refresh(remembered.token)).userId).toBe(user.id);
    await expect(forever.refresh(plain.token)).rejects.toMatchObject({ kind: 'access.expired_token' });
    await expect(usual.refresh(elsewhere.token)).rejects.toMatchObject({ kind: 'access.expired_token' });
  });

  test('follows the minutes of the operator', async () => {
    const ours = another({ sessionMinutes: 5, sessionRefreshMinutes: 30, foreverSessions: false });
    const { token, expiresDate } = await ours.open(user);
    expect(Date.parse(expiresDate)).toBe(clock.now + 5 * 60_000);
    clock.now += 6 * 60_000;
    await expect(async () => ours.resolve(token, null)).rejects.toMatchObject({
      kind: 'access.expired_token',
    });
    expect(Date.parse((await ours.refresh(token)).expiresDate)).toBe(clock.now + 5 * 60_000);
    clock.now += 25 * 60_000;
    await expect(ours.refresh(token)).rejects.toMatchObject({ kind: 'access.expired_token' });
  });

  test('is refused for a token that is none', async () => {
    await expect(sessions.refresh('x.y.z')).rejects.toMatchObject({ kind: 'access.invalid_token' });
  });
});
