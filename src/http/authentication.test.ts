import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fixture, password, startFixture } from '../../test/http-fixture.ts';

let fixture: Fixture;
let lenient: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
  lenient = await startFixture({ sessionTokenInQuery: true });
});
afterAll(() => Promise.all([fixture.close(), lenient.close()]));

interface Given {
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly body?: string;
  readonly on?: Fixture;
}

interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

async function ask(path: string, { on = fixture, ...init }: Given = {}): Promise<Told> {
  const response = await fetch(`${on.server.url}/api/v2/${path}`, init);
  return { status: response.status, body: await response.json() };
}

const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });
const session = (token: string) => ({ 'X-DreamFactory-Session-Token': token });

describe('nobody', () => {
  test('is told what is missing', async () => {
    const { status, body } = await ask('echo/x');
    expect(status).toBe(400);
    expect(body.error.message).toMatch(
      /^No session token \(JWT\) or API Key detected in request\. Please send in/,
    );
  });

  test('with an API key is told that a token is missing', async () => {
    const { status, body } = await ask('echo/x', { headers: { 'X-DreamFactory-API-Key': '0000' } });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(/^No session token \(JWT\) provided\. Please provide a valid JWT/);
  });

  test('may do what is public', async () => {
    expect(await ask('echo/public')).toMatchObject({
      status: 200,
      body: { principal: { kind: 'anonymous' } },
    });
  });
});

describe('a token', () => {
  test.each([
    ['in X-DreamFactory-Session-Token', (token: string) => session(token)],
    ['as bearer', (token: string) => ({ Authorization: `Bearer ${token}` })],
    ['as bearer in any case', (token: string) => ({ authorization: `BEARER  ${token} ` })],
    [
      'as bearer before the other header',
      (token: string) => ({ Authorization: `Bearer ${token}`, ...session('x') }),
    ],
    ['before Basic', (token: string) => ({ ...session(token), ...basic('eve:wrong') })],
  ])('%s is accepted', async (_where, headers) => {
    const { status, body } = await ask('echo/x', { headers: headers(fixture.token) });
    expect([status, body.principal?.user.email]).toEqual([200, 'ada@example.com']);
  });

  test('gives the same principal to every request', async () => {
    const numbers = new Set<number>();
    for (let i = 0; i < 5; i++) {
      numbers.add((await ask('echo/x', { headers: session(fixture.token) })).body.principalNumber);
    }
    expect(numbers.size).toBe(1);
  });

  test.each(['x', 'a.b.c', 'null', 'undefined', '{}', `${'A'.repeat(9_000)}.B.C`, "' OR 1=1 --"])(
    'that is none is 401: %j',
    async (token) => {
      const bearer: Record<string, string> = { Authorization: `Bearer ${token}` };
      for (const headers of [session(token), bearer]) {
        const { status, body } = await ask('echo/x', { headers });
        expect(status).toBe(401);
        expect(body.error.message).toMatch(/^Invalid token: /);
      }
    },
  );

  test('that is none does not keep anyone from what is public', async () => {
    const { status, body } = await ask('echo/public', { headers: session('a.b.c') });
    expect([status, body.principal.kind, body.failure]).toEqual([200, 'anonymous', 'access.invalid_token']);
  });

  test('of a closed session is 403', async () => {
    const { token } = await fixture.sessions.open(fixture.admin);
    const { body } = await ask('echo/x', { headers: session(token) });
    await fixture.sessions.close(body.principal.sessionId);
    const refused = await ask('echo/x', { headers: session(token) });
    expect([refused.status, refused.body.error.message]).toEqual([
      403,
      expect.stringContaining('Session terminated. Please re-login.'),
    ]);
  });

  test('of another server is 401', async () => {
    const { status } = await ask('echo/x', {
      headers: session(`${lenient.token.slice(0, -8)}AAAAAAAA`),
    });
    expect(status).toBe(401);
  });

  test.each(['system/admin/session', 'user/session', 'System/admin/session'])(
    'is not looked at by a login at %s',
    async (path) => {
      const { status, body } = await ask(path, { method: 'POST', body: '{}', headers: session('a.b.c') });
      expect([status, body.principal.kind, body.failure]).toEqual([200, 'anonymous', null]);
      const other = await ask(path, { method: 'PUT', body: '{}', headers: session('a.b.c') });
      expect(other.body.failure).toBe('access.invalid_token');
    },
  );

  test('in query or body counts only with the switch', async () => {
    const query = `echo/x?session_token=${fixture.token}`;
    expect((await ask(query)).status).toBe(400);
    const inBody = { method: 'POST', headers: { 'Content-Type': 'application/json' } };
    const old = `echo/x?session_token=${lenient.token}`;
    expect((await ask(old, { on: lenient })).body.principal.kind).toBe('user');
    const body = JSON.stringify({ session_token: lenient.token });
    expect((await ask('echo/x', { ...inBody, body, on: lenient })).status).toBe(200);
    expect((await ask('echo/x', { ...inBody, body })).status).toBe(400);
    expect((await ask(old, { on: lenient, headers: session('x') })).status).toBe(401);
  });
});

