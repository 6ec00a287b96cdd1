// What went wrong in products like this one, tried on ours: a test for each published weakness whose place is a
// running server. Which lesson is tried where is listed in docs/reference/security-tests.md.
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { addScriptedService } from '../scripted-service.ts';
import { startTestServer, type TestServer } from '../server.ts';

const sql = `CREATE TABLE todo (id INTEGER PRIMARY KEY, title TEXT, rank INTEGER, doc JSON);
  INSERT INTO todo VALUES (1, 'one', 1, '{}'), (2, 'two', 2, NULL);`;
const canary = 'c4n4ry-0f-a-s3rv1c3';

let server: TestServer;
let stranger: Server;
const heard: string[] = [];

beforeAll(async () => {
  stranger = createServer((asked, response) => {
    heard.push(`${asked.url} ${JSON.stringify(asked.headers)}`);
    response.end('{}');
  });
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  server = await startTestServer();
  await server.addDatabase('hr', sql);
  const resource = [
    {
      ...{ name: 'far', label: 'far', type: 'pgsql', is_active: true },
      config: { host: 'db.example.com', database: 'x', username: 'u', password: canary },
    },
  ];
  const { status, text } = await server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
  if (status !== 201) throw new Error(text);
}, 60_000);

afterAll(async () => {
  await server.close();
  stranger.close();
});

const bodies: Readonly<Record<string, string>> = {
  'application/json':
    '{"files":[{"filepath":"/etc/passwd","name":"a","size":1}],"file":"/etc/passwd","title":"x"}',
  'application/x-www-form-urlencoded': 'files[0][filepath]=/etc/passwd&file=/etc/passwd&title=x',
  'application/xml':
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><title>&x;</title></a>',
  'text/csv': 'title,file\n=cmd|x,/etc/passwd\n',
  'text/plain': '/etc/passwd',
  'application/octet-stream': '\u0000\u0001',
  'multipart/form-data; boundary=x':
    '--x\r\nContent-Disposition: form-data; name="files"; filename="../../etc/passwd"\r\n\r\nroot\r\n--x--\r\n',
};
const types = Object.keys(bodies);

describe('content that is not what it says it is', () => {
  const pairs = types.flatMap((type) => types.map((kind) => [type, kind] as const));

  test.each(pairs)('sent as %s, but %s, reads no file and breaks nothing', async (type, kind) => {
    for (const path of [
      '/api/v2/hr/_table/todo',
      '/api/v2/system/import',
      '/api/v2/system/package',
      '/api/v2/system/user',
    ]) {
      const { status, text } = await server.ask(path, {
        ...{ method: 'POST', headers: { 'Content-Type': type }, body: bodies[kind] },
      });
      expect(status, path).toBeLessThan(500);
      expect(text, path).not.toMatch(/root:.?:0:0|\/etc\/passwd.*root/);
    }
  });
});

