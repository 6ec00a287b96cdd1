// Scripted services over HTTP, from the record of a service to its answers.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { play, saveScript } from '../scenario.ts';
import { fixtureSql, startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('hr', fixtureSql('script'));
});

afterAll(() => server.close());

beforeEach(async () => {
  const services = await server.ask("/api/v2/system/service?filter=type!='sqlite'&fields=id,name");
  for (const { id, name } of services.body.resource) {
    if (name !== 'system') await server.ask(`/api/v2/system/service/${id}`, { method: 'DELETE' });
  }
  const scripts = await server.ask('/api/v2/system/event_script?as_list=true');
  for (const name of scripts.body.resource) {
    await server.ask(`/api/v2/system/event_script/${name}`, { method: 'DELETE' });
  }
});

interface Made {
  readonly name?: string;
  readonly type?: string;
  readonly config?: Record<string, unknown>;
  readonly document?: unknown;
}

/** Makes a scripted service; gives the answer. */
async function service(content: string, made: Made = {}) {
  const { name = 'math', type = 'nodejs', config, document } = made;
  const record = { name, label: 'Math', type, is_active: true, config: { content, ...config } };
  const resource = [document === undefined ? record : { ...record, service_doc_by_service_id: document }];
  return server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
}

const script = 'service.math';