describe('an API key', () => {
  const json = { 'Content-Type': 'application/json' };
  test.each<[string, string, Given]>([
    ['query first', 'echo/public?api_key=q', { headers: { 'X-DreamFactory-API-Key': 'h' } }],
    ['not an empty query', 'echo/public?api_key=', { headers: { 'X-DreamFactory-API-Key': 'q' } }],
    ['not a list', 'echo/public?api_key[]=x', { headers: { 'X-DreamFactory-API-Key': 'q' } }],
    ['the header', 'echo/public', { headers: { 'x-dreamfactory-api-key': 'q' } }],
    ['our own header', 'echo/public', { headers: { 'X-Tenon-API-Key': 'q' } }],
    [
      'header before body',
      'echo/public',
      { method: 'POST', headers: { ...json, 'X-Tenon-API-Key': 'q' }, body: '{"api_key":"b"}' },
    ],
    ['the body', 'echo/public', { method: 'POST', headers: json, body: '{"api_key":"q"}' }],
    [
      'a form',
      'echo/public',
      { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'api_key=q' },
    ],
  ])('is taken from %s', async (_where, path, given) => {
    expect((await ask(path, given)).body.principal.apiKey).toBe('q');
  });

  test.each(['[{"api_key":"x"}]', '{"a":{"api_key":"x"}}', '{"api_key":1}', '"api_key"'])(
    'is not taken from a body such as %s',
    async (body) => {
      expect(
        (await ask('echo/public', { method: 'POST', headers: json, body })).body.principal.apiKey,
      ).toBeNull();
    },
  );

  test('in records of apps is theirs', async () => {
    const headers = { ...json, ...session(fixture.token) };
    const { body } = await ask('system/app', { method: 'POST', headers, body: '{"api_key":"x"}' });
    expect(body.principal.apiKey).toBeNull();
  });

  test('in malformed content is no reason to fail here', async () => {
    const { status, body } = await ask('echo/x', { method: 'POST', headers: json, body: '{"api_key":' });
    expect([status, body.error.message]).toEqual([400, expect.stringMatching(/^No session token/)]);
  });

  test('comes along with the user', async () => {
    const headers = { ...session(fixture.token), 'X-DreamFactory-API-Key': 'k' };
    const { body } = await ask('echo/x', { headers });
    expect([body.principal.kind, body.principal.apiKey]).toEqual(['user', 'k']);
  });
});

describe('Basic', () => {
  test('lets a user in', async () => {
    const { status, body } = await ask('echo/x', { headers: basic(`ada@example.com:${password}`) });
    expect([status, body.principal.user.email, body.principal.sessionId]).toEqual([
      200,
      'ada@example.com',
      null,
    ]);
  });

  test('with a wrong password is 401, also when the address is spelled in a header', async () => {
    const headers = { ...basic('eve@example.com:wrong'), 'X-Forwarded-For': '127.0.0.1' };
    const { status, body } = await ask('echo/x', { headers });
    expect([status, body.error.message]).toEqual([401, 'Unauthorized. User credentials did not match.']);
  });

  test('guessing ends in 429, whatever the headers say of the address', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) {
      const headers = {
        ...basic(`mallory@example.com:${i}`),
        'X-Forwarded-For': `192.0.2.${i}`,
        'X-Real-IP': `${i}`,
      };
      statuses.push((await ask('echo/x', { headers })).status);
    }
    expect(statuses.slice(-2)).toEqual([429, 429]);
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
  });

  test.each(['Basic', 'Basic ', 'Basic %%%', 'Basic Og==', 'Digest x', 'Bearer', 'Bearer '])(
    'spelled %j lets nobody in',
    async (authorization) => {
      const { status } = await ask('echo/x', { headers: { Authorization: authorization } });
      expect([400, 401, 429]).toContain(status);
    },
  );
});
