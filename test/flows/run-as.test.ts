// Scripts that run as a role, in all languages: their own calls have its rights, nobody else's calls have, and
// the audit log tells. Invariant: real server, real runners, everything over HTTP.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addScriptedService, removeScripts } from '../scripted-service.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';

const sql = `
  create table open_notes (id integer primary key, text text);
  create table secret_notes (id integer primary key, text text);
  create table far_notes (id integer primary key, text text);
  insert into open_notes values (1, 'open');
  insert into secret_notes values (1, 'secret');
`;
const uma = { email: 'uma@example.com', password: 'another long password' };
const event = 'notes._table.open_notes.get.post_process';

let server: TestServer;
let apiKey = '';
let token = '';
const ids = { service: 0, caller: 0, keeper: 0, author: 0, app: 0, user: 0 };

const system = async (path: string, method: string, body?: unknown): Promise<Answer> => {
  const answer = await server.ask(`/api/v2/system/${path}`, { method, body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
  return answer;
};
const make = async (resource: string, record: Record<string, unknown>) =>
  (await system(`${resource}?fields=*`, 'POST', { resource: [record] })).body.resource[0];

const access = (service_id: number | null, component: string, given: [verbs: number, by: number]) => ({
  ...{ service_id, component, verb_mask: given[0], requestor_mask: given[1] },
});

/** As the user, with the app's key. */
const ask = (path: string, given: Ask = {}) =>
  server.ask(`/api/v2/${path}`, {
    ...given,
    anonymous: true,
    headers: { 'X-DreamFactory-API-Key': apiKey, 'X-DreamFactory-Session-Token': token },
  });

const attach = (content: string, more: Record<string, unknown> = {}, name = event) =>
  system(`event_script/${name}`, 'POST', {
    ...{ type: 'nodejs', is_active: true, allow_event_modification: true, content },
    ...more,
  });

const elevations = async (filter = '') =>
  (await server.ask(`/api/v2/system/audit?filter=(action='elevate')${filter}`)).body.resource;

const setRole = (changes: Record<string, unknown>) => system(`role/${ids.keeper}`, 'PATCH', changes);

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('notes', sql);
  ids.service = (await server.ask("/api/v2/system/service?filter=name='notes'")).body.resource[0].id;
  const open = access(ids.service, '_table/open_notes/*', [1, 3]);
  // Everything by API, but of this service no more than that.
  const rest = access(null, '*', [31, 1]);
  const nothing = access(ids.service, '*', [0, 3]);
  ids.caller = (
    await make('role', { name: 'caller', role_service_access_by_role_id: [open, rest, nothing] })
  ).id;
  const secret = access(ids.service, '_table/secret_notes/*', [31, 2]);
  const far = access(ids.service, '_table/far_notes/*', [1, 2]);
  ids.keeper = (await make('role', { name: 'keeper', role_service_access_by_role_id: [secret, far] })).id;
  const app = await make('app', { name: 'web', role_id: ids.caller });
  ids.app = app.id;
  apiKey = app.api_key;
  ids.user = (await make('user', { ...uma, name: 'Uma User' })).id;
  const login = { method: 'POST', body: uma, anonymous: true };
  token = (await server.ask('/api/v2/user/session', login)).body.session_token;
});
beforeEach(() => setRole({ is_active: true }));
afterEach(() => removeScripts(server));
afterAll(() => server.close());

const languages = {
  nodejs: `const r = await platform.api.get('notes/_table/secret_notes');
event.response.content = {status: r.statusCode, content: r.content};`,
  python3: `r = platform.api.get('notes/_table/secret_notes')
event.response.content = {'status': r.status, 'content': json.loads(r.read())}`,
  php: `$get = $platform['api']->get;
$r = $get('notes/_table/secret_notes');
$event['response']['content'] = ['status' => $r['status_code'], 'content' => $r['content']];`,
};

describe.each(Object.entries(languages))('a script in %s', (type, content) => {
  test('asks on the role that its configuration names, and otherwise as its caller', async () => {
    await attach(content, { type });
    const without = (await ask('notes/_table/open_notes')).body;
    expect(without.status).toBe(403);
    await system(`event_script/${event}`, 'PATCH', { run_as_role_id: ids.keeper });
    expect((await ask('notes/_table/open_notes')).body).toEqual({
      status: 200,
      content: { resource: [{ id: 1, text: 'secret' }] },
    });
  });

  test('is refused when the role was switched off, at once', async () => {
    await attach(content, { type, run_as_role_id: ids.keeper });
    await setRole({ is_active: false });
    const { body } = await ask('notes/_table/open_notes');
    expect(body).toMatchObject({ status: 403 });
    expect(JSON.stringify(body)).toContain(`is to run as role ${ids.keeper}, which does not exist or is not`);
  });
});

