import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createRawServer } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import { attacks } from './attacks-fixture.ts';
import type { Resolved } from './dialer.ts';
import { Egress, type EgressOptions } from './egress.ts';
import type { OutgoingCall } from './outgoing.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const closers: (() => Promise<unknown>)[] = [];
let seen: Seen[] = [];
let observations: Observation[] = [];
let port = 0;
let answer: RequestListener = (_request, response) => response.end('reached');

beforeEach(async () => {
  [seen, observations] = [[], []];
  answer = (_request, response) => response.end('reached');
  port = await listen((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      answer(request, response);
    });
  });
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(listener: RequestListener, host = '::'): Promise<number> {
  const server: Server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, host, done));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  });
  return (server.address() as AddressInfo).port;
}

function egress(options: Partial<EgressOptions> = {}): Egress {
  const made = new Egress({ allow: [], observe: (each) => observations.push(each), ...options });
  closers.push(() => made.close());
  return made;
}

const allowed = (options: Partial<EgressOptions> = {}) =>
  egress({ allow: [`127.0.0.1:${port}`], ...options });
const callOf = (url: string, more: Partial<OutgoingCall> = {}): OutgoingCall => ({
  by: 'a.script',
  method: 'GET',
  url,
  headers: {},
  body: undefined,
  redirects: 0,
  ...more,
});
const own = (path = '/', more: Partial<OutgoingCall> = {}) => callOf(`http://127.0.0.1:${port}${path}`, more);

async function failure(made: Promise<unknown>): Promise<PlatformError> {
  const error = await made.then(
    (value) => new Error(`no failure but ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof PlatformError) return error;
  throw error;
}

describe('what is allowed', () => {
  test('verb, path, query, headers and body arrive, and the answer comes back', async () => {
    answer = (_request, response) => {
      response.writeHead(201, { 'content-type': 'application/json', 'x-echo': ['1', '2'] }).end('{"a":"é"}');
    };
    const sent = { method: 'post', headers: { 'X-Foo': 'ä', 'user-agent': 'mine' }, body: '{"b":"ü"}' };
    const got = await allowed().call(own('/ext/x?y=1&z=a%20b#fragment', sent));
    expect(got).toMatchObject({ status: 201, body: '{"a":"é"}' });
    expect(got.headers).toMatchObject({ 'content-type': 'application/json', 'x-echo': '1, 2' });
    expect(seen).toMatchObject([{ method: 'POST', url: '/ext/x?y=1&z=a%20b', body: '{"b":"ü"}' }]);
    expect(got.headers).not.toHaveProperty('transfer-encoding');
    expect(seen[0]?.headers).toMatchObject({ host: `127.0.0.1:${port}`, 'user-agent': 'mine' });
    expect(Buffer.from(String(seen[0]?.headers['x-foo']), 'latin1').toString()).toBe('ä');
    expect(observations).toMatchObject([
      { kind: 'egress.finished', method: 'post', by: 'a.script', status: 201 },
    ]);
  });

  test('the number of calls that led here goes along, and scripts do not write it', async () => {
    const headers = { 'X-Tenon-Hops': '0' };
    await allowed().call(own('/', { headers, hops: 4 }));
    await allowed().call(own('/', { headers }));
    expect(seen.map((each) => each.headers['x-tenon-hops'])).toEqual(['4', undefined]);
  });

  test.each(['HEAD', 'GET'])('an answer without content to %s, whatever its head says', async (method) => {
    const length = { 'content-length': String(limits.egressBytes + 1) };
    answer = (_request, response) => {
      const head = { 'content-encoding': 'gzip', ...(method === 'HEAD' ? length : {}) };
      response.writeHead(method === 'HEAD' ? 200 : 304, head).end();
    };
    expect(await allowed().call(own('/', { method }))).toMatchObject({ body: '' });
  });

  test('packed nothing is nothing', async () => {
    answer = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end();
    expect(await allowed().call(own())).toMatchObject({ status: 200, body: '' });
  });

  test.each([204, 301, 404, 500])('status %i is an answer', async (status) => {
    answer = (_request, response) => response.writeHead(status).end();
    expect(await allowed().call(own())).toMatchObject({ status, body: '' });
  });

  test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PROPFIND', 'PATCH'])('%s', async (method) => {
    await allowed().call(own('/', { method }));
    expect(seen[0]?.method).toBe(method);
  });

  test('a DELETE with content', async () => {
    await allowed().call(own('/', { method: 'DELETE', body: '{"ids":[1]}' }));
    expect(seen).toMatchObject([{ method: 'DELETE', body: '{"ids":[1]}' }]);
  });

  test('credentials in the URL become a header', async () => {
    await allowed().call(callOf(`http://us%40er:p%3Aw@127.0.0.1:${port}/`));
    expect(seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('us@er:p:w').toString('base64')}`);
    expect(seen[0]?.url).toBe('/');
  });

  test('what belongs to the connection is not for scripts', async () => {
    const headers = {
      host: 'other',
      connection: 'upgrade',
      'content-length': '99',
      'transfer-encoding': 'chunked',
    };
    await allowed().call(own('/', { method: 'POST', headers: { ...headers, upgrade: 'h2c' }, body: 'abc' }));
    expect(seen).toMatchObject([
      { body: 'abc', headers: { host: `127.0.0.1:${port}`, 'content-length': '3' } },
    ]);
    expect(seen[0]?.headers).not.toHaveProperty('upgrade');
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
  ] as const)('%s is unpacked', async (coding, pack) => {
    const content = pack('packed é');
    answer = (_request, response) => response.writeHead(200, { 'content-encoding': coding }).end(content);
    const got = await allowed().call(own());
    expect(got.body).toBe('packed é');
    expect(got.headers).not.toHaveProperty('content-encoding');
    expect(got.headers).not.toHaveProperty('content-length');
  });

  test('text of another character set', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; charset=iso-8859-1' }).end(Buffer.from([0xe4]));
    };
    expect((await allowed().call(own())).body).toBe('ä');
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; charset=klingon' }).end('a');
    };
    expect((await allowed().call(own())).body).toBe('a');
  });

  test('a name that the operator allowed, wherever it leads', async () => {
    const resolve = async (): Promise<Resolved[]> => [{ address: '127.0.0.1', family: 4 }];
    const made = egress({ allow: [`inside.example:${port}`], resolve });
    expect((await made.call(callOf(`http://inside.example:${port}/`))).body).toBe('reached');
    expect((await failure(made.call(callOf(`http://outside.example:${port}/`)))).kind).toBe('egress.refused');
    expect(seen.map(({ headers }) => headers.host)).toEqual([`inside.example:${port}`]);
  });

  test('of several addresses only those that are allowed', async () => {
    const addresses = [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ];
    const made = allowed({ resolve: async () => addresses });
    expect((await made.call(callOf(`http://several.example:${port}/`))).body).toBe('reached');
  });
});

