// Logging in and out (golden 001, 003, 004), and everything that must not let anybody in.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anonymous } from '../../core/operation.ts';
import { adminPassword, type House, openHouse, principalOf } from './scenario.ts';

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

  it('lasts longer when asked to remember', async () => {
    const [short, long] = await Promise.all([
      login({ email, password: adminPassword }),
      login({ email, password: adminPassword, remember_me: true }),
    ]);
    const expiry = (answer: { body: unknown }) =>
      String((answer.body as Record<string, unknown>).token_expiry_date);
    expect(expiry(long) > expiry(short)).toBe(true);
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

  it('is throttled per account from wherever, and per address for whatever account', async () => {
    for (const address of ['a', 'b', 'c'])
      expect(await login({ email, password: 'no' }, address)).toEqual(bad);
    expect((await login({ email: email.toUpperCase(), password: adminPassword }, 'd')).status).toBe(429);
    for (const name of ['x', 'y', 'z'])
      expect(await login({ email: name, password: 'no' }, 'e')).toEqual(bad);
    expect((await login({ email: 'other@x.y', password: 'no' }, 'e')).status).toBe(429);
  });

  it('clears the count of the account but not of the address', async () => {
    await login({ email, password: 'no' }, 'a');
    await login({ email, password: 'no' }, 'a');
    expect((await login({ email, password: adminPassword }, 'a')).status).toBe(200);
    expect(await login({ email, password: 'no' }, 'a')).toEqual(bad);
    expect((await login({ email, password: adminPassword }, 'a')).status).toBe(429);
    expect((await login({ email, password: adminPassword }, 'b')).status).toBe(200);
  });
});

describe('a session', () => {
  const signedIn = async (token: string) => {
    const user = await house.store.users.get(1);
    if (user === undefined) throw new Error('no administrator');
    return { principal: principalOf(user, token), headers: { 'x-dreamfactory-session-token': token } };
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

  it.each(['x-dreamfactory-session-token', 'authorization', 'parameter', 'body'])(
    'is refreshed by token in %s',
    async (place) => {
      const token = await tokenOfLogin();
      const given = {
        ...(place === 'parameter' ? { parameters: { session_token: token } } : {}),
        ...(place === 'body' ? { body: { session_token: token } } : {}),
        headers:
          place === 'authorization'
            ? { authorization: `Bearer ${token}` }
            : place.startsWith('x')
              ? { [place]: token }
              : {},
      };
      const { status, body } = await house.ask('PUT', 'admin/session', { principal: anonymous, ...given });
      expect(status).toBe(200);
      expect(body).toMatchObject({ session_token: token, id: 1, email });
    },
  );

  it('is not refreshed without a token, with a bad one, after logout, or for a locked-out administrator', async () => {
    const put = (headers: Record<string, string>) =>
      house.ask('PUT', 'admin/session', { principal: anonymous, headers });
    const token = await tokenOfLogin();
    expect((await put({})).status).toBe(401);
    expect((await put({ 'x-dreamfactory-session-token': 'nope' })).status).toBe(401);
    await house.store.users.update(1, { isActive: false }, null);
    expect((await put({ 'x-dreamfactory-session-token': token })).status).toBe(401);
    await house.store.users.update(1, { isActive: true }, null);
    expect((await put({ 'x-dreamfactory-session-token': token })).status).toBe(200);
    await house.ask('DELETE', 'admin/session', await signedIn(token));
    expect((await put({ 'x-dreamfactory-session-token': token })).status).toBe(401);
  });

  it('ends with logout, which needs none to succeed', async () => {
    const token = await tokenOfLogin();
    const ended = { status: 200, body: { success: true } };
    expect(await house.ask('DELETE', 'admin/session', await signedIn(token))).toEqual(ended);
    expect((await house.store.sessions.get(token))?.closedDate).toMatch(iso);
    expect(await house.ask('DELETE', 'admin/session', { principal: anonymous })).toEqual(ended);
  });
});