const read = (path: string) =>
  `const r = await platform.api.get('${path}'); return {code: r.statusCode, answer: r.content};`;

describe('the authority of a role', () => {
  test('is that of a script, never of its caller', async () => {
    await attach(languages.python3, { type: 'python3', run_as_role_id: ids.keeper });
    await ask('notes/_table/open_notes');
    const direct = await ask('notes/_table/secret_notes');
    expect(direct.status).toBe(403);
  });

  test('takes away what an administrator may do beyond it', async () => {
    await addScriptedService(server, read('system/user'), { config: { run_as_role_id: ids.keeper } });
    const { body } = await server.ask('/api/v2/math');
    expect(body).toMatchObject({ code: 403 });
    expect(body.answer.error.message).toContain(
      "'user' of service 'system' is not allowed by the role keeper",
    );
  });

  test('is had by scripted services too, with the user that called', async () => {
    const both = `const r = await platform.api.get('notes/_table/secret_notes');
      const me = await platform.api.get('user/profile');
      return {count: r.content.resource.length, me: me.content.email, role: platform.session.role.name};`;
    await addScriptedService(server, both, { config: { run_as_role_id: ids.keeper } });
    expect((await ask('math')).body).toEqual({ count: 1, me: uma.email, role: 'caller' });
  });

  test('is had by whoever calls with a key alone', async () => {
    await addScriptedService(server, read('notes/_table/secret_notes'), {
      config: { run_as_role_id: ids.keeper },
    });
    const headers = { 'X-DreamFactory-API-Key': apiKey };
    const answer = await server.ask('/api/v2/math', { anonymous: true, headers });
    expect(answer.body).toMatchObject({ code: 200 });
  });

  test('goes on to what its calls set off, and ends there', async () => {
    // Runs for the role, because the call that sets it off is the role's.
    await attach(
      `const r = await platform.api.get('notes/_table/far_notes');
       event.response.content = {role: platform.session.role.name, nested: r.statusCode};`,
      {},
      'notes._table.secret_notes.get.post_process',
    );
    const outer = `const r = await platform.api.get('notes/_table/secret_notes');
      event.response.content = {outer: platform.session.role.name, inner: r.content};`;
    await attach(outer, { run_as_role_id: ids.keeper });
    const { body } = await ask('notes/_table/open_notes');
    expect(body).toEqual({ outer: 'caller', inner: { role: 'keeper', nested: 200 } });
  });

  test('is had in transactions', async () => {
    const content = `await platform.transaction('notes', async () => {
        await platform.api.post('notes/_table/secret_notes', {resource: [{text: 'kept'}]});
      });
      try {
        await platform.transaction('notes', async () => {
          await platform.api.post('notes/_table/secret_notes', {resource: [{text: 'undone'}]});
          throw new Error('no');
        });
      } catch {}
      const r = await platform.api.get('notes/_table/secret_notes?fields=text');
      return r.content.resource.map((row) => row.text);`;
    await addScriptedService(server, content, { config: { run_as_role_id: ids.keeper } });
    expect((await ask('math')).body).toEqual(['secret', 'kept']);
    await server.ask("/api/v2/notes/_table/secret_notes?filter=text='kept'", { method: 'DELETE' });
  });

  test.each([
    `{headers: {'X-DreamFactory-API-Key': 'x', run_as_role_id: KEEPER, 'X-Run-As': 'keeper'}}`,
    `{parameters: {run_as_role_id: KEEPER, acting: {principal: {isAdmin: true}}}}`,
    `{run_as_role_id: KEEPER, acting: {principal: {isAdmin: true}}, principal: {isAdmin: true}}`,
  ])('cannot be chosen by code: %s', async (options) => {
    const written = options.replaceAll('KEEPER', String(ids.keeper));
    const content = `event.setResponse; platform.acting = platform.run_as_role_id = ${ids.keeper};
      const r = await platform.api.get('notes/_table/secret_notes', ${written});
      return r.statusCode;`;
    await addScriptedService(server, content);
    expect((await ask('math')).body).toBe(403);
  });
});

