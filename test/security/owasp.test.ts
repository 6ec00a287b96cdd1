// The ten risks of APIs that OWASP lists (2023), each tried on a running server in at least three ways. What is
// tried at length elsewhere is named in docs/reference/security-tests.md.
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { addScriptedService } from '../scripted-service.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';
import { startUpstream, type Upstream } from './upstream.ts';

const sql = `
  CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, salary INTEGER, owner TEXT, approved INTEGER DEFAULT 0);
  CREATE TABLE note (id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES person(id), text TEXT, owner TEXT);
  INSERT INTO person (id, name, salary, owner) VALUES (1, 'Ann', 100, 'ann'), (2, 'Bob', 200, 'bob');
  INSERT INTO note VALUES (1, 1, 'mine', 'ann'), (2, 2, 'theirs', 'bob');`;

let server: TestServer;
let upstream: Upstream;
/** As the user ann, who may do everything with what is hers, and neither see salaries nor approve herself. */
let ann: (path: string, ask?: Ask) => Promise<Answer>;
let annKey = '';

async function make(resource: string, record: object): Promise<{ id: number; api_key: string }> {
  const answer = await server.ask(`/api/v2/system/${resource}?fields=*`, {
    method: 'POST',
    body: { resource: [record] },
  });
  if (answer.status !== 201) throw new Error(`${resource}: ${answer.text}`);
  return answer.body.resource[0];
}

async function idOf(service: string): Promise<number> {
  const { body } = await server.ask(`/api/v2/system/service?filter=name='${service}'&fields=id`);
  return body.resource[0].id;
}

async function makeAnn(): Promise<void> {
  const own = {
    ...{ service_id: await idOf('hr'), verb_mask: 31, requestor_mask: 3, filter_op: 'AND' },
    filters: [{ name: 'owner', operator: '=', value: '{user.username}' }],
  };
  const fields = [
    { field: 'salary', access: 'hidden' },
    { field: 'approved', access: 'read_only' },
  ];
  const role = await make('role', {
    name: 'own',
    is_active: true,
    role_service_access_by_role_id: [
      { ...own, component: '_table/person', fields },
      { ...own, component: '_table/note' },
      { service_id: await idOf('relay'), component: '*', verb_mask: 31, requestor_mask: 3 },
    ],
  });
  const app = await make('app', { name: 'own', is_active: true, role_id: role.id });
  annKey = app.api_key;
  await make('user', { email: 'ann@example.com', username: 'ann', name: 'Ann', password: 'ann is here now' });
  const login = await server.ask('/api/v2/user/session', {
    ...{ method: 'POST', anonymous: true, body: { email: 'ann@example.com', password: 'ann is here now' } },
    headers: { 'X-DreamFactory-API-Key': annKey },
  });
  const headers = {
    'X-DreamFactory-API-Key': annKey,
    'X-DreamFactory-Session-Token': String(login.body.session_token),
  };
  ann = (path, ask = {}) =>
    server.ask(path, { ...ask, anonymous: true, headers: { ...headers, ...ask.headers } });
}

const fetcher = `return new Promise((resolve) => platform.api.get(event.request.parameters.url, {}, (body, response) =>
  resolve({ status: response.statusCode, body: String(body).slice(0, 200), size: String(body).length })));`;

beforeAll(async () => {
  upstream = await startUpstream();
  server = await startTestServer({ TENON_EGRESS_ALLOW: `127.0.0.1:${upstream.port}` });
  await server.addDatabase('hr', sql);
  await addScriptedService(server, fetcher, { name: 'relay' });
  await makeAnn();
}, 60_000);

afterAll(async () => {
  await server.close();
  await upstream.close();
});

const people = '/api/v2/hr/_table/person';
const stored = async (table: string) => (await server.ask(`/api/v2/hr/_table/${table}`)).body.resource;

