// Who may do what, over real HTTP: apps by their keys, users by their sessions, scripts by their callers.
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSqliteStore } from '../../src/store/sqlite.ts';
import { play, type Step, saveScript } from '../scenario.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';

const key = 'X-DreamFactory-API-Key';
const session = 'X-DreamFactory-Session-Token';
const sql = `
  create table open_notes (id integer primary key, text text);
  create table secret_notes (id integer primary key, text text);
  insert into open_notes values (1, 'open');
  insert into secret_notes values (1, 'secret');
`;
const uma = { email: 'uma@example.com', password: 'another long password' };

let server: TestServer;
const ids = { service: 0, role: 0, app: 0, other: 0, user: 0 };
let apiKey = '';

const system = async (path: string, method: string, body: unknown): Promise<Answer> => {
  const answer = await server.ask(`/api/v2/system/${path}`, { method, body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
  return answer;
};

/** Makes a record and returns it with all fields. */
const make = async (resource: string, record: Record<string, unknown>) =>
  (await system(`${resource}?fields=*&related=*`, 'POST', { resource: [record] })).body.resource[0];

const row = (component: string, verb_mask: number, requestor_mask = 3, more: object = {}) => ({
  ...{ service_id: ids.service, component, verb_mask, requestor_mask, filters: [], filter_op: 'AND' },
  ...more,
});

/** Gives the role these rows and no others. */
const grant = async (...rows: unknown[]) => {
  const path = `role/${ids.role}?fields=id&related=role_service_access_by_role_id`;
  const { body } = await server.ask(`/api/v2/system/${path}`);
  const old = body.role_service_access_by_role_id.map(({ id }: { id: number }) => ({ id, role_id: null }));
  await system(`role/${ids.role}`, 'PATCH', { role_service_access_by_role_id: [...old, ...rows] });
};

const asApp = (path: string, ask: Ask = {}) =>
  server.ask(path, { ...ask, anonymous: true, headers: { [key]: apiKey, ...ask.headers } });

const logIn = async (): Promise<string> =>
  (await asApp('/api/v2/user/session', { method: 'POST', body: uma })).body.session_token;

const asUser = async (path: string, ask: Ask = {}) =>
  asApp(path, { ...ask, headers: { [session]: await logIn(), ...ask.headers } });

const notes = '/api/v2/notes/_table/open_notes';
const secrets = '/api/v2/notes/_table/secret_notes';
const message = (answer: Answer) => answer.body.error?.message;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('notes', sql);
  const { body } = await server.ask("/api/v2/system/service?filter=name='notes'&fields=id");
  ids.service = body.resource[0].id;
  ids.role = (await make('role', { name: 'reader' })).id;
  const app = await make('app', { name: 'web', role_id: ids.role });
  ids.app = app.id;
  apiKey = app.api_key;
  ids.user = (await make('user', { ...uma, name: 'Uma User' })).id;
});
afterAll(() => server.close());
beforeEach(async () => {
  await system(`role/${ids.role}`, 'PATCH', { is_active: true });
  await system(`app/${ids.app}`, 'PATCH', { is_active: true, role_id: ids.role });
  await system(`user/${ids.user}`, 'PATCH', { is_active: true });
  await grant(row('_table/open_notes/*', 1));
});

describe('an API key', () => {
  test('is 64 hex digits and alone does what the role of its app grants', async () => {
    expect(apiKey).toMatch(/^[0-9a-f]{64}$/);
    expect((await asApp(notes)).body).toEqual({ resource: [{ id: 1, text: 'open' }] });
    expect((await asApp(`${notes}/1`)).status).toBe(200);
    for (const [path, method] of [
      [notes, 'POST'],
      [secrets, 'GET'],
      ['/api/v2/system/user', 'GET'],
    ] as const) {
      const answer = await asApp(path, { method, body: { resource: [{ text: 'x' }] } });
      expect([answer.status, message(answer)]).toEqual([401, 'Unauthorized. User is not authenticated.']);
    }
  });

  test('also counts in the query and by its newer header', async () => {
    const ask = (path: string, headers = {}) => server.ask(path, { anonymous: true, headers });
    expect((await ask(`${notes}?api_key=${apiKey}`)).status).toBe(200);
    expect((await ask(notes, { 'X-Tenon-API-Key': apiKey })).status).toBe(200);
    expect((await ask(notes)).status).toBe(400);
  });

  test('that is none of ours, or whose app has no role, needs a session', async () => {
    const stranger = await asApp(notes, { headers: { [key]: 'f'.repeat(64) } });
    expect([stranger.status, message(stranger)]).toEqual([400, expect.stringMatching(/^No session token/)]);
    await system(`app/${ids.app}`, 'PATCH', { role_id: null });
    const roleless = await asApp(notes);
    expect([roleless.status, message(roleless)]).toEqual([400, expect.stringMatching(/^No session token/)]);
    const user = await asUser(notes);
    expect([user.status, message(user)]).toEqual([403, expect.stringMatching(/^Role not found/)]);
  });

  test('is made anew on demand, and the old one is refused from then on', async () => {
    const before = apiKey;
    const changed = await system(`app/${ids.app}?regenerate=true&fields=api_key`, 'PATCH', {
      is_active: true,
    });
    apiKey = changed.body.api_key;
    expect(apiKey).not.toBe(before);
    expect((await asApp(notes)).status).toBe(200);
    expect((await asApp(notes, { headers: { [key]: before } })).status).toBe(400);
  });

  test('shows the services that the role reaches, and no others', async () => {
    const { status, body } = await asApp('/api/v2?fields=name');
    expect([status, body.services]).toEqual([200, [{ name: 'notes' }]]);
  });
});