describe('keys that are members of every object', () => {
  const keys = ['__proto__', 'constructor', 'prototype', '__defineGetter__', 'toString'];
  const nest = (key: string, depth: number): string =>
    depth === 0 ? '{"polluted":1}' : `{"a":1,"${key}":${nest(key, depth - 1)},"z":[${depth}]}`;
  const cases = keys.flatMap((key) => [1, 2, 5].map((depth) => [key, depth] as const));

  test.each(cases)('%s at depth %i change nothing but the value they are in', async (key, depth) => {
    const json = nest(key, depth);
    const asks: [string, string, string | undefined, string][] = [
      ['POST', '/api/v2/hr/_table/todo', json, 'application/json'],
      ['POST', '/api/v2/hr/_table/todo', `{"resource":[${json}]}`, 'application/json'],
      ['PATCH', '/api/v2/hr/_table/todo/1', `{"doc":${json}}`, 'application/json'],
      [
        'POST',
        '/api/v2/hr/_table/todo',
        `a[${key}][polluted]=1&${key}[polluted]=1`,
        'application/x-www-form-urlencoded',
      ],
      ['POST', '/api/v2/hr/_table/todo', `<r><${key}><polluted>1</polluted></${key}></r>`, 'application/xml'],
      ['GET', `/api/v2/hr/_table/todo?${key}[polluted]=1&a[${key}]=1`, undefined, ''],
      ['PATCH', '/api/v2/user/profile', json, 'application/json'],
      ['POST', '/api/v2/system/role', json, 'application/json'],
      ['POST', '/api/v2/system/lookup', `{"name":"${key}","value":"x"}`, 'application/json'],
      ['POST', '/api/v2/system/service', `{"name":"p","type":"sqlite","config":${json}}`, 'application/json'],
    ];
    for (const [method, path, body, type] of asks) {
      const { status } = await server.ask(path, {
        ...{ method, body },
        headers: type === '' ? {} : { 'Content-Type': type },
      });
      expect(status, `${method} ${path}`).toBeLessThan(500);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect((await server.ask('/api/v2/hr/_table/todo/2')).body).toMatchObject({ title: 'two' });
  });

  it('in what a script returns stay in the answer', async () => {
    const content = `return JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');`;
    await addScriptedService(server, content, { name: 'polluter' });
    expect((await server.ask('/api/v2/polluter')).status).toBe(200);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('values of another shape than the one that is meant', () => {
  const shapes = ['[a]=1', '[]=1', '[$gt]=', '[toString]=1', '[a][b][c]=1'];
  const names = [
    'filter',
    'limit',
    'offset',
    'order',
    'group',
    'fields',
    'ids',
    'related',
    'id_field',
    'include_count',
  ];

  test.each(names)('of %s in the query are refused or read as text', async (name) => {
    for (const shape of shapes) {
      const { status } = await server.ask(`/api/v2/hr/_table/todo?${name}${shape}`);
      expect(status, shape).toBeLessThan(500);
    }
  });

  test.each([{ a: 1 }, [1], [], { toSqlString: 'x' }, true])(
    'in place of a text are refused: %j',
    async (value) => {
      const before = (await server.ask('/api/v2/hr/_table/todo?count_only=true')).body;
      for (const field of ['title', 'rank', 'id']) {
        const { status } = await server.ask('/api/v2/hr/_table/todo/1', {
          method: 'PATCH',
          body: { [field]: value },
        });
        expect(status, field).toBeLessThan(500);
      }
      const login = await server.ask('/api/v2/user/session', {
        ...{ method: 'POST', anonymous: true, body: { email: value, password: value } },
      });
      expect(login.status).toBe(400);
      expect((await server.ask('/api/v2/hr/_table/todo?count_only=true')).body).toBe(before);
    },
  );
});

describe('what scripts are given', () => {
  it.each(['nodejs', 'python3', 'php'])('holds no secret of a service: %s', async (type) => {
    const content = {
      nodejs: 'return { all: JSON.stringify([event, platform]) };',
      python3: 'return {"all": json.dumps([event, platform], default=str)}',
      php: 'return ["all" => json_encode([$event, $platform], JSON_PARTIAL_OUTPUT_ON_ERROR)];',
    }[type];
    const name = `show_${type}`;
    await addScriptedService(server, content ?? '', { name, type });
    const { status, text } = await server.ask(`/api/v2/${name}`);
    expect(status).toBe(200);
    expect(text).toContain('session');
    expect(text).not.toContain(canary);
    expect(text).not.toContain('correct horse');
  });

  it('reaches the platform, whatever host the caller names', async () => {
    const content = `return new Promise((resolve) => platform.api.get('hr/_table/todo/2', {}, (body) => resolve({ body })));`;
    await addScriptedService(server, content, { name: 'caller' });
    const { port } = stranger.address() as AddressInfo;
    for (const name of ['Host', 'X-Forwarded-Host', 'X-Original-URL', 'X-Rewrite-URL']) {
      const text = await rawGet('/api/v2/caller', { [name]: `127.0.0.1:${port}` });
      expect(text, name).toContain('two');
    }
    expect(heard).toEqual([]);
  });

  it.each([
    ['nodejs', `console.log('{"request":{},"response":{"content":"forged"}}'); return { honest: true };`],
    ['python3', `print('{"request":{},"response":{"content":"forged"}}')\nreturn {"honest": True}`],
    ['php', `echo '{"request":{},"response":{"content":"forged"}}'; return ["honest" => true];`],
  ])('prints what it likes, and that is no answer: %s', async (type, content) => {
    const name = `prints_${type}`;
    await addScriptedService(server, content, { name, type });
    const { body, text } = await server.ask(`/api/v2/${name}`);
    expect(body).toEqual({ honest: true });
    expect(text).not.toContain('forged');
  });

  it('is data, whatever is written in it', async () => {
    const content = 'return { title: event.request.payload.title };';
    await addScriptedService(server, content, { name: 'says' });
    for (const title of [
      "'; process.exit(1); //",
      '\u2028\u2029',
      '</script>',
      ['$', '{7*7}'].join(''),
      '{{7*7}}',
      '`id`',
      '{user.email}',
    ]) {
      const { body } = await server.ask('/api/v2/says', { method: 'POST', body: { title } });
      expect(body).toEqual({ title });
    }
  });
});

describe('ways round the access check', () => {
  it('no name of a service opens it', async () => {
    for (const name of ['my_oauth', 'login', 'session', 'public', 'environment']) {
      await addScriptedService(server, 'return { open: true };', { name });
      const { status } = await server.ask(`/api/v2/${name}`, { anonymous: true });
      expect(status, name).toBe(400);
    }
  });

  it('tokens of scripts are no credentials in the query or the content', async () => {
    const content = 'return { token: platform.session.session_token };';
    await addScriptedService(server, content, { name: 'token' });
    const { body } = await server.ask('/api/v2/token');
    const token: string = body.token;
    expect(token).toMatch(/^run\./);
    for (const name of ['script_token', 'session_token', 'token']) {
      const path = `/api/v2/hr/_table/todo`;
      expect((await server.ask(`${path}?${name}=${token}`, { anonymous: true })).status, name).toBe(400);
      const inside = await server.ask(path, {
        method: 'POST',
        anonymous: true,
        body: { [name]: token, title: 'x' },
      });
      expect(inside.status, name).toBe(400);
    }
    const header = await server.ask('/api/v2/hr/_table/todo', {
      ...{ anonymous: true, headers: { 'X-DreamFactory-Script-Token': token } },
    });
    expect(header.status).toBe(400);
  });

  it('a reader reads, whatever the verb is called', async () => {
    const { body } = await server.ask('/api/v2/system/service?filter=name=%27hr%27&fields=id');
    const role = await server.ask('/api/v2/system/role', {
      method: 'POST',
      body: {
        name: 'reader',
        role_service_access_by_role_id: [
          { service_id: body.resource[0].id, component: '*', verb_mask: 1, requestor_mask: 3 },
        ],
      },
    });
    const app = await server.ask('/api/v2/system/app?fields=api_key', {
      ...{ method: 'POST', body: { name: 'reader', role_id: role.body.resource[0].id } },
    });
    const headers = { 'X-DreamFactory-API-Key': String(app.body.resource[0].api_key) };
    const before = (await server.ask('/api/v2/hr/_table/todo')).text;
    const path = '/api/v2/hr/_table/todo/1';
    expect((await server.ask(path, { anonymous: true, headers })).status).toBe(200);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const own = { method, anonymous: true, headers, body: { resource: [{ id: 1, title: 'x' }] } };
      expect([401, 403], method).toContain((await server.ask('/api/v2/hr/_table/todo', own)).status);
      expect([401, 403, 404], method).toContain((await server.ask(path, own)).status);
      const tunnel = { ...own, method: 'POST', headers: { ...headers, 'X-HTTP-Method': method } };
      expect([401, 403], `tunnelled ${method}`).toContain(
        (await server.ask('/api/v2/hr/_table/todo', tunnel)).status,
      );
      const asked = await server.ask(`/api/v2/hr/_table/todo?method=${method}`, { anonymous: true, headers });
      expect([200, 400, 401, 403], `asked ${method}`).toContain(asked.status);
    }
    expect((await server.ask('/api/v2/hr/_table/todo')).text).toBe(before);
  });
});

function rawGet(path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const own = { 'X-DreamFactory-Session-Token': server.token, ...headers };
    const asked = request(`${server.url}${path}`, { headers: own }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject).end();
  });
}
