// What is around scripted services over HTTP: how they are stored, events, roles, kept answers.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { play, saveScript } from '../scenario.ts';
import { addScriptedService, removeScripts, type ScriptedService } from '../scripted-service.ts';
import { fixtureSql, startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('hr', fixtureSql('script'));
});

afterAll(() => server.close());

beforeEach(() => removeScripts(server));

const service = (content: string, made?: ScriptedService) => addScriptedService(server, content, made);

const script = 'service.math';

describe('storing one', () => {
  test('gives back what was stored, text trimmed', async () => {
    const config = { storage_path: 'a.js', scm_reference: 'main', cache_ttl: 5, config: { QUEUED_DELAY: 3 } };
    const { status, body } = await service('\n  return 1;\n', { config });
    expect(status).toBe(201);
    const { id } = body.resource[0];
    const stored = await server.ask(`/api/v2/system/service/${id}?fields=type,config`);
    expect(stored.body).toEqual({
      type: 'nodejs',
      config: {
        service_id: id,
        ...{
          content: 'return 1;',
          config: { QUEUED_DELAY: 3 },
          queued: false,
          implements_access_list: false,
        },
        ...{ cache_enabled: false, cache_ttl: 5, storage_service_id: null, storage_path: 'a.js' },
        run_as_role_id: null,
        ...{ scm_repository: null, scm_reference: 'main' },
      },
    });
  });

  test('text that can not be loaded is stored with a warning, refuses its calls and its test', async () => {
    const { status, headers, body } = await service('return 1;\nvar a = ;');
    expect([status, headers.get('x-tenon-warning')]).toEqual([
      201,
      expect.stringMatching(/^Script 'service\.math' can not be loaded: .*\(line 2, column 9\)\.$/),
    ]);
    const { id } = body.resource[0];
    const called = await server.ask('/api/v2/math');
    expect([called.status, called.body.error.message]).toEqual([500, expect.stringContaining('line 2')]);
    const tested = await server.ask(`/api/v2/system/service/${id}/_test`, { method: 'POST' });
    expect([tested.status, tested.body.error.message]).toEqual([400, expect.stringContaining('line 2')]);
    const mended = await server.ask(`/api/v2/system/service/${id}`, {
      method: 'PATCH',
      body: { config: { content: 'return 2;' } },
    });
    expect([mended.status, mended.headers.get('x-tenon-warning')]).toEqual([200, null]);
    expect((await server.ask('/api/v2/math')).body).toBe(2);
  });

  test('what this release can not do is refused when it is switched on', async () => {
    const nowhere = { queued: true, config: { connection: 'nowhere' } };
    const queued = await service('return 1;', { config: nowhere });
    expect([queued.status, queued.body.error.message]).toEqual([
      400,
      expect.stringMatching(/no active queue connection 'nowhere'/),
    ]);
    const record = { name: 'linked', type: 'nodejs', is_active: false, config: { storage_service_id: 1 } };
    const body = { resource: [record] };
    const linked = await server.ask('/api/v2/system/service', { method: 'POST', body });
    expect(linked.status).toBe(201);
    const path = `/api/v2/system/service/${linked.body.resource[0].id}`;
    const on = await server.ask(path, { method: 'PATCH', body: { is_active: true } });
    expect([on.status, on.body.error.message]).toEqual([400, expect.stringMatching(/is linked/)]);
    const off = await server.ask('/api/v2/linked');
    expect(off.status).toBe(403);
  });

  test.each([
    ['python3', 'return 1\n\na = = 3', 'line 3'],
    ['python', 'print "x"\nreturn )', 'line 2'],
    ['php', '<?php\nreturn 1 +;', 'line 2'],
    ['typescript', 'const n: = 3;', 'line 1'],
  ])('whoever stores one is told of a mistake in %s', async (type, content, place) => {
    const { status, headers } = await service(content, { type });
    expect([status, headers.get('x-tenon-warning')]).toEqual([201, expect.stringContaining(place)]);
    expect((await server.ask('/api/v2/math')).status).toBe(500);
  });

  test('lists the types in the group Script', async () => {
    const { body } = await server.ask('/api/v2/system/service_type?group=script&fields=name,group');
    expect(body.resource.map(({ name }: { name: string }) => name)).toEqual([
      ...['nodejs', 'php', 'python', 'python3', 'typescript', 'v8js'],
    ]);
  });
});