describe('what another process changes', () => {
  test('is in force here within a moment', async () => {
    const store = await createSqliteStore({ file: join(server.home, 'system.sqlite') });
    expect((await asApp(notes)).status).toBe(200);
    await store.roles.update(ids.role, { isActive: false }, null);
    await expect.poll(async () => (await asApp(notes)).status, { timeout: 10_000 }).toBe(403);
    await store.close();
  });
});

describe('what is switched off', () => {
  const inactive = /role assigned to you or your application or the application itself is not active/;
  test.each([['role'], ['app']] as const)(
    'the %s: refused at once, with and without a user',
    async (what) => {
      await system(`${what}/${ids[what]}`, 'PATCH', { is_active: false });
      for (const answer of [await asApp(notes), await asUser(notes)]) {
        expect([answer.status, message(answer)]).toEqual([403, expect.stringMatching(inactive)]);
      }
    },
  );

  test('the user: the session is refused, and there is no other', async () => {
    const token = await logIn();
    await system(`user/${ids.user}`, 'PATCH', { is_active: false });
    const headers = { [session]: token };
    expect((await asApp(notes, { headers })).status).toBe(403);
    const login = await asApp('/api/v2/user/session', { method: 'POST', body: uma });
    expect([login.status, message(login)]).toEqual([401, 'Invalid credentials supplied.']);
  });

  test('a deleted role takes what it granted with it', async () => {
    const role = await make('role', { name: 'gone', role_service_access_by_role_id: [row('*', 31)] });
    await system(`app/${ids.app}`, 'PATCH', { role_id: role.id });
    expect((await asApp(secrets)).status).toBe(200);
    await system(`role/${role.id}`, 'DELETE', undefined);
    expect((await asApp(secrets)).status).toBe(400);
  });
});

