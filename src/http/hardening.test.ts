import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fixture, startFixture } from '../../test/http-fixture.ts';
import { limits } from '../core/limits.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture({ timeouts: { headersMs: 150, requestMs: 400, checkMs: 50 } });
});
afterAll(() => fixture.close());

const host = 'Host: x\r\n';
const statuses = (answer: string) =>
  [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code));
const get = (path: string, headers = '') =>
  `GET ${path} HTTP/1.1\r\n${host}${headers}Connection: close\r\n\r\n`;

const post = (headers: string, body: string) =>
  `POST /api/v2/echo/x HTTP/1.1\r\n${host}${headers}\r\n${body}`;

async function expectRefused(answer: string, status?: number): Promise<void> {
  const codes = statuses(answer);
  expect(codes.length).toBeLessThanOrEqual(1);
  for (const code of codes) expect(code >= 400 && code < 500).toBe(true);
  if (status !== undefined) expect(codes).toEqual([status]);
  // The next client is served as ever.
  expect((await fixture.ask('/api/v2/echo/x')).status).toBe(200);
}

describe('what is no HTTP', () => {
  test.each<[string, string | Buffer]>([
    ['a TLS hello', Buffer.from('1603010200010001fc0303', 'hex')],
    ['binary', Buffer.from([0, 1, 2, 3, 255, 254])],
    ['words', 'hello there\r\n\r\n'],
    ['no version', 'GET /api\r\n\r\n'],
    ['version 9', `GET /api HTTP/9.9\r\n${host}\r\n`],
    ['HTTP/2 in the clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a method of nobody', `FOO /api HTTP/1.1\r\n${host}\r\n`],
    ['a space before the colon', `GET /api HTTP/1.1\r\n${host}X-A : b\r\n\r\n`],
    ['a folded header', `GET /api HTTP/1.1\r\n${host}X-A: b\r\n c\r\n\r\n`],
    ['a header without a name', `GET /api HTTP/1.1\r\n${host}: b\r\n\r\n`],
    ['NUL in a header', `GET /api HTTP/1.1\r\n${host}X-A: b\0c\r\n\r\n`],
    ['CR alone in a header', `GET /api HTTP/1.1\r\n${host}X-A: b\rX-B: c\r\n\r\n`],
    ['NUL in the URL', `GET /api/\0 HTTP/1.1\r\n${host}\r\n`],
    ['a space in the URL', `GET /api/a b HTTP/1.1\r\n${host}\r\n`],
    ['no host', 'GET /api HTTP/1.1\r\n\r\n'],
  ])('%s is refused', async (_what, bytes) => {
    await expectRefused(await fixture.raw(bytes, true));
  });

  test('is answered with the envelope', async () => {
    const answer = await fixture.raw('hello\r\n\r\n');
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 .*\r\nContent-Type: application\/json/);
    expect(JSON.parse(body).error).toMatchObject({ code: 400, status_code: 400 });
  });
});

