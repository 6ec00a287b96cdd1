// Session tokens that were forged, stolen or outlived what they were for, each shown to a running server over
// HTTP: wherever a token may stand, and where none may.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addScriptedService } from '../scripted-service.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';
import { TokenForge } from './token-forge.ts';

const password = 'a password of their own';
const revokedMs = 1_000;

let server: TestServer;
let forge: TokenForge;

beforeAll(async () => {
  server = await startTestServer();
  forge = new TokenForge(server.home, server.token);
});

afterAll(() => server?.close());

const places = {
  'as a bearer': (token: string) => ({ Authorization: `Bearer ${token}` }),
  'in its own header': (token: string) => ({ 'X-DreamFactory-Session-Token': token }),
} as const;

/** Something that takes an administrator. */
const guarded = (headers: Record<string, string>, ask: Ask = {}) =>
  server.ask('/api/v2/system/user', { ...ask, anonymous: true, headers: { ...ask.headers, ...headers } });
const bearer = (token: string, path = 'user/session', ask: Ask = {}) =>
  server.ask(`/api/v2/${path}`, {
    ...ask,
    anonymous: true,
    headers: { ...ask.headers, ...places['as a bearer'](token) },
  });

async function make(kind: string, record: Record<string, unknown>) {
  const answer = await server.ask(`/api/v2/system/${kind}?fields=*`, {
    method: 'POST',
    body: { resource: [record] },
  });
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.body.resource[0];
}

const change = (kind: string, id: number, record: Record<string, unknown>) =>
  server.ask(`/api/v2/system/${kind}/${id}`, { method: 'PATCH', body: record });

async function logIn(name: string): Promise<{ id: number; token: string }> {
  const email = `${name}@example.com`;
  await make('user', { email, name, password });
  const { body } = await server.ask('/api/v2/user/session', {
    ...{ method: 'POST', anonymous: true, body: { email, password } },
  });
  return { id: body.id, token: body.session_token };
}

/** No administrator: 4xx, in our own words, and nothing of the token in them. */
function expectRefusal(answer: Answer, token: string, statuses: readonly number[] = [401, 403]): void {
  expect(statuses, answer.text).toContain(answer.status);
  expect(answer.body.error.status_code).toBe(answer.status);
  const [, payload = ''] = token.split('.');
  if (payload.length > 20) expect(answer.text).not.toContain(payload);
  expect(answer.text).not.toMatch(/resource|at .*\.ts|jose|JWS/);
}

describe('what the forgeries begin with is good', () => {
  for (const [place, headers] of Object.entries(places)) {
    test(`${place}: the token itself, and one that the forge made alike`, async () => {
      expect((await guarded(headers(server.token))).status).toBe(200);
      expect((await guarded(headers(forge.token()))).status).toBe(200);
      expect((await guarded(headers(forge.token({}, { more: 'x' })))).status).toBe(200);
    });
  }
});

describe.each(['algorithms', 'keys', 'texts', 'contents'] as const)('forgeries: %s', (kind) => {
  test('each is refused wherever a token may stand, also for a new one in its place', async () => {
    const forgeries = Object.entries(forge[kind]());
    for (const [name, token] of forgeries) {
      for (const headers of Object.values(places)) {
        const answer = await guarded(headers(token));
        // Without the name of the forgery nobody could tell which one came through.
        expect([name, [401, 403].includes(answer.status)]).toEqual([name, true]);
        expectRefusal(answer, token);
      }
      const refreshed = await bearer(token, 'system/admin/session', { method: 'PUT' });
      // A token whose time is over may be refreshed as long as its session is open; that is what PUT is for.
      if (/^exp (in the past|negative)$/.test(name)) expect(refreshed.status).toBeLessThan(500);
      else expectRefusal(refreshed, token);
    }
    expect(forgeries.length).toBeGreaterThan(12);
  });
});

test('forgeries are told apart from expired tokens, which a client may refresh', async () => {
  const { 'exp in the past': late = '' } = forge.contents();
  const expired = await bearer(late, 'system/user');
  expect([expired.status, expired.body.error.message]).toEqual([
    401,
    expect.stringContaining('Session expired'),
  ]);
  const renewed = await bearer(late, 'system/admin/session', { method: 'PUT' });
  expect(renewed.status).toBe(200);
  expect(renewed.body.session_token).not.toBe(late);
});

test('a token opens nothing where none may stand', async () => {
  const { token } = server;
  const others: Ask[] = [
    { headers: { Cookie: `session_token=${token}; X-DreamFactory-Session-Token=${token}` } },
    { headers: { 'X-DreamFactory-API-Key': token } },
    { headers: { Authorization: token } },
    { headers: { Authorization: `Basic ${token}` } },
    { headers: { Authorization: `Basic ${btoa(`admin@example.com:${token}`)}` } },
    { headers: { Authorization: `Token ${token}` } },
    { headers: { 'X-DreamFactory-Script-Token': token } },
    { headers: { 'X-Session-Token': token } },
    { method: 'GET', body: { session_token: token } },
  ];
  for (const ask of others) expectRefusal(await guarded({}, ask), token, [400, 401, 403]);
  for (const query of [`session_token=${token}`, `jwt=${token}`, `token=${token}`, `script_token=${token}`]) {
    const answer = await server.ask(`/api/v2/system/user?${query}`, { anonymous: true });
    expectRefusal(answer, token, [400, 401, 403]);
  }
});

test('a bad token is not made good by a good one in another place', async () => {
  const bad = `${server.token.slice(0, -4)}AAAA`;
  const answer = await guarded({
    ...places['as a bearer'](bad),
    ...places['in its own header'](server.token),
  });
  expectRefusal(answer, bad);
});

