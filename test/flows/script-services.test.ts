// What scripted services answer over HTTP, in every language.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { play } from '../scenario.ts';
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

  test.each([
    ['nodejs', "return await platform.api.get('math');"],
    [
      'python3',
      "answer = platform.api.get('math')\n" +
        "return {'content': json.loads(answer.read()), 'status_code': answer.status}",
    ],
    ['php', "return $platform['api']->get('math');"],
  ])('many chains of calls at once all come to their end: %s', async (type, content) => {
    await service(content, { type });
    const chains = Array.from({ length: 12 }, () => server.ask('/api/v2/math'));
    const statuses = (await Promise.all(chains)).map(({ status }) => status);
    expect(statuses).toEqual(chains.map(() => 508));
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

  test.each([
    ['nodejs', "return { said: '{greeting}' };"],
    ['typescript', "const said: string = '{greeting}'; return { said };"],
    ['python3', "return {'said': '{greeting}'}"],
    ['php', "return ['said' => '{greeting}'];"],
  ])('may name lookups in its texts, made and changed after it was: %s', async (type, content) => {
    await service(content, { type });
    await service(content, { name: 'plain', type, config: { config: { lookups: false } } });
    const said = async (name: string) => (await server.ask(`/api/v2/${name}`)).body.said;
    expect(await said('math')).toBe('{greeting}');
    const lookup = { name: 'greeting', value: 'hello', private: false };
    const path = '/api/v2/system/lookup';
    const made = await server.ask(path, { method: 'POST', body: { resource: [lookup] } });
    const { id } = made.body.resource[0];
    try {
      expect([await said('math'), await said('plain')]).toEqual(['hello', '{greeting}']);
    } finally {
      await server.ask(`${path}/${id}`, { method: 'DELETE' });
    }
    expect(await said('math')).toBe('{greeting}');
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
    await server.addDatabase('own', fixtureSql('script'));
    const content = example('short-path.js').replaceAll('hr/_table/employees', 'own/_table/todo');
    expect(content).toContain('own/_table/todo');
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