describe('the audit log', () => {
  test('has one entry for the runs of a script for a user in a minute, and the log each', async () => {
    await attach(languages.python3, { type: 'python3', run_as_role_id: ids.keeper }, event);
    const before = (await elevations()).length;
    server.observations.length = 0;
    for (let run = 0; run < 5; run++) await ask('notes/_table/open_notes');
    await server.ask('/api/v2/notes/_table/open_notes');
    const told = await elevations();
    // The user's may stand in the entry of a test before, within the same minute.
    expect(told.length - before).toBeLessThanOrEqual(2);
    const own = told.filter((entry: { record: string }) => entry.record === `script/${event}`);
    expect(own[0]).toMatchObject({
      ...{ record: `script/${event}`, user_email: 'admin@example.com', before: null, door: 'http' },
      after: { by: `script ${event}`, to: 'role keeper', runs: 1 },
    });
    expect(own.map((entry: { user_email: string }) => entry.user_email)).toContain(uma.email);
    const seen = server.observations.filter(({ kind }) => kind === 'elevated');
    expect(seen).toHaveLength(6);
    expect(seen[0]).toMatchObject({ to: 'role keeper', service: 'notes', path: '_table/secret_notes' });
  });

  test('tells of what such a script changes in the system, and by whose authority', async () => {
    const rows = [access(null, '*', [31, 2])];
    const role = (await make('role', { name: 'maker', role_service_access_by_role_id: rows })).id;
    const content = `const r = await platform.api.post('system/lookup', {resource: [{name: 'made', value: 'x'}]});
      return r.statusCode;`;
    await addScriptedService(server, content, { config: { run_as_role_id: role } });
    expect((await ask('math')).body).toBe(201);
    const { body } = await server.ask("/api/v2/system/audit?filter=record starts with 'lookup/'&limit=1");
    expect(body.resource[0]).toMatchObject({
      ...{ action: 'create', user_email: uma.email, door: 'script' },
      elevation: { by: 'script service.math', to: 'role maker' },
      remote_address: '127.0.0.1',
    });
  });

  test('stays whole', async () => {
    expect((await server.ask('/api/v2/system/audit?verify=true')).body).toMatchObject({ broken_at: null });
  });
});

describe('who may say what a script runs as', () => {
  const script = { type: 'nodejs', content: 'return 1', is_active: true };

  test.each([
    ['event_script/notes.get.pre_process', { ...script, run_as_role_id: 9999 }],
    ['event_script/notes.get.pre_process', { ...script, run_as_role_id: 'keeper' }],
    [
      'service',
      { resource: [{ name: 'm', type: 'nodejs', config: { content: '1', run_as_role_id: 9999 } }] },
    ],
    ['service', { resource: [{ name: 'm', type: 'nodejs', config: { content: '1', run_as_role_id: 'x' } }] }],
  ])('nobody a role that is not there: %s', async (path, body) => {
    const answer = await server.ask(`/api/v2/system/${path}`, { method: 'POST', body });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('run_as_role_id')]);
  });

  test('nobody a role that is switched off', async () => {
    await setRole({ is_active: false });
    const body = { ...script, run_as_role_id: ids.keeper };
    const answer = await server.ask('/api/v2/system/event_script/notes.get.pre_process', {
      method: 'POST',
      body,
    });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('not active')]);
  });

  // The role `caller` may do everything by API: whoever has it is a delegated author.
  const asAuthor = async (path: string, method: string, body?: unknown) =>
    ask(`system/${path}`, body === undefined ? { method } : { method, body });

  test('delegated authors write scripts, but none that runs as a role', async () => {
    const path = 'event_script/notes.get.pre_process';
    expect((await asAuthor(path, 'POST', script)).status).toBe(201);
    for (const method of ['PATCH', 'POST', 'PUT']) {
      const answer = await asAuthor(path, method, { ...script, run_as_role_id: ids.keeper });
      expect([method, answer.status, answer.text]).toEqual([
        ...[method, 403],
        expect.stringContaining('Only administrators'),
      ]);
    }
    const config = { content: 'return 1', run_as_role_id: ids.keeper };
    const body = { resource: [{ name: 'mine', type: 'nodejs', config }] };
    expect((await asAuthor('service', 'POST', body)).status).toBe(403);
  });

  test('delegated authors do not touch one that does', async () => {
    const path = 'event_script/notes.get.pre_process';
    await system(path, 'POST', { ...script, run_as_role_id: ids.keeper });
    for (const [method, body] of [
      ['PATCH', { content: 'return 2' }],
      ['PATCH', { run_as_role_id: null }],
      ['POST', { ...script, content: 'return 2', run_as_role_id: null }],
      ['DELETE', undefined],
    ] as const) {
      const answer = await asAuthor(path, method, body);
      expect([method, answer.status]).toEqual([method, 403]);
    }
    await addScriptedService(server, 'return 1;', { config: { run_as_role_id: ids.keeper } });
    const { body } = await server.ask("/api/v2/system/service?filter=name='math'");
    const edit = { config: { content: 'return 2;' } };
    expect((await asAuthor(`service/${body.resource[0].id}`, 'PATCH', edit)).status).toBe(403);
    const kept = await server.ask(`/api/v2/system/${path}`);
    expect(kept.body).toMatchObject({ content: 'return 1', run_as_role_id: ids.keeper });
  });
});
