import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fixture, startFixture } from '../../test/http-fixture.ts';
import { limits } from '../core/limits.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.close());

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
async function echo(path: string, init?: RequestInit): Promise<any> {
  const response = await fixture.ask(`/api/v2/echo${path}`, init);
  return response.json();
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
const json = async (response: Response): Promise<any> => response.json();

const post = (body: string, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body: new TextEncoder().encode(body),
  headers,
});

describe('an operation', () => {
  test('is what the request says', async () => {
    const told = await echo('/_table/contact/5?limit=1&a[b]=c&flag', {
      ...post('{"x": 1}', { 'Content-Type': 'application/json; charset=utf-8', 'X-Mine': 'Yes' }),
    });
    expect(told).toMatchObject({
      service: 'echo',
      path: ['_table', 'contact', '5'],
      action: 'POST',
      origin: 'http',
      requestor: 'api',
      depth: 0,
      apiVersion: '2.0',
      uri: '/api/v2/echo/_table/contact/5?limit=1&a[b]=c&flag',
      remoteAddress: '127.0.0.1',
      parameters: { limit: '1', a: { b: 'c' }, flag: null },
      content: { text: '{"x": 1}', value: { x: 1 }, type: 'application/json' },
    });
    expect(told.headers).toMatchObject({ 'x-mine': 'Yes', 'content-length': '8' });
  });

  test('may leave out the version and write the service in any case', async () => {
    const response = await fixture.ask('/api/ECHO/x');
    expect(await response.json()).toMatchObject({ service: 'ECHO', path: ['x'], apiVersion: '2.0' });
  });

  test('has the same parameters object for the same query', async () => {
    const seen: unknown[] = [];
    const own = await startFixture({
      dispatcher: {
        dispatch: async ({ request }) => {
          seen.push(request.parameters);
          return { status: 204, headers: {}, body: undefined };
        },
      },
    });
    const longQuery = `?a=${'x'.repeat(limits.parameterCacheChars)}`;
    for (const query of ['?a=1', '?a=1', '?a=2', longQuery, longQuery]) await own.ask(`/api/v2/x${query}`);
    await own.close();
    expect(seen[0]).toBe(seen[1]);
    expect(seen[0]).not.toBe(seen[2]);
    expect(Object.isFrozen(seen[0])).toBe(true);
    expect(seen[3]).toEqual(seen[4]);
  });

  test('that is unknown is 404, and an unforeseen failure 500 without its reason', async () => {
    const missing = await fixture.ask('/api/v2/echo/missing');
    expect([missing.status, (await json(missing)).error.message]).toEqual([
      404,
      "Resource 'missing' not found for service 'echo'.",
    ]);
    const failed = await fixture.ask('/api/v2/echo/throw');
    expect(failed.status).toBe(500);
    expect(await failed.text()).not.toContain('the secret inside');
  });
});

describe('a body', () => {
  test.each<[string, string, Record<string, string>, unknown, string]>([
    ['JSON', '{"a":1}', { 'Content-Type': 'application/json' }, { a: 1 }, 'application/json'],
    [
      'a kind of JSON',
      '{"a":1}',
      { 'Content-Type': 'application/vnd.x+json' },
      { a: 1 },
      'application/vnd.x+json',
    ],
    [
      'JSON with a byte order mark',
      '\ufeff[1]',
      { 'Content-Type': 'application/json' },
      [1],
      'application/json',
    ],
    ['JSON without a type', ' [1]', {}, [1], 'application/json'],
    ['a scalar without a type', '"x"', {}, 'x', 'application/json'],
    ['text without a type', 'hello', {}, 'hello', 'text/plain'],
    ['text', '{"a":1}', { 'Content-Type': 'text/plain' }, '{"a":1}', 'text/plain'],
    ['CSV', 'a,b\n1,2', { 'Content-Type': 'Text/CSV' }, { resource: [{ a: '1', b: '2' }] }, 'text/csv'],
    ['XML', '<a><b>1</b></a>', { 'Content-Type': 'application/xml' }, { b: '1' }, 'application/xml'],
    [
      'a form',
      'a=1&b[]=2&c+d=e%20f',
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      { a: '1', b: ['2'], c_d: 'e f' },
      'application/x-www-form-urlencoded',
    ],
    [
      'JSON that is called a form',
      '{"a":1}',
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      { a: 1 },
      'application/json',
    ],
    ['a type unknown to us', 'x', { 'Content-Type': 'application/x-mine' }, 'x', 'application/x-mine'],
  ])('of %s', async (_what, body, headers, value, type) => {
    const { content } = await echo('/x', post(body, headers));
    expect(content).toEqual({ text: body.replace('\ufeff', ''), value, type });
  });

  test.each<[string, Uint8Array | string, Record<string, string>, number]>([
    ['malformed JSON', '{"a":', { 'Content-Type': 'application/json' }, 400],
    ['malformed JSON without a type', '{"a":', {}, 400],
    ['JSON too deep', '['.repeat(100), { 'Content-Type': 'application/json' }, 400],
    ['__proto__', '{"a":[{"__proto__":1}]}', { 'Content-Type': 'application/json' }, 400],
    ['__proto__ as escape', '{"\\u005f_proto__":1}', { 'Content-Type': 'application/json' }, 400],
    ['invalid UTF-8', new Uint8Array([0x22, 0xff, 0x22]), { 'Content-Type': 'application/json' }, 400],
    [
      'a form too deep',
      `a${'[b]'.repeat(50)}=1`,
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      400,
    ],
    ['another charset', 'x', { 'Content-Type': 'text/plain; charset="iso-8859-1"' }, 415],
    ['a malformed type', 'x', { 'Content-Type': 'json' }, 415],
    ['compression', 'x', { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' }, 415],
    ['too many bytes', 'x'.repeat(4_097), { 'Content-Type': 'text/plain' }, 413],
  ])('with %s is refused', async (_what, body, headers, status) => {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    const response = await fixture.ask('/api/v2/echo/x', {
      method: 'POST',
      body: bytes,
      headers,
    });
    expect(response.status).toBe(status);
    expect((await json(response)).error).toMatchObject({ status_code: status, message: expect.any(String) });
  });

  test('may be as large as the limit, and none at all', async () => {
    const { content } = await echo('/x', post('x'.repeat(4_096), { 'Content-Type': 'text/plain' }));
    expect(content.text).toHaveLength(4_096);
    expect((await echo('/x', { method: 'POST' })).content).toBeUndefined();
    expect((await echo('/x', post('', { 'Content-Type': 'application/json' }))).content).toBeUndefined();
  });

  test('comes with every action that has one', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const told = await echo('/x', {
        ...post('{"ids":[1]}', { 'Content-Type': 'application/json' }),
        method,
      });
      expect([told.action, told.content.value]).toEqual([method, { ids: [1] }]);
    }
  });
});

