// Who may read the metrics, and who may not.
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fixture, startFixture } from '../../test/http-fixture.ts';

const token = 'a-token-of-some-length';
const text = '# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n';
const contentType = 'text/plain; version=0.0.4; charset=utf-8';
const source = { contentType, text: async () => text };

let open: Fixture;
let guarded: Fixture;
beforeAll(async () => {
  open = await startFixture({ metrics: { ...source, token: undefined } });
  guarded = await startFixture({ metrics: { ...source, token } });
});
afterAll(async () => {
  await open.close();
  await guarded.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

// node:http, because fetch does not let a client choose its Host.
function read(fixture: Fixture, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { method, agent: false, headers };
    const outgoing = request(`${fixture.server.url}/metrics`, options, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body }),
      );
    });
    outgoing.on('error', reject).end();
  });
}

describe('without a token', () => {
  test('programs on this machine read them', async () => {
    const { status, headers, body } = await read(open);
    expect([status, headers['content-type'], headers['cache-control'], body]).toEqual([
      200,
      contentType,
      'no-store',
      text,
    ]);
    const head = await read(open, {}, 'HEAD');
    expect([head.status, head.body]).toEqual([200, '']);
  });

  test.each(['localhost', 'LOCALHOST:9090', '127.0.0.1:1', '[::1]:1'])('by the name %s', async (host) => {
    expect((await read(open, { host })).status).toBe(200);
  });

  test.each([
    ['X-Forwarded-For', '127.0.0.1'],
    ['Forwarded', 'for=127.0.0.1'],
    ['X-Real-IP', '127.0.0.1'],
    ['Via', '1.1 proxy'],
    ['Host', 'evil.example.com'],
    ['Host', 'localhost.example.com'],
  ])('nobody reads them with %s: %s', async (name, value) => {
    const { status, body } = await read(open, { [name]: value });
    expect(status).toBe(403);
    expect(JSON.parse(body).error.message).toContain('Set TENON_METRICS_TOKEN for others.');
    expect(body).not.toContain('up 1');
  });
});

describe('with a token', () => {
  test.each(['Bearer', 'bearer', 'BEARER'])(
    'whoever shows it reads them, from wherever (%s)',
    async (scheme) => {
      const headers = {
        Authorization: `${scheme} ${token}`,
        Host: 'api.example.com',
        'X-Forwarded-For': '192.0.2.1',
      };
      expect(await read(guarded, headers)).toMatchObject({ status: 200, body: text });
    },
  );

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `Basic ${token}`,
    token,
    `Bearer ${token} ${token}`,
  ])('nobody else does: %s', async (authorization) => {
    const headers = authorization === undefined ? {} : { Authorization: authorization };
    const answer = await read(guarded, headers);
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer realm="metrics"']);
    expect(JSON.parse(answer.body).error.status_code).toBe(401);
    expect(answer.body).not.toContain(token);
  });
});

test('there is no such page where there are no metrics', async () => {
  const own = await startFixture();
  expect((await read(own)).status).toBe(404);
  await own.close();
});

test('other methods find nothing', async () => {
  expect((await read(open, {}, 'POST')).status).toBe(404);
});