describe('a user', () => {
  test('logs in by email or user name and is told the role', async () => {
    for (const name of [{ email: uma.email }, { username: uma.email }]) {
      const body = { ...name, password: uma.password };
      const answer = await asApp('/api/v2/user/session', { method: 'POST', body });
      expect(answer.body).toMatchObject({
        id: ids.user,
        is_sys_admin: false,
        role: 'reader',
        role_id: ids.role,
      });
    }
  });

  test('may also come with HTTP Basic', async () => {
    const basic = (password: string) => ({
      Authorization: `Basic ${Buffer.from(`${uma.email}:${password}`).toString('base64')}`,
    });
    expect((await asApp(notes, { headers: basic(uma.password) })).status).toBe(200);
    expect((await asApp(secrets, { headers: basic(uma.password) })).status).toBe(403);
    // Bad credentials beside a good key are refused, not overlooked.
    const bad = await asApp(notes, { headers: basic('wrong password') });
    expect([bad.status, message(bad)]).toEqual([401, 'Unauthorized. User credentials did not match.']);
  });

  test('is no administrator, and an administrator no user', async () => {
    const path = '/api/v2/system/admin/session';
    expect((await server.ask(path, { method: 'POST', body: uma, anonymous: true })).status).toBe(401);
    const admin = { email: 'admin@example.com', password: 'correct horse battery' };
    expect((await asApp('/api/v2/user/session', { method: 'POST', body: admin })).status).toBe(401);
    const { body } = await server.ask('/api/v2/system/admin?fields=email');
    expect(body.resource).toEqual([{ email: 'admin@example.com' }]);
    expect((await server.ask(`/api/v2/system/admin/${ids.user}`)).status).toBe(404);
    expect((await server.ask('/api/v2/system/user/1')).status).toBe(404);
  });

  test('does with a key what the role grants, and is told by name what it does not', async () => {
    expect((await asUser(notes)).status).toBe(200);
    const refused = await asUser(secrets);
    expect([refused.status, message(refused)]).toEqual([
      403,
      "Access Forbidden. GET access to component '_table/secret_notes' of service 'notes' is not allowed by " +
        "this user's role.",
    ]);
    const headers = { [session]: await logIn() };
    const keyless = await server.ask(notes, { anonymous: true, headers });
    expect([keyless.status, message(keyless)]).toEqual([400, expect.stringMatching(/^No API Key provided/)]);
  });

  test('has in an app the role that was given there, not that of the app', async () => {
    const role = await make('role', {
      name: 'keeper',
      role_service_access_by_role_id: [row('_table/secret_notes', 1)],
    });
    const list = [{ app_id: ids.app, role_id: role.id }];
    await system(`user/${ids.user}`, 'PATCH', { user_to_app_to_role_by_user_id: list });
    expect((await asUser(secrets)).status).toBe(200);
    expect((await asUser(notes)).status).toBe(403);
    expect((await asApp(notes)).status).toBe(200);
    await system(`role/${role.id}`, 'DELETE', undefined);
    expect((await asUser(notes)).status).toBe(200);
  });

  test('sees and changes the own profile whatever the role, and nobody else', async () => {
    await grant();
    expect((await asUser('/api/v2/user/profile')).body).toMatchObject({ email: uma.email, name: 'Uma User' });
    const changed = await asUser('/api/v2/user/profile', { method: 'PATCH', body: { phone: '123' } });
    expect(changed.body).toEqual({ success: true });
    expect((await asUser('/api/v2/user/profile')).body.phone).toBe('123');
    const nobody = await asApp('/api/v2/user/profile');
    expect([nobody.status, message(nobody)]).toEqual([401, 'Unauthorized. User is not authenticated.']);
    expect((await server.ask('/api/v2/user/profile', { anonymous: true })).status).toBe(400);
  });

  test('changes the own password by knowing the old one; other sessions end', async () => {
    const token = await logIn();
    const other = await logIn();
    const change = (old_password: string, new_password: string) =>
      asApp('/api/v2/user/password', {
        method: 'POST',
        headers: { [session]: token },
        body: { old_password, new_password },
      });
    expect((await change('wrong password', 'a new long password')).status).toBe(401);
    expect((await change(uma.password, 'a new long password')).body).toEqual({ success: true });
    const ended = await asApp('/api/v2/user/session', { headers: { [session]: other } });
    expect([ended.status, message(ended)]).toEqual([403, expect.stringMatching(/terminated/)]);
    expect((await change('a new long password', uma.password)).status).toBe(200);
  });

  test('whose session was closed is refused', async () => {
    const headers = { [session]: await logIn() };
    expect((await asApp(notes, { headers })).status).toBe(200);
    const out = await asApp('/api/v2/user/session', { method: 'DELETE', headers });
    expect(out.body).toEqual({ success: true });
    expect((await asApp(notes, { headers })).status).toBe(403);
  });
});

describe('rows with filters', () => {
  const filters = [{ name: 'text', operator: '=', value: 'open' }];
  test('let through the records that fit', async () => {
    await grant(row('_table/*', 3), row('_table/open_notes/*', 1, 3, { filters }));
    const { headers } = await system(`role/${ids.role}`, 'PATCH', { description: 'filtered' });
    expect(headers.get('x-tenon-warning')).toBeNull();
    expect((await asApp(notes)).body).toEqual({ resource: [{ id: 1, text: 'open' }] });
    const others = [{ ...filters[0], value: 'shut' }];
    await grant(row('_table/open_notes/*', 1, 3, { filters: others }));
    expect((await asApp(notes)).body).toEqual({ resource: [] });
    expect((await asApp(`${notes}/1`)).status).toBe(404);
  });

  test('are warned of, and refused, where nothing applies them', async () => {
    const { body } = await server.ask("/api/v2/system/service?filter=name='system'&fields=id");
    await grant(row('role/*', 1, 3, { service_id: body.resource[0].id, filters }));
    const { headers } = await system(`role/${ids.role}`, 'PATCH', { description: 'filtered' });
    expect(headers.get('x-tenon-warning')).toMatch(/^Filters and rules .* for 'role\/\*' of 'system'/);
    const refused = await asApp('/api/v2/system/role');
    expect([refused.status, message(refused)]).toEqual([403, expect.stringMatching(/under filters/)]);
  });
});