describe('the verb', () => {
  test.each<[string, string, Record<string, string>, string]>([
    ['GET', '', {}, 'GET'],
    ['POST', '', {}, 'POST'],
    ['POST', '', { 'X-HTTP-Method': 'patch' }, 'PATCH'],
    ['POST', '', { 'X-HTTP-Method-Override': 'PUT' }, 'PUT'],
    ['POST', '', { 'X-Method-Override': 'DELETE' }, 'DELETE'],
    ['POST', '', { 'X-HTTP-Method': 'MERGE' }, 'PATCH'],
    ['POST', '?method=GET', {}, 'GET'],
    ['POST', '?_method=delete', {}, 'DELETE'],
    ['POST', '?method=GET', { 'X-HTTP-Method': 'PUT' }, 'PUT'],
    ['GET', '?method=DELETE', { 'X-HTTP-Method': 'DELETE' }, 'GET'],
    ['PUT', '', { 'X-HTTP-Method': 'DELETE' }, 'PUT'],
  ])('%s%s %j is %s', async (method, query, headers, action) => {
    expect((await echo(`/x${query}`, { method, headers })).action).toBe(action);
  });

  test('a parameter that is no text is none to override with', async () => {
    for (const query of ['method[toString]=1', '_method[]=GET', 'method']) {
      const response = await fixture.ask(`/api/v2/echo/x?${query}`, { method: 'POST' });
      expect([query, response.status]).toEqual([query, query === 'method' ? 200 : 400]);
    }
  });

  test.each(['TRACE', 'HEAD', 'x', '', 'GET, PUT', '__proto__'])(
    '%j is none to override with',
    async (verb) => {
      const response = await fixture.ask('/api/v2/echo/x', {
        method: 'POST',
        headers: { 'X-HTTP-Method': verb },
      });
      expect(response.status).toBe(400);
      expect((await json(response)).error.message).toContain('GET, POST, PUT, PATCH, MERGE or DELETE');
    },
  );

  test('HEAD is GET without the body', async () => {
    const get = await fixture.ask('/api/v2/echo/result', post('{"value":[1,2]}'));
    const head = await fixture.ask('/api/v2/echo/x', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0);
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    expect(await head.text()).toBe('');
  });

  test('of which the API has none is refused', async () => {
    for (const method of ['PROPFIND', 'PURGE', 'QUERY']) {
      const response = await fixture.ask('/api/v2/echo/x', { method });
      expect([method, response.status]).toEqual([method, 405]);
      expect(response.headers.get('allow')).toContain('GET');
    }
  });
});

describe('an answer', () => {
  test('is JSON exactly as recorded', async () => {
    const response = await fixture.ask('/api/v2/echo/result', post('{"status":201,"value":{"a":"x/y"}}'));
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      201,
      'application/json',
      '{"a":"x/y"}',
    ]);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('is measured in bytes', async () => {
    const response = await fixture.ask('/api/v2/echo/result', post('{"value":"żółw €"}'));
    expect(await response.json()).toBe('żółw €');
  });

  test('that cannot be sent is an error which is observed', async () => {
    const asked = { headers: { 'X-A': 'b\r\nSet-Cookie: c' }, value: 1 };
    fixture.observations.length = 0;
    const response = await fixture.ask('/api/v2/echo/result', post(JSON.stringify(asked)));
    expect(response.status).toBe(500);
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(fixture.observations).toMatchObject([{ kind: 'http.failed', path: '/api/v2/echo/result' }]);
  });

  test('of 204 has neither type nor length', async () => {
    const response = await fixture.ask('/api/v2/echo/result', post('{"status":204,"value":{"a":1}}'));
    expect([
      response.status,
      response.headers.get('content-type'),
      response.headers.get('content-length'),
    ]).toEqual([204, null, null]);
  });
});