describe('API1, objects of others', () => {
  it('are not there to be read, by id or by filter', async () => {
    expect((await ann(`${people}/1?fields=id`)).body).toEqual({ id: 1 });
    expect((await ann(`${people}/2`)).status).toBe(404);
    expect((await ann(`${people}?fields=id`)).body).toEqual({ resource: [{ id: 1 }] });
    const wider = encodeURIComponent("(id > 0) or (owner = 'bob')");
    expect((await ann(`${people}?filter=${wider}&fields=id`)).body).toEqual({ resource: [{ id: 1 }] });
    expect((await ann(`${people}?count_only=true`)).body).toBe(1);
  });

  it('come with no relation', async () => {
    const { body } = await ann(`${people}?related=note_by_person_id&fields=id`);
    expect(body.resource).toEqual([
      { id: 1, note_by_person_id: [expect.objectContaining({ text: 'mine' })] },
    ]);
    expect((await ann('/api/v2/hr/_table/note/2?related=person_by_person_id')).status).toBe(404);
  });

  it.each(['PATCH', 'PUT', 'DELETE'])('are not changed by %s, alone or among her own', async (method) => {
    const before = await stored('person');
    expect((await ann(`${people}/2`, { method, body: { name: 'Eve' } })).status).toBe(404);
    const batch = { resource: [{ id: 2, name: 'Eve' }] };
    expect((await ann(people, { method, body: batch })).status).toBeGreaterThanOrEqual(400);
    const byFilter = await ann(`${people}?filter=${encodeURIComponent('id = 2')}`, {
      method,
      body: { resource: [{ name: 'Eve' }] },
    });
    expect(byFilter.status).toBeLessThan(500);
    expect(await stored('person')).toEqual(before);
  });

  it('are not made hers, nor hers theirs', async () => {
    const before = await stored('person');
    expect((await ann(`${people}/1`, { method: 'PATCH', body: { owner: 'bob' } })).status).toBe(403);
    const made = await ann(people, { method: 'POST', body: { resource: [{ name: 'x', owner: 'bob' }] } });
    expect(made.status).toBeGreaterThanOrEqual(400);
    expect(await stored('person')).toEqual(before);
  });
});

describe('API2, who somebody is', () => {
  it('is not told by a token in the query', async () => {
    const { status } = await server.ask(`/api/v2/system/user?session_token=${server.token}`, {
      anonymous: true,
    });
    expect(status).toBe(400);
  });

  it('is the same answer for an account that is not there as for a wrong password', async () => {
    const of = (email: string) =>
      server.ask('/api/v2/user/session', {
        ...{ method: 'POST', anonymous: true, body: { email, password: 'certainly wrong' } },
      });
    const [known, unknown] = [await of('ann@example.com'), await of('nobody@example.com')];
    expect(known.status).toBe(unknown.status);
    expect(known.text).toBe(unknown.text);
  });

  it('ends with the session at once', async () => {
    const login = await server.ask('/api/v2/user/session', {
      ...{ method: 'POST', anonymous: true, body: { email: 'ann@example.com', password: 'ann is here now' } },
    });
    const headers = { 'X-DreamFactory-Session-Token': String(login.body.session_token) };
    expect((await server.ask('/api/v2/user/profile', { anonymous: true, headers })).status).toBe(200);
    await server.ask('/api/v2/user/session', { method: 'DELETE', anonymous: true, headers });
    expect((await server.ask('/api/v2/user/profile', { anonymous: true, headers })).status).toBe(403);
  });

  // Last, because from then on nobody at this address gets in.
  it('cannot be guessed at will, whatever address a header pretends', async () => {
    const statuses: number[] = [];
    for (let at = 0; at < 14; at++) {
      const { status } = await server.ask('/api/v2/user/session', {
        ...{ method: 'POST', anonymous: true },
        headers: {
          'X-Forwarded-For': `203.0.113.${at}`,
          'X-Real-IP': `203.0.113.${at}`,
          Forwarded: `for=203.0.113.${at}`,
        },
        body: { email: 'guessed@example.com', password: `guess ${at}` },
      });
      statuses.push(status);
    }
    // Wrong passwords from before count as well.
    expect(statuses[0]).toBe(401);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(10);
    expect(statuses.at(-1)).toBe(429);
  });
});