// A request within the body of another must never be answered as one of its own.
describe('smuggling', () => {
  const inner = `GET /api/v2/echo/public?smuggled HTTP/1.1\r\n${host}\r\n`;
  test.each<[string, string]>([
    ['length and chunks', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`)],
    ['chunks and length', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${inner}`)],
    ['two lengths', post('Content-Length: 0\r\nContent-Length: 40\r\n', inner)],
    ['two equal lengths', post('Content-Length: 3\r\nContent-Length: 3\r\n', `abc${inner}`)],
    ['a list of lengths', post('Content-Length: 0, 40\r\n', inner)],
    ['a signed length', post('Content-Length: +0\r\n', inner)],
    ['a negative length', post('Content-Length: -1\r\n', inner)],
    ['a hex length', post('Content-Length: 0x10\r\n', inner)],
    ['a length with a space', post('Content-Length: 1 0\r\n', inner)],
    ['an empty length', post('Content-Length: \r\n', inner)],
    ['a huge length', post('Content-Length: 99999999999999999999999\r\n', inner)],
    ['length, space before the colon', post('Content-Length : 0\r\n', inner)],
    ['chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', `0\r\n\r\n${inner}`)],
    ['chunked, then identity', post('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${inner}`)],
    ['an unknown coding', post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${inner}`)],
    ['a tab in the coding', post('Transfer-Encoding:\x0bchunked\r\n', `0\r\n\r\n${inner}`)],
    ['two codings', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', `0\r\n\r\n${inner}`)],
    ['a chunk size of letters', post('Transfer-Encoding: chunked\r\n', `zz\r\n\r\n${inner}`)],
    ['a signed chunk size', post('Transfer-Encoding: chunked\r\n', `-1\r\n\r\n${inner}`)],
    ['a hex-marked chunk size', post('Transfer-Encoding: chunked\r\n', `0x3\r\nabc\r\n0\r\n\r\n${inner}`)],
    [
      'an overflowing chunk size',
      post('Transfer-Encoding: chunked\r\n', `fffffffffffffffff\r\nabc\r\n${inner}`),
    ],
    [
      'a chunk longer than its size',
      post('Transfer-Encoding: chunked\r\n', `3\r\nabcdef\r\n0\r\n\r\n${inner}`),
    ],
    ['chunks ended by LF', post('Transfer-Encoding: chunked\r\n', `3\nabc\n0\n\n${inner}`)],
    ['headers ended by LF', `POST /api/v2/echo/x HTTP/1.1\n${host}Content-Length: 40\n\n${inner}`],
    ['a header hidden by CR', post('X-A: b\rContent-Length: 99\r\n', inner)],
  ])('by %s', async (_what, bytes) => {
    const answer = await fixture.raw(bytes, true);
    expect(answer).not.toContain('smuggled');
    await expectRefused(answer);
  });

  test('is not what pipelining is', async () => {
    const first = get('/api/v2/echo/public?first').replace('Connection: close\r\n', '');
    const answer = await fixture.raw(first + get('/api/v2/echo/public?second'));
    expect(statuses(answer)).toEqual([200, 200]);
    expect(answer.indexOf('first')).toBeLessThan(answer.indexOf('second'));
  });

  test('nor by the body of a GET', async () => {
    const body = 'GET /api/v2/echo/public?smuggled HTTP/1.1\r\n\r\n';
    const answer = await fixture.raw(get('/api/v2/echo/public', `Content-Length: ${body.length}\r\n`) + body);
    expect(statuses(answer)).toEqual([200]);
  });

  test('nor behind a body that is too large', async () => {
    const large = 'x'.repeat(8_000);
    const answer = await fixture.raw(
      post(`Content-Length: ${large.length}\r\n`, large) + get('/api/v2/echo/public?next'),
    );
    expect(statuses(answer)).toEqual([413, 200]);
  });
});

describe('sizes', () => {
  test('a URL beyond the limit is 414', async () => {
    await expectRefused(await fixture.raw(get(`/api/v2/echo/${'a'.repeat(limits.uriBytes)}`)), 414);
  });

  test('headers beyond the limit are 431', async () => {
    await expectRefused(
      await fixture.raw(get('/api/v2/echo/x', `X-A: ${'a'.repeat(limits.headerBytes)}\r\n`)),
      431,
    );
  });

  test('as many headers as allowed are taken, and not one more', async () => {
    const many = (count: number) => get('/api/v2/echo/public', 'X-A: b\r\n'.repeat(count));
    expect(statuses(await fixture.raw(many(limits.headerCount - 2)))).toEqual([200]);
    await expectRefused(await fixture.raw(many(limits.headerCount - 1)), 431);
    await expectRefused(await fixture.raw(many(1_000)), 431);
  });

  test('a body of chunks beyond the limit is 413', async () => {
    const chunk = `400\r\n${'x'.repeat(1_024)}\r\n`;
    const answer = await fixture.raw(
      post('Transfer-Encoding: chunked\r\nConnection: close\r\n', `${chunk.repeat(20)}0\r\n\r\n`),
    );
    await expectRefused(answer, 413);
  });

  test('more parameters than allowed are 400', async () => {
    const response = await fixture.ask(`/api/v2/echo/x?${'a&'.repeat(limits.parameterCount + 1)}`);
    expect(response.status).toBe(400);
  });
});

describe('bad input that reads well', () => {
  test.each([
    ['/api/v2/echo/%', 400],
    ['/api/v2/echo/%ff', 400],
    ['/api/v2/echo/%00', 400],
    ['/api/v2/echo/..%2f..%2fetc%2fpasswd', 400],
    ['/api/v2/../../etc/passwd', 404],
    ['/api/v2/echo/x?__proto__=1', 400],
    ['/api/v2/echo/x?__proto__[polluted]=1', 400],
    ['/api/v2/echo/x?a[__proto__][polluted]=1', 400],
    ['/api/v2/__proto__', 404],
    ['/api/v2/constructor', 404],
    ['/api/__proto__/x', 404],
  ])('%s is %d', async (path, status) => {
    const answer = await fixture.raw(get(path, `X-DreamFactory-Session-Token: ${fixture.token}\r\n`));
    await expectRefused(answer, status);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each(['constructor[prototype][polluted]=1', 'toString=1', 'a[constructor]=1', 'hasOwnProperty=1'])(
    'the query %s is data',
    async (query) => {
      const response = await fixture.ask(`/api/v2/echo/x?${query}`);
      expect(response.status).toBe(200);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  test('headers named like members of objects are data', async () => {
    const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString']
      .map((name) => `${name}: x\r\n`)
      .join('');
    expect(statuses(await fixture.raw(get('/api/v2/echo/public', names)))).toEqual([200]);
  });

  test('absolute addresses are taken by their path, whatever host they name', async () => {
    const answer = await fixture.raw(get('http://169.254.169.254/api/v2/echo/public'));
    expect(statuses(answer)).toEqual([200]);
    expect(answer).toContain('"uri":"/api/v2/echo/public"');
  });

  test.each(['TRACE /api/v2/echo/x', 'TRACE /', 'CONNECT example.com:443', 'CONNECT /api'])(
    '%s is refused',
    async (line) => {
      const answer = await fixture.raw(
        `${line} HTTP/1.1\r\n${host}X-Canary: 4711\r\nConnection: close\r\n\r\n`,
        true,
      );
      await expectRefused(answer);
      expect(answer).not.toContain('4711');
    },
  );

  test('an upgrade is not made', async () => {
    const headers = 'Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n';
    expect(statuses(await fixture.raw(get('/api/v2/echo/public', headers)))).toEqual([200]);
  });

  test('an unknown expectation is 417', async () => {
    const answer = await fixture.raw(get('/api/v2/echo/public', 'Expect: wonders\r\n'));
    await expectRefused(answer, 417);
    expect(answer).toMatch(/\{"error":\{"code":417,.*"status_code":417\}\}$/);
  });

  test('long adversarial headers are read in a straight line', async () => {
    const long = 15_000;
    for (const header of [
      `Accept: ${','.repeat(long)}`,
      `Accept: ${';q='.repeat(long / 3)}`,
      `Authorization: Bearer ${' '.repeat(long)}x`,
      `Authorization: Basic ${'A'.repeat(long)}`,
      `Content-Type: ${'a/'.repeat(long / 2)}`,
      `X-HTTP-Method: ${' '.repeat(long)}x`,
      `X-DreamFactory-Session-Token: ${'a.'.repeat(long / 2)}`,
      `Access-Control-Request-Headers: ${'a,'.repeat(long / 2)}`,
    ]) {
      const answer = await fixture.raw(get('/api/v2/echo/x', `${header}\r\n`));
      expect(statuses(answer)[0]).toBeLessThan(500);
    }
  });
});

describe('slow clients', () => {
  const ended = (socket: Socket) =>
    new Promise<string>((resolve) => {
      let received = '';
      socket.on('data', (bytes) => {
        received += bytes;
      });
      socket.on('error', () => resolve(received));
      socket.on('close', () => resolve(received));
    });

  test('that drip headers are dropped with 408', async () => {
    const socket = connect(fixture.server.port, '127.0.0.1');
    socket.write(`GET /api HTTP/1.1\r\n${host}`);
    const drip = setInterval(() => socket.write('X-A: b\r\n'), 20);
    const answer = await ended(socket);
    clearInterval(drip);
    await expectRefused(answer, 408);
  });

  test('that drip a body are dropped with 408', async () => {
    const socket = connect(fixture.server.port, '127.0.0.1');
    socket.write(`POST /api/v2/echo/x HTTP/1.1\r\n${host}Content-Length: 4000\r\n\r\n`);
    const drip = setInterval(() => socket.write('x'), 20);
    const answer = await ended(socket);
    clearInterval(drip);
    expect(statuses(answer).every((code) => code === 408 || code === 400)).toBe(true);
    expect((await fixture.ask('/api/v2/echo/x')).status).toBe(200);
  });

  test('that send nothing at all are dropped', async () => {
    const answer = await ended(connect(fixture.server.port, '127.0.0.1'));
    expect(statuses(answer).every((code) => code === 408)).toBe(true);
  });

  test('that leave in the middle do no harm', async () => {
    fixture.observations.length = 0;
    for (let i = 0; i < 10; i++) {
      const socket = connect(fixture.server.port, '127.0.0.1');
      socket.write(`POST /api/v2/echo/x HTTP/1.1\r\n${host}Content-Length: 400\r\n\r\nabc`, () =>
        socket.destroy(),
      );
      await ended(socket);
    }
    expect((await fixture.ask('/api/v2/echo/x')).status).toBe(200);
    expect(fixture.observations.filter(({ kind }) => kind === 'http.failed')).toEqual([]);
  });
});