describe('a script that is a service', () => {
  test('answers every verb and path', async () => {
    await service('return { method: event.request.method, resource: event.resource };');
    const ask = async (method: string, path: string) => {
      const { status, body } = await server.ask(`/api/v2/math${path}`, { method });
      return [status, body];
    };
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(await ask(method, '')).toEqual([200, { method, resource: '' }]);
      expect(await ask(method, '/orders/7/')).toEqual([200, { method, resource: 'orders/7' }]);
    }
  });

  test.each([
    ['nodejs', 'return { seen: JSON.stringify(event) };'],
    ['python3', "return {'seen': json.dumps(event)}"],
    ['python', 'import json\nprint "dumped"\nreturn {"seen": json.dumps(event)}'],
    ['php', "return ['seen' => json_encode($event, JSON_UNESCAPED_SLASHES)];"],
    ['v8js', 'return { seen: JSON.stringify(event) };'],
  ])('shows a dump of its event in the recorded order: %s', async (type, content) => {
    await service(content, { type });
    const { body } = await server.ask('/api/v2/math/a/b?x=1');
    const seen = JSON.parse(body.seen);
    expect(Object.keys(seen)).toEqual(['request', 'response', 'resource', '__tag__']);
    expect(Object.keys(seen.request)).toEqual([
      ...['api_version', 'method', 'parameters', 'headers', 'payload', 'content', 'content_type'],
      ...['uri', 'service', 'resource'],
    ]);
    expect(JSON.stringify(seen.response)).toBe('{"content":null,"content_type":null,"status_code":200}');
    expect([seen.resource, seen.request.resource]).toEqual(['a/b', 'a/b?x=1']);
  });

  test('sees an event of request, blank response and resource, in this order', async () => {
    await service('return { keys: Object.keys(event), blank: event.response, stage: _event.stage };');
    await play(server, [
      {
        path: '/api/v2/math/add?n1=4',
        status: 200,
        ran: [script],
        answer: {
          keys: ['request', 'response', 'resource', '__tag__', 'setReturn', 'setResponse', 'setRequest'],
          blank: { content: null, content_type: null, status_code: 200 },
          stage: 'service',
        },
      },
    ]);
  });

  test('is written in TypeScript, or in V8js with calls that wait', async () => {
    await service('const n: number = Number(event.request.parameters.n); return { twice: n * 2 };', {
      type: 'typescript',
    });
    await service("return platform.api.get('math?n=4').content.twice;", { name: 'old', type: 'v8js' });
    await play(server, [
      { path: '/api/v2/math?n=3', status: 200, answer: { twice: 6 }, ran: [script] },
      { path: '/api/v2/old', status: 200, ran: [script, 'service.old'] },
    ]);
    expect((await server.ask('/api/v2/old')).body).toBe(8);
  });

  test('fails like every script, and says so', async () => {
    await service("throw Object.assign(new Error('no such order'), { status_code: 404 });");
    await play(server, [
      {
        path: '/api/v2/math',
        status: 404,
        answer: { error: { code: 404, message: 'no such order' } },
        ran: [script],
      },
    ]);
  });

  test('gives answers of any kind', async () => {
    const content = `
      const { kind } = event.request.parameters;
      if (kind === 'html') return { content: '<p>x</p>', content_type: 'text/html' };
      if (kind === 'made') { event.setResponse({ id: 1 }, 201); event.response.headers = { Location: '/1' }; return; }
      if (kind === 'text') return 'hi';
      if (kind === 'nothing') return;
      event.response.status_code = 404;
    `;
    await service(content);
    const ask = async (kind: string, accept: string) => {
      const { status, text, headers } = await server.ask(`/api/v2/math?kind=${kind}`, {
        headers: { accept },
      });
      return [status, headers.get('content-type'), text];
    };
    const any = '*/*';
    const json = 'application/json';
    expect(await ask('html', json)).toEqual([200, 'text/html; charset=UTF-8', '<p>x</p>']);
    expect(await ask('made', json)).toEqual([201, json, '{"id":1}']);
    expect((await server.ask('/api/v2/math?kind=made')).headers.get('location')).toBe('/1');
    expect(await ask('text', json)).toEqual([200, json, '"hi"']);
    expect(await ask('text', any)).toEqual([200, 'text/plain; charset=UTF-8', 'hi']);
    expect(await ask('nothing', any)).toEqual([200, json, '']);
    expect(await ask('else', any)).toEqual([404, json, '']);
  });

  test('passes on what another service answered, errors included', async () => {
    await service(`
      const path = 'hr/_table/todo/' + event.resource;
      const { parameters, method, payload } = event.request;
      return await platform.api.call(method, path, method === 'GET' ? null : payload, { parameters });
    `);
    const fields = { title: 'Buy milk' };
    expect((await server.ask('/api/v2/math/1?fields=title')).body).toEqual(fields);
    const missing = await server.ask('/api/v2/math/99');
    expect([missing.status, missing.body.error.status_code]).toEqual([404, 404]);
  });

  test('calls other scripted services, as far as calls may nest', async () => {
    await service('return { sum: 1 };', { name: 'one' });
    await service("return { got: JSON.parse((await platform.api.get('one')).body ?? '{}') };", {
      name: 'two',
    });
    await service("return await platform.api.get('math');");
    const loop = await server.ask('/api/v2/math');
    expect([loop.status, loop.body.error.message]).toEqual([
      508,
      expect.stringMatching(/nest deeper than 8/),
    ]);
  });

  test('prints into the log, unless log_output says no', async () => {
    await service("console.log('printed'); return 1;");
    for (const [query, log] of [
      ['', [{ text: 'printed' }]],
      ['?log_output=false', []],
    ] as const) {
      server.observations.length = 0;
      await server.ask(`/api/v2/math${query}`);
      expect(server.observations).toMatchObject([{ kind: 'script.finished', script, log }]);
    }
  });

  test('knows the options that it is stored with', async () => {
    await service('for (;;) {}', { config: { config: { timeout_ms: 50 } } });
    const { status, body } = await server.ask('/api/v2/math');
    expect([status, body.error.message]).toEqual([504, "Script 'service.math' did not end within 50 ms."]);
  });
});