test('what a token claims beside its session gives no rights', async () => {
  const { token } = await logIn('claimant');
  const own = new TokenForge(server.home, token);
  for (const claims of [
    { is_sys_admin: true },
    { role: 'admin', role_id: 1 },
    { scope: '*' },
    { user: { id: 1 } },
  ]) {
    expectRefusal(await bearer(own.token({}, claims), 'system/user'), token, [400, 403]);
  }
  // The session of somebody else does not go with another user.
  const admin = own.token({}, { user_id: 1, sub: '1' });
  expectRefusal(await bearer(admin, 'system/user'), admin);
  expectRefusal(await bearer(admin, 'system/admin/session', { method: 'PUT' }), admin);
});

describe('a token ends with what it was for, within a second', () => {
  const gone = async (token: string, path: string, statuses: readonly number[]) => {
    let answer = await bearer(token, path);
    const end = Date.now() + revokedMs;
    while (answer.status === 200 && Date.now() < end) answer = await bearer(token, path);
    // The last one may have been asked just before.
    if (answer.status === 200) answer = await bearer(token, path);
    expectRefusal(answer, token, statuses);
  };

  test('logging out, also for tokens that were refreshed', async () => {
    const { token } = await logIn('leaver');
    const renewed = (await bearer(token, 'user/session', { method: 'PUT' })).body.session_token;
    expect((await bearer(renewed)).status).toBe(200);
    await bearer(token, 'user/session', { method: 'DELETE' });
    await gone(token, 'user/session', [403]);
    await gone(renewed, 'user/session', [403]);
    for (const old of [token, renewed]) {
      expectRefusal(await bearer(old, 'user/session', { method: 'PUT' }), old, [403]);
    }
  });

  test('a new password', async () => {
    const { id, token } = await logIn('changer');
    await change('user', id, { password: 'another password' });
    await gone(token, 'user/session', [401, 403]);
  });

  test('a user who is switched off, and one who is gone', async () => {
    const off = await logIn('switched');
    await change('user', off.id, { is_active: false });
    await gone(off.token, 'user/session', [401, 403]);
    const deleted = await logIn('deleted');
    await server.ask(`/api/v2/system/user/${deleted.id}`, { method: 'DELETE' });
    await gone(deleted.token, 'user/session', [401, 403]);
    expectRefusal(await bearer(deleted.token, 'user/session', { method: 'PUT' }), deleted.token);
  });

  test('a role or an app that is switched off', async () => {
    await server.addDatabase('rights', 'CREATE TABLE thing (id INTEGER PRIMARY KEY)');
    const { body } = await server.ask("/api/v2/system/service?filter=name='rights'&fields=id");
    const row = { service_id: body.resource[0].id, component: '*', verb_mask: 1, requestor_mask: 3 };
    const role = await make('role', { name: 'seer', is_active: true, role_service_access_by_role_id: [row] });
    const app = await make('app', { name: 'glass', is_active: true, role_id: role.id });
    const { token } = await logIn('seer');
    const headers = { 'X-DreamFactory-API-Key': app.api_key };
    const look = () => bearer(token, 'rights/_table/thing', { headers });
    expect((await look()).status).toBe(200);
    await change('role', role.id, { is_active: false });
    expectRefusal(await look(), token, [403]);
    await change('role', role.id, { is_active: true });
    expect((await look()).status).toBe(200);
    await change('app', app.id, { is_active: false });
    expectRefusal(await look(), token, [401, 403]);
  });
});

test('a token of another server opens nothing here', async () => {
  const other = await startTestServer();
  try {
    expectRefusal(await guarded(places['as a bearer'](other.token)), other.token, [401]);
    const answer = await other.ask('/api/v2/system/user', {
      ...{ anonymous: true, headers: places['as a bearer'](server.token) },
    });
    expectRefusal(answer, server.token, [401]);
  } finally {
    await other.close();
  }
});

test('the token of a script is no more than the session of its caller, and ends with it', async () => {
  await addScriptedService(server, 'return {token: platform.session.session_token};', { name: 'teller' });
  const body = { email: 'admin@example.com', password: 'correct horse battery' };
  const login = await server.ask('/api/v2/system/admin/session', { method: 'POST', anonymous: true, body });
  const session = login.body.session_token;
  const { token } = (await bearer(session, 'teller')).body;
  expect(token).toMatch(/^run\.[\w-]{43}$/);
  expect((await bearer(token, 'system/user')).status).toBe(200);
  const made = [`${token.slice(0, -1)}_`, 'run.', `run.${'A'.repeat(43)}`, `run.${session}`, token.slice(4)];
  for (const forged of made) expectRefusal(await bearer(forged, 'system/user'), forged);
  expectRefusal(await bearer(token, 'system/admin/session', { method: 'PUT' }), token);
  await bearer(session, 'system/admin/session', { method: 'DELETE' });
  expectRefusal(await bearer(session, 'system/user'), session);
  expectRefusal(await bearer(token, 'system/user'), token);
});

test('no token stands in what is observed', async () => {
  server.observations.length = 0;
  await guarded(places['as a bearer'](server.token));
  for (const token of Object.values(forge.contents())) await guarded(places['as a bearer'](token));
  await server.ask(`/api/v2/system/user?session_token=${server.token}`, { anonymous: true });
  const told = JSON.stringify(server.observations);
  const digest = createHash('sha256').update(server.token).digest('hex');
  for (const secret of [server.token, server.token.split('.')[2] ?? '', digest])
    expect(told).not.toContain(secret);
});