describe('API3, properties that are not for her', () => {
  const filter = (text: string) => `${people}?filter=${encodeURIComponent(text)}&fields=id`;

  it('are in no answer', async () => {
    for (const path of [people, `${people}?fields=*`, `${people}/1`, `${people}?related=*`]) {
      const { status, text } = await ann(path);
      expect(status).toBe(200);
      expect(text).not.toContain('salary');
    }
  });

  it('are as unknown in filters, orders and groups as any that is not there', async () => {
    const unknown = (name: string) => [
      filter(`${name} > 50`),
      `${people}?order=${name}`,
      `${people}?group=${name}&fields=${name}`,
      `${people}?fields=${name}`,
    ];
    for (const [at, path] of unknown('salary').entries()) {
      const hidden = await ann(path);
      const absent = await ann(unknown('nosuch')[at] ?? '');
      expect(hidden.status).toBe(absent.status);
      expect(hidden.text.replaceAll('salary', 'nosuch')).toBe(absent.text);
    }
  });

  it.each([true, 1, 0, null, '', [], {}])('are not written: %j', async (approved) => {
    const { status } = await ann(`${people}/1`, { method: 'PATCH', body: { approved } });
    expect(status).toBe(403);
    await ann(`${people}/1`, { method: 'PATCH', body: { salary: 999 } });
    expect((await stored('person'))[0]).toMatchObject({ salary: 100, approved: 0 });
  });

  it('of the own account are not written either', async () => {
    const wish = {
      is_sys_admin: true,
      is_active: false,
      user_to_app_to_role_by_user_id: [],
      role_id: 1,
      id: 1,
    };
    expect((await ann('/api/v2/user/profile', { method: 'PATCH', body: wish })).status).toBe(200);
    const { body } = await server.ask("/api/v2/system/user?filter=email='ann@example.com'");
    expect(body.resource[0]).toMatchObject({ is_sys_admin: false, is_active: true });
    expect((await ann('/api/v2/system/user')).status).toBe(403);
  });
});

describe('API4, what one request may take', () => {
  it('is a page, whatever is asked for', async () => {
    const rows = Array.from({ length: 900 }, (_, at) => ({ name: `n${at}` }));
    await server.addDatabase('big', 'CREATE TABLE n (id INTEGER PRIMARY KEY, name TEXT)');
    for (let round = 0; round < 2; round++) {
      const { status } = await server.ask('/api/v2/big/_table/n', {
        method: 'POST',
        body: { resource: rows },
      });
      expect(status).toBe(200);
    }
    const { body } = await server.ask('/api/v2/big/_table/n?limit=1000000&fields=id');
    expect(body.resource).toHaveLength(1_000);
    const batch = { resource: Array.from({ length: 1_001 }, () => ({ name: 'x' })) };
    expect((await server.ask('/api/v2/big/_table/n', { method: 'POST', body: batch })).status).toBe(400);
  });

  it('is a body of a size', async () => {
    const { status } = await server.ask(people, {
      method: 'POST',
      body: `{"a":"${'x'.repeat(12_000_000)}"}`,
    });
    expect(status).toBe(413);
  });

  it('is no nesting without end, in content or in filters', async () => {
    const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;
    expect((await server.ask(people, { method: 'POST', body: deep })).status).toBe(400);
    const brackets = `${'('.repeat(2_000)}id = 1${')'.repeat(2_000)}`;
    expect((await server.ask(`${people}?filter=${encodeURIComponent(brackets)}`)).status).toBe(400);
  });

  it('is no script without end', async () => {
    const config = { config: { timeout_ms: 300 } };
    await addScriptedService(server, 'while (true) {}', { name: 'loop', config });
    expect((await server.ask('/api/v2/loop')).status).toBe(504);
  });
});