describe('events around one', () => {
  test('run before and after, and see the path', async () => {
    await service('return { result: Number(event.request.parameters.n1) + 1 };');
    const before = 'math.get.pre_process';
    const after = 'math.get.post_process';
    await play(server, [
      saveScript(before, "event.request.parameters.n1 = '10';"),
      saveScript(after, 'event.response.content.via = [event.resource, event.request.resource];'),
      {
        path: '/api/v2/math/add?n1=4',
        status: 200,
        answer: { result: 11, via: ['add', 'add?n1=4'] },
        ran: [before, script, after],
      },
    ]);
  });

  test('may answer in its place, and see its errors as answers', async () => {
    await service("throw new Error('x');");
    const after = 'math.get.post_process';
    await play(server, [
      saveScript(after, 'event.setResponse({ was: event.response.content.error.message });'),
      { path: '/api/v2/math', status: 200, answer: { was: 'x' }, ran: [script, after] },
      saveScript('math.get.pre_process', 'event.response = { content: { short: true } };'),
      {
        path: '/api/v2/math',
        status: 500,
        ran: ['math.get.pre_process', after],
        observed: ['script.failed'],
      },
    ]);
  });

  const document = {
    format: 1,
    content: `
paths:
  /{service.name}/orders/{id}:
    get:
      summary: one order
    delete: {}
  /{service.name}/orders:
    get: {}
`,
  };

  test.each([
    ['nodejs', 'event.response.content.id = event.resource["{id}"];'],
    ['python3', "event.response.content.id = event.resource['{id}']"],
    ['php', "$event['response']['content']['id'] = $event['resource']['{id}'];"],
  ])(
    'are named by the definition, which tells them the values of placeholders: %s',
    async (type, content) => {
      await service('return { resource: event.resource };', { document });
      const after = 'math.orders.{id}.get.post_process';
      await play(server, [
        saveScript(after, content, { type }),
        {
          path: '/api/v2/math/orders/7',
          status: 200,
          answer: { resource: 'orders/7', id: '7' },
          ran: [script, after],
        },
        { path: '/api/v2/math/orders', status: 200, answer: { resource: 'orders' }, ran: [script] },
      ]);
      const all = await server.ask('/api/v2/system/event?service=math&as_list=true');
      expect(all.body.resource).toEqual([
        ...['get', 'post', 'put', 'patch', 'delete'].map((verb) => `math.${verb}`),
        ...['math.orders.{id}.get', 'math.orders.{id}.delete', 'math.orders.get'],
      ]);
    },
  );

  test('and components of the definition can be granted access on', async () => {
    await service('return 1;', { document });
    const list = await server.ask('/api/v2/math?as_access_list=true');
    expect(list.body).toEqual({ resource: ['', '*', 'orders/', 'orders/*', 'orders/{id}'] });
    await service('return event.request.parameters;', {
      name: 'own',
      config: { implements_access_list: true },
    });
    expect((await server.ask('/api/v2/own?as_access_list=true')).body).toEqual({ as_access_list: 'true' });
  });

  test('a bad definition is refused with the place', async () => {
    const bad = await service('return 1;', { document: { content: '{"paths":{"orders":{}}}' } });
    expect([bad.status, bad.body.error.message]).toEqual([400, expect.stringContaining("path 'orders'")]);
  });
});

