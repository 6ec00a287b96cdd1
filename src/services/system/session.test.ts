// Logging in and out (golden 001, 003, 004), and everything that must not let anybody in.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { anonymous } from '../../core/operation.ts';
import { adminPassword, type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const email = 'admin@example.com';
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const login = (body: unknown, remoteAddress?: string) =>
  house.ask('POST', 'admin/session', {
    body,
    principal: anonymous,
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
  });
const refused = (status: number, message: string) => ({
  status,
  body: { error: { code: status, context: null, message, status_code: status } },
});
const bad = refused(401, 'Invalid credentials supplied.');

async function tokenOfLogin(): Promise<string> {
  const { body } = await login({ email, password: adminPassword });
  return String((body as { session_token: string }).session_token);
}

describe('logging in', () => {
  it('answers the session in the recorded shape', async () => {
    const { status, body } = await login({ email, password: adminPassword });
    expect(status).toBe(200);
    expect(Object.keys(body as object)).toEqual([
      ...['session_token', 'session_id', 'id', 'name', 'first_name', 'last_name', 'email', 'is_sys_admin'],
      ...['last_login_date', 'host', 'token_expiry_date'],
    ]);
    const session = body as Record<string, unknown>;
    expect(session).toMatchObject({ id: 1, name: 'Ada Admin', first_name: 'Ada', email, is_sys_admin: true });
    expect(session.session_id).toBe(session.session_token);
    expect(session.last_login_date).toMatch(iso);
    expect(session.token_expiry_date).toMatch(iso);
    expect((await house.store.users.get(1))?.lastLoginDate).toBe(session.last_login_date);
    expect(house.observations).toEqual([{ kind: 'session.opened', email }]);
  });

  it('takes the email in any case, or the user name', async () => {
    expect((await login({ email: 'ADMIN@Example.com', password: adminPassword })).status).toBe(200);
    expect((await login({ username: 'ada', password: adminPassword })).status).toBe(200);
  });

  it.each([
    [{}, 'Login request is missing required email.'],
    [undefined, 'Login request is missing required email.'],
    [{ email: '' }, 'Login request is missing required email.'],
    [{ email: ['admin@example.com'], password: 'x' }, 'Login request is missing required email.'],
    [{ email: { $ne: null }, password: 'x' }, 'Login request is missing required email.'],
    [{ email }, 'Login request is missing required password.'],
    [{ email, password: '' }, 'Login request is missing required password.'],
    [{ email, password: true }, 'Login request is missing required password.'],
    [{ email, password: { $gt: '' } }, 'Login request is missing required password.'],
    [{ email, password: 'x', remember_me: 'maybe' }, "Field 'remember_me' must be true or false."],
    [[email], 'The body must be a JSON object.'],
  ])('refuses the body %j', async (body, message) => {
    expect(await login(body)).toEqual(refused(400, message));
  });

  it('refuses wrong passwords, unknown users, inactive ones and mere users alike', async () => {
    const other = {
      name: 'x',
      firstName: '',
      lastName: '',
      lastLoginDate: null,
      phone: null,
      defaultAppId: null,
      isConfirmed: true,
      securityQuestion: null,
      securityAnswerHash: null,
      isActive: true,
      isSysAdmin: true,
    };
    const { passwordHash = '' } = (await house.store.users.get(1)) ?? {};
    const user = { ...other, passwordHash };
    await house.store.users.create({ ...user, email: 'off@x.y', username: 'off', isActive: false }, null);
    await house.store.users.create({ ...user, email: 'mere@x.y', username: 'mere', isSysAdmin: false }, null);
    expect(await login({ email, password: 'wrong' })).toEqual(bad);
    expect(await login({ email: 'nobody@x.y', password: adminPassword }, 'b')).toEqual(bad);
    expect(await login({ email: 'off@x.y', password: adminPassword }, 'c')).toEqual(bad);
    expect(await login({ email: 'mere@x.y', password: adminPassword }, 'd')).toEqual(bad);
    expect(await login({ email, password: 'x'.repeat(5000) }, 'e')).toEqual(bad);
    expect(house.observations.filter(({ kind }) => kind === 'session.refused')).toHaveLength(5);
    expect(JSON.stringify(house.observations)).not.toContain('wrong');
  });

  it('is throttled per account from wherever, by email or user name', async () => {
    for (let i = 0; i < limits.loginAttempts; i++) {
      const name = i % 2 === 0 ? { email: email.toUpperCase() } : { username: 'ada' };
      expect(await login({ ...name, password: 'no' }, `address ${i}`)).toEqual(bad);
    }
    expect((await login({ email, password: adminPassword }, 'another')).status).toBe(429);
    expect((await login({ username: 'ada', password: adminPassword }, 'another')).status).toBe(429);
  });

  it('is throttled per address for whatever account; a right password does not clear that', async () => {
    for (let i = 1; i < limits.loginAttempts; i++) {
      expect(await login({ email: `nobody-${i}@x.y`, password: 'no' }, 'one')).toEqual(bad);
    }
    expect((await login({ email, password: adminPassword }, 'one')).status).toBe(200);
    expect(await login({ email: 'x'.repeat(100_000), password: 'no' }, 'one')).toEqual(bad);
    expect((await login({ email, password: adminPassword }, 'one')).status).toBe(429);
    expect((await login({ email, password: adminPassword }, 'two')).status).toBe(200);
    expect(JSON.stringify(house.observations).length).toBeLessThan(10_000);
  });
});

describe('a session', () => {
  const signedIn = async (token: string) => {
    return {
      principal: await house.sessions.resolve(token, null),
      headers: { 'x-dreamfactory-session-token': token },
    };
  };

  it('is shown as it was when it began', async () => {
    const { body } = await login({ email, password: adminPassword });
    const who = await signedIn(String((body as { session_token: string }).session_token));
    expect(await house.ask('GET', 'admin/session', who)).toEqual({ status: 200, body });
  });

  it('is not shown to whoever has none', async () => {
    const none = await house.ask('GET', 'admin/session', { principal: anonymous });
    expect(none.status).toBe(401);
    expect(none.body).toMatchObject({ error: { message: expect.stringContaining('no valid session') } });
  });

  it.each(['x-dreamfactory-session-token', 'authorization'])('is refreshed by token in %s', async (place) => {
    const token = await tokenOfLogin();
    const headers = { [place]: place === 'authorization' ? `Bearer ${token}` : token };
    const { status, body } = await house.ask('PUT', 'admin/session', { principal: anonymous, headers });
    expect(status).toBe(200);
    expect(body).toMatchObject({ session_token: expect.stringMatching(/^ey/), id: 1, email });
    const fresh = String((body as { session_token: string }).session_token);
    expect((await signedIn(fresh)).principal.user?.email).toBe(email);
  });

  it('is refreshed by a token in parameters or body only where the door accepted it', async () => {
    const token = await tokenOfLogin();
    const { principal } = await signedIn(token);
    for (const given of [{ parameters: { session_token: token } }, { body: { session_token: token } }]) {
      expect((await house.ask('PUT', 'admin/session', { ...given, principal })).status).toBe(200);
      expect((await house.ask('PUT', 'admin/session', { ...given, principal: anonymous })).status).toBe(401);
    }
  });

  it('that is no longer good is refused with the reason', async () => {
    const failure = new PlatformError('access.expired_token', 'Session expired.');
    const answer = await house.ask('GET', 'admin/session', { principal: { ...anonymous, failure } });
    expect(answer).toEqual(refused(401, 'Session expired.'));
  });

  it('is not refreshed without a good token, after logout, or for who lost the right', async () => {
    const put = (headers: Record<string, string>) =>
      house.ask('PUT', 'admin/session', { principal: anonymous, headers });
    const token = await tokenOfLogin();
    expect((await put({})).status).toBe(401);
    expect((await put({ 'x-dreamfactory-session-token': 'nope' })).status).toBe(401);
    await house.store.users.update(1, { isActive: false }, null);
    expect((await put({ 'x-dreamfactory-session-token': token })).status).toBe(401);
    await house.store.users.update(1, { isActive: true, isSysAdmin: false }, null);
    expect((await put({ 'x-dreamfactory-session-token': token })).status).toBe(401);
    await house.store.users.update(1, { isSysAdmin: true }, null);
    expect((await put({ 'x-dreamfactory-session-token': token })).status).toBe(200);
    await house.ask('DELETE', 'admin/session', await signedIn(token));
    expect((await put({ 'x-dreamfactory-session-token': token })).status).toBe(403);
  });

  it('ends with logout, which needs none to succeed', async () => {
    const token = await tokenOfLogin();
    const ended = { status: 200, body: { success: true } };
    const who = await signedIn(token);
    expect(await house.ask('DELETE', 'admin/session', who)).toEqual(ended);
    await expect(signedIn(token)).rejects.toMatchObject({ kind: 'access.terminated_session' });
    expect((await house.store.sessions.get(who.principal.sessionId ?? ''))?.closedDate).toMatch(iso);
    expect(house.observations.at(-1)).toEqual({ kind: 'session.closed', email });
    expect(await house.ask('DELETE', 'admin/session', { principal: anonymous })).toEqual(ended);
  });
});