describe('API5, what administrators do', () => {
  it.each([
    ['POST', 'admin', { email: 'eve@example.com', password: 'long enough here' }],
    [
      'POST',
      'event_script/hr._table.person.get.pre_process',
      { type: 'nodejs', content: '', is_active: true },
    ],
    ['POST', 'script_run', { type: 'nodejs', content: 'return 1;' }],
    ['PATCH', 'role/1', { role_service_access_by_role_id: [] }],
    ['PATCH', 'app/1', { role_id: 1 }],
    ['DELETE', 'run', undefined],
    ['GET', 'audit', undefined],
    ['GET', 'config', undefined],
    ['POST', 'package', {}],
  ])('others do not: %s system/%s', async (method, path, body) => {
    const { status } = await ann(`/api/v2/system/${path}`, { method, body });
    expect(status).toBe(403);
  });

  it('is not done under another verb either', async () => {
    for (const header of ['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override']) {
      const { status } = await ann('/api/v2/system/user/1', {
        method: 'POST',
        headers: { [header]: 'DELETE' },
      });
      expect(status).toBe(403);
    }
    expect((await ann('/api/v2/system/user/1?method=DELETE', { method: 'POST' })).status).toBe(403);
  });

  it.each([
    '//system/user',
    '/System/user',
    '/api/v2/./system/user',
    '/api/v2/hr/../system/user',
    '/api/v2/system/user/',
    '/api/v2.0/system/user',
    '/api/system/user',
    '/api/v2/%73ystem/user',
    '/api/v2/system%2fuser',
  ])('is not done by another way of writing its path: %s', async (path) => {
    const whole = path.startsWith('/api') ? path : `/api/v2${path}`;
    const { status, text } = await ann(whole);
    expect([400, 403, 404]).toContain(status);
    expect(text).not.toContain('ann@example.com');
  });
});