describe('what is refused', () => {
  test.each(attacks)('%s', async (url) => {
    const error = await failure(egress().call(callOf(url.replaceAll('PORT', String(port)))));
    // A spelling that the system takes for no name at all fails instead of being refused.
    expect([400, 403, ...(error.message.endsWith(' is not known.') ? [500] : [])]).toContain(error.status);
    expect(seen).toEqual([]);
    expect(observations).toMatchObject([{ kind: 'egress.failed' }]);
  });

  test('the message says what to do, and no address that a name led to', async () => {
    const made = egress({ resolve: async () => [{ address: '10.9.8.7', family: 4 }] });
    const error = await failure(made.call(callOf('http://inside.example/x')));
    expect(error).toMatchObject({ kind: 'egress.refused', status: 403 });
    expect(error.message).toMatch(/'inside\.example:80' are not allowed.*TENON_EGRESS_ALLOW/);
    expect(error.message).not.toContain('10.9.8.7');
  });

  test.each([
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:0:7f00:1::',
    '::ffff:0:7f00:1',
    '169.254.169.254',
    '0.0.0.0',
    'fd00::1',
    'not an address',
  ])('a name that resolves to %s', async (address) => {
    const made = egress({ resolve: async () => [{ address, family: address.includes(':') ? 6 : 4 }] });
    const error = await failure(made.call(callOf(`http://public.example:${port}/`)));
    expect(error.kind).toBe('egress.refused');
    expect(seen).toEqual([]);
  });

  test('a name that changes where it leads is judged at each connection', async () => {
    const answers = ['127.0.0.1', '127.0.0.2'];
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return [{ address: answers[asked.length - 1] ?? '', family: 4 }];
    };
    const made = allowed({ resolve });
    answer = (_request, response) => response.writeHead(200, { connection: 'close' }).end('first');
    const url = `http://rebinding.example:${port}/`;
    expect((await made.call(callOf(url))).body).toBe('first');
    expect((await failure(made.call(callOf(url)))).kind).toBe('egress.refused');
    expect(asked).toEqual(['rebinding.example', 'rebinding.example']);
    expect(seen).toHaveLength(1);
  });

  test('a name without addresses', async () => {
    expect(
      (await failure(egress({ resolve: async () => [] }).call(callOf('http://none.example/')))).status,
    ).toBe(403);
    const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    const made = egress({ resolve: () => Promise.reject(unknown) });
    const error = await failure(made.call(callOf('http://none.example/')));
    expect(error).toMatchObject({ kind: 'egress.failed', message: 'http://none.example is not known.' });
  });

  test.each<[string, Record<string, string>]>([
    ['a line feed', { 'x-a': '1\nx-b: 2' }],
    ['a carriage return', { 'x-a': '1\rx' }],
    ['a whole request', { 'x-a': '1\r\n\r\nGET /inner HTTP/1.1\r\nhost: x\r\n\r\n' }],
    ['a zero byte', { 'x-a': '1\u0000' }],
    ['a line feed in a name', { 'x-a: 1\r\nx-b': '2' }],
    ['a space in a name', { 'x a': '1' }],
    ['an empty name', { '': '1' }],
    ['too many', Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, '1']))],
  ])('headers with %s', async (_what, headers) => {
    const error = await failure(allowed().call(own('/', { headers })));
    expect([400, 431]).toContain(error.status);
    expect(seen).toEqual([]);
  });

  test.each(['CONNECT', 'TRACE', 'connect', 'GET /x HTTP/1.1\r\n', 'A B', ''])(
    "the verb '%s'",
    async (method) => {
      expect((await failure(allowed().call(own('/', { method })))).kind).toBe('request.unsupported_verb');
      expect(seen).toEqual([]);
    },
  );

  test('line feeds in a URL end nothing', async () => {
    await allowed().call(own('/a\r\nx-injected: 1\r\n\r\n?b=\r\nc'));
    expect(seen).toHaveLength(1);
    expect(seen[0]?.headers).not.toHaveProperty('x-injected');
  });

  test('a URL that is too long', async () => {
    const error = await failure(allowed().call(own(`/${'x'.repeat(limits.uriBytes)}`)));
    expect(error.status).toBe(414);
  });
});