describe('a service in PHP', () => {
  test('sends headers and statuses as PHP scripts do', async () => {
    await service(
      `<?php
      header('X-Powered-By: a script');
      if ($event['resource'] === 'gone') throw new \\DreamFactory\\Core\\Exceptions\\NotFoundException('It is gone.');
      return ['method' => $event['request']['method']];`,
      { type: 'php' },
    );
    const answer = await server.ask('/api/v2/math', { method: 'PUT' });
    expect([answer.status, answer.headers.get('x-powered-by')]).toEqual([200, 'a script']);
    expect(answer.body).toEqual({ method: 'PUT' });
    const gone = await server.ask('/api/v2/math/gone');
    expect([gone.status, gone.body.error.message]).toEqual([404, 'It is gone.']);
  });

  test('gives a table a path of its own', async () => {
    await service(
      `<?php
      $api = $platform['api'];
      $path = 'hr/_table/todo';
      if ($event['resource'] != '') $path .= '/' . $event['resource'];
      $options = ['parameters' => $event['request']['parameters']];
      $verb = strtolower($event['request']['method']);
      $call = $api->$verb;
      return $call($path, $event['request']['payload'] ?: null, $options);`,
      { type: 'php' },
    );
    expect((await server.ask('/api/v2/math/1?fields=title')).body).toEqual({ title: 'Buy milk' });
    const made = await server.ask('/api/v2/math', {
      method: 'POST',
      body: { resource: [{ title: 'made' }] },
    });
    const { id } = made.body.resource[0];
    expect((await server.ask(`/api/v2/math/${id}`, { method: 'DELETE' })).status).toBe(200);
    const missing = await server.ask(`/api/v2/math/${id}`);
    expect([missing.status, missing.body.error.code]).toEqual([404, 404]);
  });
});

describe('the examples', () => {
  const example = (name: string) =>
    readFileSync(new URL(`../../examples/services/${name}`, import.meta.url), 'utf8');

  test.each([
    ['nodejs', 'multiply.js'],
    ['typescript', 'multiply.ts'],
    ['python3', 'multiply.py'],
    ['php', 'multiply.php'],
  ])('multiply in %s', async (type, file) => {
    const document = { content: example('multiply.yaml'), format: 1 };
    const { status, headers } = await service(example(file), { type, document });
    expect([status, headers.get('x-tenon-warning')]).toEqual([201, null]);
    const ask = async (path: string) => {
      const { status, body } = await server.ask(`/api/v2/math/${path}`);
      return [status, body.result ?? body.error.message];
    };
    expect(await ask('multiply?n1=6&n2=7')).toEqual([200, 42]);
    expect(await ask('multiply?n1=6&n2=x')).toEqual([400, expect.stringContaining('must be')]);
    expect(await ask('multiply?n1=6')).toEqual([400, expect.stringContaining('must be')]);
    expect(await ask('divide?n1=6&n2=7')).toEqual([404, expect.stringContaining("There is no 'divide'")]);
    const events = await server.ask('/api/v2/system/event?service=math&as_list=true');
    expect(events.body.resource).toContain('math.multiply.get');
  });

  test('a table under a path of its own, with all verbs, parameters and errors', async () => {
    const content = example('short-path.js').replaceAll('hr/_table/employees', 'hr/_table/todo');
    expect(content).toContain('hr/_table/todo');
    await service(content, { name: 'staff' });
    await play(server, [
      {
        path: '/api/v2/staff?filter=id=1&fields=title',
        status: 200,
        answer: { resource: [{ title: 'Buy milk' }] },
        ran: ['service.staff'],
      },
      {
        path: '/api/v2/staff?fields=title',
        method: 'POST',
        body: { resource: [{ title: 'made' }] },
        status: 200,
        answer: { resource: [{ title: 'made' }] },
        ran: ['service.staff'],
      },
      {
        path: '/api/v2/staff/4',
        method: 'PATCH',
        body: { title: 'changed' },
        status: 200,
        ran: ['service.staff'],
      },
      {
        path: '/api/v2/staff/4?fields=title',
        status: 200,
        answer: { title: 'changed' },
        ran: ['service.staff'],
      },
      { path: '/api/v2/staff/4', method: 'DELETE', status: 200, answer: { id: 4 }, ran: ['service.staff'] },
      { path: '/api/v2/staff/4', status: 404, ran: ['service.staff'] },
    ]);
  });
});

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
    const queued = await service('return 1;', { config: { queued: true } });
    expect([queued.status, queued.body.error.message]).toEqual([
      400,
      expect.stringMatching(/need the queue/),
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
