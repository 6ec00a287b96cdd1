import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Store, UserRecord } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { authorityOf } from './authority-fixture.ts';
import { BasicLogins } from './basic-logins.ts';
import { Passwords } from './passwords.ts';
import { LoginThrottle } from './throttle.ts';

const passwords = new Passwords();
const password = 'correct: horse';
const clock = { now: 1_800_000_000_000 };
const now = () => clock.now;
let store: Store;
let logins: BasicLogins;
let user: UserRecord;

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  logins = new BasicLogins({
    store,
    passwords,
    throttle: new LoginThrottle({ now }),
    authority: authorityOf(store),
    now,
  });
  user = await store.users.create(
    {
      name: 'Ada',
      username: 'ada',
      firstName: 'Ada',
      lastName: '',
      email: 'ada@example.com',
      passwordHash: await passwords.hash(password),
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

const login = (credentials: string, remoteAddress = '192.0.2.7', apiKey: string | null = null) =>
  logins.resolve({ credentials: Buffer.from(credentials).toString('base64'), apiKey, remoteAddress });
const bad = {
  kind: 'access.bad_credentials',
  status: 401,
  message: expect.stringContaining('did not match'),
};

describe('credentials', () => {
  test('that are right lead to the user; the password may hold a colon, the address any case', async () => {
    const principal = await login(`Ada@Example.com:${password}`, undefined, 'k');
    expect(principal).toMatchObject({ kind: 'user', sessionId: null, apiKey: 'k', user: { id: user.id } });
  });

  test.each([
    ['a wrong password', 'ada@example.com:wrong password'],
    ['an unknown user', `eve@example.com:${password}`],
    ['no colon', 'ada@example.com'],
    ['no user', `:${password}`],
    ['nothing', ''],
    ['NUL', 'ada@example.com\0:x'],
  ])('with %s are refused alike', async (_what, credentials) => {
    await expect(login(credentials)).rejects.toMatchObject(bad);
  });

  test('are remembered: the same principal without another hash', async () => {
    const first = await login(`ada@example.com:${password}`);
    expect(await login(`ada@example.com:${password}`)).toBe(first);
    clock.now += limits.sessionCacheMs;
    expect(await login(`ada@example.com:${password}`)).toBe(first);
  });

  test('sent by many at once are one attempt', async () => {
    const found = await Promise.all(
      Array.from({ length: limits.loginAttempts * 3 }, () => login(`ada@example.com:${password}`)),
    );
    expect(new Set(found).size).toBe(1);
  });

  test('are hashed again after a while', async () => {
    const first = await login(`ada@example.com:${password}`);
    clock.now += limits.basicCacheMs;
    expect(await login(`ada@example.com:${password}`)).not.toBe(first);
  });
});

describe('remembered credentials end', () => {
  test('when the password changes', async () => {
    await login(`ada@example.com:${password}`);
    await store.users.update(user.id, { passwordHash: await passwords.hash('another one') }, null);
    clock.now += limits.sessionCacheMs;
    await expect(login(`ada@example.com:${password}`)).rejects.toMatchObject(bad);
    expect((await login('ada@example.com:another one')).user?.id).toBe(user.id);
  });

  test('when the user is deactivated', async () => {
    await login(`ada@example.com:${password}`);
    await store.users.update(user.id, { isActive: false }, null);
    clock.now += limits.sessionCacheMs;
    await expect(login(`ada@example.com:${password}`)).rejects.toMatchObject(bad);
  });
});

describe('guessing', () => {
  test('one account is stopped, whichever addresses it comes from', async () => {
    for (let i = 0; i < limits.loginAttempts; i++) {
      await expect(login('ada@example.com:guess guess', `192.0.2.${i}`)).rejects.toMatchObject(bad);
    }
    await expect(login(`ada@example.com:${password}`, '198.51.100.1')).rejects.toMatchObject({
      kind: 'access.too_many_attempts',
      status: 429,
    });
  });

  test('from one address is stopped, whichever accounts it tries', async () => {
    for (let i = 0; i < limits.loginAttempts; i++) {
      await expect(login(`user${i}@example.com:guess guess`)).rejects.toMatchObject(bad);
    }
    await expect(login('other@example.com:guess guess')).rejects.toMatchObject({ status: 429 });
    expect((await login(`ada@example.com:${password}`, '198.51.100.1')).user?.id).toBe(user.id);
  });
});