describe('redirects', () => {
  const moved = (status: number, location: string) => {
    answer = (request, response) => {
      if (request.url === '/start') response.writeHead(status, { location, 'x-first': '1' }).end();
      else response.writeHead(200, { 'x-last': '1' }).end('arrived');
    };
  };
  const secrets = { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'k', accept: 'text/plain' };

  test('are not followed unless asked', async () => {
    moved(302, '/next');
    const got = await allowed().call(own('/start'));
    expect(got).toMatchObject({ status: 302, headers: { location: '/next' } });
    expect(seen).toHaveLength(1);
  });

  test.each<[number, string, string, string]>([
    [301, 'GET', 'GET', ''],
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [302, 'PUT', 'PUT', 'content'],
    [303, 'PUT', 'GET', ''],
    [307, 'POST', 'POST', 'content'],
    [308, 'PATCH', 'PATCH', 'content'],
  ])('%i of %s becomes %s', async (status, method, next, body) => {
    moved(status, 'next?x=1');
    const content = method === 'GET' ? undefined : 'content';
    const got = await allowed().call(
      own('/start', { method, headers: secrets, body: content, redirects: 3 }),
    );
    expect(got).toMatchObject({ status: 200, body: 'arrived', headers: { 'x-first': '1', 'x-last': '1' } });
    expect(seen[1]).toMatchObject({ method: next, url: '/next?x=1', body, headers: secrets });
  });

  test('credentials stay with their origin', async () => {
    const other = await listen((request, response) => {
      seen.push({ method: request.method ?? '', url: 'other', headers: request.headers, body: '' });
      response.end('arrived');
    });
    moved(307, `http://127.0.0.1:${other}/`);
    const made = egress({ allow: ['127.0.0.1'] });
    await made.call(own('/start', { headers: secrets, redirects: 3 }));
    expect(seen[1]?.url).toBe('other');
    expect(seen[1]?.headers).toMatchObject({ accept: 'text/plain' });
    for (const name of ['authorization', 'cookie', 'x-api-key']) {
      expect(seen[1]?.headers).not.toHaveProperty(name);
    }
  });

  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://127.0.0.2:PORT/',
    'http://[::1]:PORT/',
    '//10.0.0.1/',
    'https://192.168.0.1/',
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'http://2130706434:PORT/',
    'http://[::ffff:127.0.0.2]:PORT/',
  ])('to %s are refused', async (target) => {
    moved(302, target.replace('PORT', String(port)));
    const error = await failure(allowed().call(own('/start', { redirects: 3 })));
    expect(error.kind).toBe('egress.refused');
    expect(seen).toHaveLength(1);
  });

  test('in a chain that ends inside', async () => {
    answer = (request, response) => {
      const step = Number(request.url?.slice(1));
      const location = step < 2 ? `/${step + 1}` : 'http://127.0.0.9/';
      response.writeHead(302, { location }).end();
    };
    expect((await failure(allowed().call(own('/0', { redirects: 3 })))).kind).toBe('egress.refused');
    expect(seen).toHaveLength(3);
  });

  test('that never end', async () => {
    answer = (_request, response) => response.writeHead(302, { location: '/again' }).end();
    const error = await failure(allowed().call(own('/start', { redirects: 99 })));
    expect(error.message).toMatch(/redirected too often/);
    expect(seen).toHaveLength(1 + limits.egressRedirects);
  });

  test('without a place to go to are answers', async () => {
    answer = (_request, response) => response.writeHead(302).end('nowhere');
    expect(await allowed().call(own('/', { redirects: 3 }))).toMatchObject({ status: 302, body: 'nowhere' });
  });
});