describe('the list of services', () => {
  test.each(['/api', '/api/', '/api/v2', '/api/v2/', '/api/v2?group=Database'])('is at %s', async (path) => {
    const response = await fixture.ask(path);
    expect([response.status, await response.json()]).toEqual([200, { services: [], kind: 'user' }]);
  });

  test('can only be read', async () => {
    expect((await fixture.ask('/api/v2', post('{}'))).status).toBe(400);
  });
});

describe('beside the API', () => {
  const get = (path: string, init?: RequestInit) => fetch(fixture.server.url + path, init);
  const sandbox = { level: 'L2' };

  test('the status is told to anyone', async () => {
    const response = await get('/status');
    expect([response.status, await response.json()]).toEqual([
      200,
      { status: 'ok', version: '1.2.3', sandbox },
    ]);
    expect((await get('/status', { method: 'HEAD' })).status).toBe(200);
  });

  test('the status of a server in trouble is 503', async () => {
    const own = await startFixture({
      status: () => ({ version: '1', sandbox, checks: { system_database: false } }),
    });
    const response = await fetch(`${own.server.url}/status`);
    await own.close();
    expect([response.status, await response.json()]).toEqual([
      503,
      { status: 'unavailable', version: '1', sandbox },
    ]);
  });

  test('the root points on', async () => {
    expect(await (await get('/')).json()).toMatchObject({ links: { status: '/status', api: '/api/v2' } });
  });

  test.each([
    ['GET', '/nothing', 404],
    ['POST', '/status', 404],
    ['POST', '/', 404],
    ['PROPFIND', '/', 404],
    ['GET', '/apis/x', 404],
    ['GET', '/%zz', 400],
    ['GET', '/status/../x', 404],
  ])('%s %s is %d with the envelope', async (method, path, status) => {
    const response = await get(path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect((await json(response)).error).toMatchObject({ status_code: status });
  });
});

describe('pages of other origins', () => {
  const origin = { Origin: 'http://example.com' };
  const preflight = {
    method: 'OPTIONS',
    headers: {
      ...origin,
      'Access-Control-Request-Method': 'PATCH',
      'Access-Control-Request-Headers': 'x-dreamfactory-api-key,content-type',
    },
  };

  test('are answered, without credentials', async () => {
    const response = await fixture.ask('/api/v2/echo/x', { headers: origin });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('may ask before', async () => {
    const response = await fetch(`${fixture.server.url}/api/v2/echo/x`, preflight);
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-methods')).toContain('PATCH');
    expect(response.headers.get('access-control-allow-headers')).toBe('x-dreamfactory-api-key,content-type');
  });

  test('see errors too', async () => {
    const response = await fetch(`${fixture.server.url}/api/v2/echo/x`, { headers: origin });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([400, '*']);
  });

  test('are marked once when a script has marked them itself', async () => {
    const body = JSON.stringify({ headers: { 'access-control-allow-origin': 'http://mine' }, value: 1 });
    const response = await fixture.ask('/api/v2/echo/result', { ...post(body), headers: origin });
    expect(response.headers.get('access-control-allow-origin')).toBe('http://mine');
  });

  test('are refused unless they are on the list', async () => {
    const own = await startFixture({ corsOrigins: ['http://example.com'] });
    const allowed = await own.ask('/api/v2/echo/x', { headers: origin });
    const other = await own.ask('/api/v2/echo/x', { headers: { Origin: 'http://example.com.evil' } });
    const asked = await fetch(`${own.server.url}/api/v2/echo/x`, {
      ...preflight,
      headers: { Origin: 'null' },
    });
    await own.close();
    expect(allowed.headers.get('access-control-allow-origin')).toBe('http://example.com');
    expect(allowed.headers.get('vary')).toContain('Origin');
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(asked.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('a request without Origin gets no such header', async () => {
    const response = await fixture.ask('/api/v2/echo/x');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    const options = await fetch(`${fixture.server.url}/api/v2`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, expect.stringContaining('GET')]);
  });
});

test('closing lets requests in flight end, asks their clients to go, and takes no more', async () => {
  const own = await startFixture();
  const slow = own.ask('/api/v2/echo/slow');
  await own.ask('/api/v2/echo/x');
  const closed = own.close();
  const response = await slow;
  expect(response.status).toBe(200);
  expect(response.headers.get('connection')).toBe('close');
  await closed;
  await expect(fetch(`${own.server.url}/status`)).rejects.toThrow();
});

test('a port that is taken is an error', async () => {
  await expect(startFixture({ port: fixture.server.port })).rejects.toThrow(/EADDRINUSE/);
});