describe('API6, flows that are worth something', () => {
  it('registering is off until it is switched on', async () => {
    const body = { email: 'bot@example.com', password: 'long enough here', name: 'Bot' };
    const { status } = await server.ask('/api/v2/user/register', { method: 'POST', anonymous: true, body });
    expect([401, 403]).toContain(status);
    const { body: found } = await server.ask("/api/v2/system/user?filter=email='bot@example.com'");
    expect(found.resource).toEqual([]);
  });

  it('asking for a new password says the same of every account', async () => {
    const of = (email: string) =>
      server.ask('/api/v2/user/password?reset=true', { method: 'POST', anonymous: true, body: { email } });
    const [known, unknown] = [await of('ann@example.com'), await of('nobody@example.com')];
    expect(known.status).toBe(unknown.status);
    expect(known.text).toBe(unknown.text);
  });

  it('a limit holds for everybody who shares it, however they come', async () => {
    await make('limit', {
      name: 'all',
      type: 'instance.service',
      rate: 3,
      period: 'minute',
      service_id: await idOf('relay'),
      is_active: true,
    });
    const statuses: number[] = [];
    for (let at = 0; at < 5; at++) {
      const headers = { 'X-Forwarded-For': `203.0.113.${at}`, 'X-DreamFactory-API-Key': annKey };
      statuses.push((await ann(`/api/v2/relay?url=${upstream.url}/x`, { headers })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    await server.ask("/api/v2/system/limit?filter=name='all'", { method: 'DELETE' });
    expect((await ann(`/api/v2/relay?url=${upstream.url}/x`)).status).toBe(200);
  });
});

describe('API7, calls to where nobody from outside gets', () => {
  const relay = async (url: string) =>
    (await server.ask(`/api/v2/relay?url=${encodeURIComponent(url)}`)).body;

  test.each([
    'http://127.0.0.1:1/',
    'http://localhost:1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]:1/',
    'http://[::ffff:127.0.0.1]:1/',
    'http://[64:ff9b::7f00:1]:1/',
    'http://2130706433:1/',
    'http://0x7f.1:1/',
    'http://0177.0.0.1:1/',
    'http://10.0.0.1/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:1/',
  ])('do not leave a script: %s', async (url) => {
    const { status, body = '' } = await relay(url);
    expect(status === undefined ? 'refused' : status).not.toBe(200);
    expect(String(body)).not.toContain('root:');
  });

  it('do not follow what another server redirects to', async () => {
    const { status, body = '' } = await relay(`${upstream.url}/inside`);
    expect(String(body)).not.toContain('meta-data');
    expect(status).not.toBe(200);
  });

  it('reach what the operator allowed, and no other port of it', async () => {
    expect((await relay(`${upstream.url}/fine`)).status).toBe(200);
    const { port } = new URL(server.url);
    const before = upstream.received.length;
    expect((await relay(`http://127.0.0.1:${Number(port) + 1}/`)).status).not.toBe(200);
    expect(upstream.received).toHaveLength(before);
  });
});

describe('API8, settings and what goes without saying', () => {
  it.each(['', '/api/v2', '/api/v2/hr/_table/person', '/api/v2/nope', '/nope'])(
    'answers of %j say what they are and do not say what made them',
    async (path) => {
      const { headers, text } = await server.ask(path === '' ? '/' : path, { anonymous: true });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('server')).toBeNull();
      expect(text).not.toMatch(/node_modules|\.ts:\d|at async|SQLITE|SELECT /);
    },
  );

  it('no page of another origin may come with credentials', async () => {
    const { headers } = await server.ask('/api/v2', {
      anonymous: true,
      headers: { Origin: 'https://evil.example' },
    });
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    const wild = { path: '*', origin: '*', supports_credentials: true };
    const { status } = await server.ask('/api/v2/system/cors', { method: 'POST', body: wild });
    expect(status).toBe(400);
  });

  it('nothing is traced or switched', async () => {
    for (const method of ['TRACE', 'TRACK', 'DEBUG', 'PROPFIND']) {
      const { status } = await server.ask('/api/v2', { method });
      expect([400, 405, 501], method).toContain(status);
    }
  });

  it.each(['change-me', '00000000000000000000000000000000', 'secret'])(
    'a master key like %j is refused',
    async (key) => {
      await expect(startTestServer({ TENON_MASTER_KEY: key })).rejects.toThrow(/TENON_MASTER_KEY/);
    },
  );
});

describe('API9, what there is', () => {
  it('is in the description, service by service', async () => {
    const { body: list } = await server.ask('/api/v2');
    const { body: whole } = await server.ask('/api/v2/api_docs/_all');
    const described = new Set(Object.keys(whole.paths).map((path) => path.split('/')[1]));
    for (const { name } of list.services) expect(described, name).toContain(name);
  });

  it('is all that fires an event', async () => {
    const { body } = await server.ask('/api/v2/system/event?service=system');
    const { body: document } = await server.ask('/api/v2/system/_spec');
    const plain = (path: string) => path.replace(/\{[^}]*\}/g, '{}').replace(/\/$/, '');
    const described = new Set(Object.keys(document.paths).map((path) => plain(path)));
    const live = Object.keys(body.system ?? {}).map((path) =>
      plain(`/${path.split('.').slice(1).join('/')}`),
    );
    expect(live.length).toBeGreaterThan(15);
    for (const path of live)
      expect(
        [...described].some((known) => known === path || known.startsWith(`${path}/`) || path === ''),
        path,
      ).toBe(true);
  });

  it.each([
    '/debug',
    '/metrics/x',
    '/api/v2/_debug',
    '/.env',
    '/.git/config',
    '/admin',
    '/api/v2/system/phpinfo',
    '/console',
    '/actuator',
    '/graphql',
  ])('is nothing at %s', async (path) => {
    expect([400, 404]).toContain((await server.ask(path)).status);
  });
});

describe('API10, what others send', () => {
  const relay = async (path: string) =>
    server.ask(`/api/v2/relay?url=${encodeURIComponent(`${upstream.url}${path}`)}`);

  it('without end is cut off', async () => {
    const { status, body } = await relay('/endless');
    expect(status === 200 ? body.status : status).not.toBe(200);
    expect((await relay('/fine')).body.status).toBe(200);
  }, 30_000);

  it('that is nested without end is text for the script, and nothing falls over', async () => {
    const { status, body } = await relay('/deep');
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 200, size: 100_000 });
  });

  it('that is no text in its character set is text all the same', async () => {
    const { status, body } = await relay('/bytes');
    expect(status).toBe(200);
    expect(body.body).toContain('A');
  });
});
