// Scripts call other hosts: through the one way out, with what the operator allows and nothing else.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;
let echo: Server;
let address = '';
let seen: string[] = [];

beforeAll(async () => {
  echo = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { method, url = '', headers } = request;
      seen.push(`${method} ${url}`);
      if (url === '/slow') return;
      const status = Number(/^\/status\/(\d+)/.exec(url)?.[1] ?? 200);
      response.writeHead(status, { 'content-type': 'application/json', 'x-echo': '1' });
      response.end(JSON.stringify({ method, url, body, x: headers['x-foo'] ?? null }));
    });
  });
  await new Promise<void>((done) => echo.listen(0, '127.0.0.1', done));
  address = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
  server = await startTestServer({ TENON_EGRESS_ALLOW: address });
});

afterAll(async () => {
  await server?.close();
  echo.closeAllConnections();
  await new Promise((done) => echo.close(done));
});

/** Runs a script as a service, with `ECHO` and `SELF` in it replaced by the addresses. */
async function run(type: string, content: string) {
  seen = [];
  server.observations.length = 0;
  const script = content.replaceAll('ECHO', address).replaceAll('SELF', new URL(server.url).host);
  const name = `out${Math.random().toString(36).slice(2)}`;
  const body = { resource: [{ name, label: name, type, is_active: true, config: { content: script } }] };
  const made = await server.ask('/api/v2/system/service', { method: 'POST', body });
  expect(made.text).toContain('"id"');
  const answer = await server.ask(`/api/v2/${name}`);
  return { status: answer.status, body: answer.body };
}

test('verb, headers, parameters and content', async () => {
  const script = `platform.api.post('http://ECHO/ext/x?y=1', {a: 1},
    {headers: {'X-Foo': 2}, parameters: {z: 'a b'}},
    (body, response) => event.setResponse({got: JSON.parse(body), headers: response.headers}, 201));`;
  const { status, body } = await run('nodejs', script);
  expect(status).toBe(201);
  expect(body.got).toEqual({ method: 'POST', url: '/ext/x?y=1&z=a+b', body: '{"a":1}', x: '2' });
  expect(body.headers).toMatchObject({ 'content-type': 'application/json', 'x-echo': '1' });
  expect(server.observations).toContainEqual(
    expect.objectContaining({ kind: 'egress.finished', origin: `http://${address}`, status: 200 }),
  );
});

test('an error of another host is an answer', async () => {
  const script = `const r = await platform.api.get('http://ECHO/status/404'); return {status: r.statusCode};`;
  expect((await run('nodejs', script)).body).toEqual({ status: 404 });
});

test('a script for v8js gets it as PHP does', async () => {
  const script = `var r = platform.api.get('http://ECHO/status/404'); return {status: r.status_code, c: r.content};`;
  const { body } = await run('v8js', script);
  expect(body).toMatchObject({ status: 404, c: { error: { code: 404, status_code: 404 } } });
  expect(body.c.error.message).toContain('"url":"/status/404"');
});

test('what has no effect is told in the log of the run', async () => {
  const script = `platform.api.get('http://ECHO/', '', {CURLOPT_SSL_VERIFYPEER: false}); return 1;`;
  await run('v8js', script);
  expect(server.observations).toContainEqual(
    expect.objectContaining({
      kind: 'script.finished',
      log: [{ level: 'warn', text: expect.stringContaining('CURLOPT_SSL_VERIFYPEER') }],
    }),
  );
});

test.each([
  'http://127.0.0.1:1/',
  'http://SELF/api/v2/system/admin',
  'http://169.254.169.254/latest/meta-data/',
  'http://[::ffff:127.0.0.1]:1/',
  'file:///etc/passwd',
])('%s is out of reach', async (url) => {
  const script = `platform.api.get('${url}', '', (b, r) => event.setResponse(JSON.parse(b), r.statusCode));`;
  const { status, body } = await run('nodejs', script);
  expect(status).toBe(403);
  expect(body.error.code).toBe(403);
  expect(server.observations).toContainEqual(expect.objectContaining({ kind: 'egress.failed' }));
});

test('the way to this server goes by its path, on the authority of the caller', async () => {
  const script = `const r = await platform.api.get('system/admin?fields=email'); return r.json();`;
  expect((await run('nodejs', script)).body.resource[0].email).toBe('admin@example.com');
});

test('scripts that call each other over the network come to an end', async () => {
  const looping = await startTestServer({ TENON_EGRESS_ALLOW: '127.0.0.1', TENON_RUNNERS_MAX: '12' });
  try {
    const url = `http://${new URL(looping.url).host}/api/v2/loop`;
    const headers = `{'X-DreamFactory-Session-Token': platform.session.session_token}`;
    const content = `const r = await platform.api.get('${url}', {headers: ${headers}});
      const inner = r.json();
      return inner.error ? {levels: 0, code: inner.error.code} : {...inner, levels: inner.levels + 1};`;
    const config = { content, timeout_ms: 20_000 };
    const body = { resource: [{ name: 'loop', label: 'loop', type: 'nodejs', is_active: true, config }] };
    await looping.ask('/api/v2/system/service', { method: 'POST', body });
    const answer = await looping.ask('/api/v2/loop');
    expect(answer.body).toEqual({ levels: 8, code: 508 });
  } finally {
    await looping.close();
  }
});

test.each(['-1', 'x', '1.5', ''])("'%s' calls that led here are refused", async (hops) => {
  const answer = await server.ask('/api/v2/system/service', { headers: { 'X-Tenon-Hops': hops } });
  expect([answer.status, answer.body.error?.message]).toEqual(
    hops === '' ? [200, undefined] : [400, 'The header x-tenon-hops must be a whole number.'],
  );
});

test('a call ends with its run', async () => {
  const content = `await platform.api.get('http://ECHO/slow'); return 1;`;
  const name = 'slow';
  const config = { content: content.replace('ECHO', address), timeout_ms: 300 };
  const body = { resource: [{ name, label: name, type: 'nodejs', is_active: true, config }] };
  await server.ask('/api/v2/system/service', { method: 'POST', body });
  server.observations.length = 0;
  expect((await server.ask('/api/v2/slow')).status).toBe(504);
  await expect
    .poll(() => server.observations.some(({ kind }) => kind === 'egress.failed'), { timeout: 10_000 })
    .toBe(true);
});