describe('scripts', () => {
  const outer = `${'notes'}._table.open_notes.get.post_process`;
  const inner = 'notes._table.secret_notes.get.post_process';
  const remove = (name: string): Step => ({
    method: 'DELETE',
    path: `/api/v2/system/event_script/${name}`,
    status: 200,
  });

  test('reach with their caller what the role grants to scripts alone', async () => {
    await grant(row('_table/open_notes/*', 1, 1), row('_table/secret_notes/*', 1, 2));
    const call =
      "platform.api.get('notes/_table/secret_notes', null, (body, r) => {" +
      ' event.setResponse({ status: r.statusCode, body: JSON.parse(body) }); });';
    await play(server, [saveScript(outer, call), saveScript(inner, '')]);
    const headers = { [key]: apiKey };
    await play(server, [
      {
        ...{ path: notes, status: 200, anonymous: true, headers },
        answer: { status: 200, body: { resource: [{ id: 1, text: 'secret' }] } },
        ran: [inner, outer],
      },
      // Refused from outside, and no script sees it.
      { path: secrets, status: 401, anonymous: true, headers },
      { path: secrets, status: 400, anonymous: true },
      { path: secrets, status: 403, anonymous: true, headers: { ...headers, [session]: await logIn() } },
    ]);
    await grant(row('_table/open_notes/*', 1, 3), row('_table/secret_notes/*', 1, 1));
    await play(server, [
      {
        ...{ path: notes, status: 200, anonymous: true, headers, ran: [outer] },
        answer: { status: 401, body: { error: { status_code: 401 } } },
      },
      remove(outer),
      remove(inner),
    ]);
  });

  test('are given a token of their caller, who gets no more by it than he has', async () => {
    await grant(row('_table/open_notes/*', 1, 3), row('_table/secret_notes/*', 1, 2));
    await play(server, [saveScript(outer, 'event.response.content = platform.session;')]);
    const token = await logIn();
    const shown = (await asApp(notes, { headers: { [session]: token } })).body;
    expect(shown.session_token).toMatch(/^run\./);
    const asScript = (path: string, method = 'GET') =>
      asApp(path, { method, headers: { [session]: shown.session_token } });
    expect((await asScript(notes)).body.user.email).toBe(uma.email);
    expect((await asScript(secrets)).status).toBe(403);
    expect((await asScript('/api/v2/user/session', 'PUT')).status).toBe(401);
    const forged = await asApp(notes, { headers: { [session]: `${shown.session_token}x` } });
    expect(forged.status).toBe(401);
    await asApp('/api/v2/user/session', { method: 'DELETE', headers: { [session]: token } });
    await expect.poll(async () => (await asScript(notes)).status, { timeout: 5_000 }).toBe(403);
    await play(server, [remove(outer)]);
  });

  test('see lookups; private ones only where that was allowed', async () => {
    const lookups = [
      { name: 'color', value: 'red' },
      { name: 'word', value: 'hidden', private: true, script_visible: true },
      { name: 'key', value: 'canary-0d1f', private: true },
    ];
    for (const lookup of lookups) await make('lookup', lookup);
    await system(`role/${ids.role}`, 'PATCH', { lookup_by_role_id: [{ name: 'color', value: 'blue' }] });
    await play(server, [saveScript(outer, 'event.response.content = platform.session;')]);
    const app = await asApp(notes);
    expect(app.body).toMatchObject({ lookup: { color: 'blue' }, lookup_secret: { word: 'hidden' } });
    const admin = await server.ask(notes);
    expect(admin.body).toMatchObject({ lookup: { color: 'red' }, lookup_secret: { word: 'hidden' } });
    expect(app.text + admin.text).not.toContain('canary-0d1f');
    await play(server, [remove(outer)]);
    const text = "event.response.content = ['{color}', '{word}', '{key}', '{nope}'];";
    await play(server, [saveScript(outer, text)]);
    expect((await asApp(notes)).body).toEqual(['blue', 'hidden', '{key}', '{nope}']);
    await make('lookup', { name: 'nope', value: 'now' });
    expect((await asApp(notes)).body).toEqual(['blue', 'hidden', '{key}', 'now']);
    await play(server, [remove(outer)]);
  });
});