describe('hosts that misbehave', () => {
  test('an answer that is announced too large', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': String(limits.egressBytes + 1) }).write('x');
    };
    expect((await failure(allowed().call(own()))).message).toMatch(/larger than 10485760 bytes/);
  });

  test('an answer without end', async () => {
    const chunk = Buffer.alloc(1_048_576);
    answer = (_request, response) => {
      const write = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', write);
      write();
    };
    expect((await failure(allowed().call(own()))).message).toMatch(/larger than/);
  });

  test('a small answer that becomes a large one', async () => {
    const bomb = gzipSync(Buffer.alloc(limits.egressBytes * 8));
    expect(bomb.length).toBeLessThan(100_000);
    answer = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    const before = process.memoryUsage().arrayBuffers;
    expect((await failure(allowed().call(own()))).message).toMatch(/larger than/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(limits.egressBytes * 4);
  });

  test.each(['gzip', 'deflate', 'br'])('content that is no %s, though its head says so', async (coding) => {
    answer = (_request, response) => response.writeHead(200, { 'content-encoding': coding }).end('plain é');
    expect((await failure(allowed().call(own()))).message).toMatch(/cannot be unpacked/);
  });

  test('no answer in time', async () => {
    answer = () => {};
    const error = await failure(allowed().call(own('/', { timeoutMs: 50 })));
    expect(error).toMatchObject({ kind: 'egress.timeout', status: 504 });
    expect(error.message).toBe(`http://127.0.0.1:${port} did not answer within 50 ms.`);
  });

  test('an answer that trickles', async () => {
    answer = (_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 5);
      response.on('close', () => clearInterval(drip));
    };
    expect((await failure(allowed().call(own('/', { timeoutMs: 60 })))).kind).toBe('egress.timeout');
  });

  test('a call whose run is over ends, and so does its connection', async () => {
    const aborting = new AbortController();
    const closed = Promise.withResolvers<void>();
    answer = (request) => {
      request.socket.on('close', () => closed.resolve());
      aborting.abort();
    };
    expect((await failure(allowed().call(own('/', { signal: aborting.signal })))).kind).toBe('egress.failed');
    await closed.promise;
  });

  test.each<[string, string, RegExp]>([
    ['something else than HTTP', 'SSH-2.0-OpenSSH_9\r\n', /does not answer as HTTP/],
    ['half an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', /closed the connection/],
    ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(65_536)}\r\n\r\n`, /too many headers/],
    ['nothing', '', /closed the connection/],
  ])('%s', async (_what, text, message) => {
    const raw = createRawServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end(text));
    });
    await new Promise<void>((done) => raw.listen(0, '127.0.0.1', done));
    closers.push(() => new Promise((done) => raw.close(done)));
    const url = `http://127.0.0.1:${(raw.address() as AddressInfo).port}/`;
    const error = await failure(egress({ allow: ['127.0.0.1'] }).call(callOf(url)));
    expect(error.kind).toBe('egress.failed');
    expect(error.message).toMatch(message);
  });

  test('nobody there', async () => {
    const gone = createRawServer();
    await new Promise<void>((done) => gone.listen(0, '127.0.0.1', done));
    const { port: closed } = gone.address() as AddressInfo;
    await new Promise((done) => gone.close(done));
    const error = await failure(egress({ allow: ['127.0.0.1'] }).call(callOf(`http://127.0.0.1:${closed}/`)));
    expect(error).toMatchObject({ kind: 'egress.failed', status: 500, code: 500 });
    expect(error.message).toBe(`http://127.0.0.1:${closed} refused the connection.`);
  });

  test('TLS that nobody speaks there', async () => {
    const error = await failure(allowed().call(callOf(`https://127.0.0.1:${port}/`)));
    expect(error.kind).toBe('egress.failed');
    expect(error.message).toMatch(/does not speak TLS|closed the connection/);
  });
});