describe('roles', () => {
  const row = (service: unknown, component: string, requestor: number) => {
    return { service_id: service, component, verb_mask: 1, requestor_mask: requestor };
  };

  /** The headers of an app whose role has these rows. */
  async function app(rows: readonly unknown[]): Promise<Record<string, string>> {
    const name = `r${Math.random().toString(36).slice(2)}`;
    const make = async (kind: string, record: object) => {
      const path = `/api/v2/system/${kind}?fields=*`;
      const { body } = await server.ask(path, { method: 'POST', body: { resource: [{ name, ...record }] } });
      return body.resource[0];
    };
    const role = await make('role', { is_active: true, role_service_access_by_role_id: rows });
    const { api_key: key } = await make('app', { is_active: true, role_id: role.id });
    return { 'X-DreamFactory-API-Key': key };
  }

  test('grant access on paths of a scripted service', async () => {
    const { body } = await service('return event.resource;', {
      document: { content: '{"paths":{"/orders/{id}":{"get":{}}}}' },
    });
    const headers = await app([row(body.resource[0].id, 'orders/*', 1)]);
    const ask = async (path: string, method = 'GET') =>
      (await server.ask(`/api/v2/math${path}`, { method, headers, anonymous: true })).status;
    expect(await ask('/orders/7')).toBe(200);
    expect(await ask('/orders/7/lines')).toBe(200);
    expect(await ask('/orders/7', 'DELETE')).toBe(401);
    expect(await ask('/bills/7')).toBe(401);
    expect(await ask('')).toBe(401);
  });

  test('may open a table to scripts alone: the service is the way to it', async () => {
    const { body } = await service("return await platform.api.get('hr/_table/todo/1?fields=title');");
    const { body: hr } = await server.ask("/api/v2/system/service?filter=name='hr'&fields=id");
    const headers = await app([row(body.resource[0].id, '*', 1), row(hr.resource[0].id, '_table/todo/*', 2)]);
    const ask = (path: string) => server.ask(`/api/v2/${path}`, { headers, anonymous: true });
    expect((await ask('hr/_table/todo/1')).status).toBe(401);
    expect((await ask('math')).body).toEqual({ title: 'Buy milk' });
  });

  test('of the caller hold inside the service', async () => {
    const { body } = await service("return await platform.api.get('hr/_table/todo/1');");
    const headers = await app([row(body.resource[0].id, '*', 3)]);
    const { status } = await server.ask('/api/v2/math', { headers, anonymous: true });
    expect(status).toBe(401);
  });

  test('are told apart by kept answers', async () => {
    const { body } = await service('return { app: platform.session.app.id };', {
      config: { cache_enabled: true },
    });
    const rows = [row(body.resource[0].id, '*', 3)];
    const [one, other] = [await app(rows), await app(rows)];
    const ask = async (headers: Record<string, string>) =>
      (await server.ask('/api/v2/math', { headers, anonymous: true })).body.app;
    const [first, second] = [await ask(one), await ask(other)];
    expect(first).toEqual(expect.any(Number));
    expect(second).not.toBe(first);
    expect(await ask(one)).toBe(first);
  });
});

describe('kept answers', () => {
  const content = 'return { at: process.hrtime.bigint().toString() };';

  const at = async (path = '/api/v2/math') => (await server.ask(path)).body.at;

  test('are given again until they are forgotten', async () => {
    const { body } = await service(content, { config: { cache_enabled: true } });
    const first = await at();
    expect([await at(), await at('/api/v2/math?_=123')]).toEqual([first, first]);
    expect(await at('/api/v2/math?a=1')).not.toBe(first);
    await server.ask('/api/v2/system/cache/math', { method: 'DELETE' });
    const second = await at();
    expect(second).not.toBe(first);
    expect(await at()).toBe(second);
    const path = `/api/v2/system/service/${body.resource[0].id}`;
    await server.ask(path, { method: 'PATCH', body: { label: 'Math' } });
    expect(await at()).not.toBe(second);
  });

  test('there are none unless they are switched on', async () => {
    await service(content);
    expect(await at()).not.toBe(await at());
  });
});
