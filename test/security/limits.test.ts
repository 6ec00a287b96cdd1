// Limits on running servers: how often, how many at once, how large; in one process, in two, and with Redis.
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { hasRedis, type RedisServer, startRedis } from '../../src/store/limits/redis-fixture.ts';
import { flood, type LimitedWorld, startLimitedWorld, startProcess } from '../limited-world.ts';
import { addScriptedService, removeScripts } from '../scripted-service.ts';

let world: LimitedWorld;

const todo = '/api/v2/db/_table/todo';

beforeAll(async () => {
  world = await startLimitedWorld();
});

afterEach(async () => {
  await removeScripts(world.server);
  await world.server.ask('/api/v2/system/limit?force=true', { method: 'DELETE' });
  await boundRole({ max_concurrency: null, max_body_bytes: null });
});

afterAll(() => world.close());

const limit = (over: object = {}) =>
  world.make('limit', { name: 'all', type: 'instance', rate: 10, period: 'minute', ...over });

async function boundRole(bounds: object): Promise<void> {
  const path = `/api/v2/system/role/${world.roleId}`;
  const { status, text } = await world.server.ask(path, { method: 'PATCH', body: bounds });
  expect(status, text).toBe(200);
}

const key = () => ({ 'X-DreamFactory-API-Key': world.apiKey });

describe('how often', () => {
  it('lets ten through, refuses the eleventh, and lets through again when the window is over', async () => {
    const { id } = await limit();
    for (let left = 9; left >= 0; left--) {
      const { status, headers } = await world.app(`${todo}/1`);
      expect([status, headers.get('x-ratelimit-limit')]).toEqual([200, '10']);
      expect(headers.get('x-ratelimit-remaining')).toBe(String(left));
      const reset = Number(headers.get('x-ratelimit-reset')) - Date.now() / 1000;
      expect(reset).toBeGreaterThan(0);
      expect(reset).toBeLessThanOrEqual(61);
    }
    const refused = await world.user(`${todo}/1`);
    expect([refused.status, refused.headers.get('x-ratelimit-remaining')]).toEqual([429, '0']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.body.error).toMatchObject({ code: 429, message: 'API limit(s) exceeded. ' });
    expect(refused.body.error.context).toMatchObject([{ id, name: 'all', type: 'instance', rate: 10 }]);
    // Time passes for the counter alone.
    const database = new Database(join(world.server.home, 'system.sqlite'));
    database.exec('update limit_counter set expire = 1');
    database.close();
    await vi.waitFor(async () => expect((await world.app(`${todo}/1`)).status).toBe(200), {
      timeout: 10_000,
    });
    expect((await world.app(`${todo}/1`)).headers.get('x-ratelimit-remaining')).toBe('8');
  });

  it('leaves administrators alone, and calls that are refused anyway uncounted', async () => {
    const { id } = await limit({ rate: 1 });
    for (let call = 0; call < 3; call++) expect((await world.server.ask(`${todo}/1`)).status).toBe(200);
    expect((await world.server.ask(`${todo}/1`, { anonymous: true })).status).toBe(400);
    expect((await world.app('/api/v2/nowhere')).status).toBe(404);
    expect((await world.server.ask(`/api/v2/system/limit_cache/${id}`)).body.attempts).toBe(0);
    expect((await world.app(`${todo}/1`)).status).toBe(200);
  });

  it('counts a call once, whatever scripts ask for inside it', async () => {
    const content =
      "const seen = []; for (let i = 0; i < 5; i++) seen.push((await platform.api.get('db/_table/todo/1')).content); return seen;";
    expect((await addScriptedService(world.server, content)).status).toBe(201);
    await limit({ rate: 2 });
    const first = await world.app('/api/v2/math');
    expect([first.status, first.headers.get('x-ratelimit-remaining')]).toEqual([200, '1']);
    expect(first.body.map(({ id }: { id: number }) => id)).toEqual([1, 1, 1, 1, 1]);
    expect((await world.app('/api/v2/math')).status).toBe(200);
    expect((await world.app('/api/v2/math')).status).toBe(429);
  });

  it('counts who logs in, and the list of services', async () => {
    await limit({ rate: 2, type: 'instance.each_user' });
    const body = { email: 'ann@example.com', password: 'wrong' };
    const login = () => world.server.ask('/api/v2/user/session', { method: 'POST', anonymous: true, body });
    expect([(await login()).status, (await login()).status, (await login()).status]).toEqual([401, 401, 429]);
    const listed = [await world.app('/api/v2'), await world.app('/api/v2'), await world.app('/api/v2')];
    expect(listed.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(listed[0]?.headers.get('x-ratelimit-remaining')).toBe('1');
  });

  it('slows down one flow of one caller, and nothing else', async () => {
    const services = await world.server.ask("/api/v2/system/service?filter=name='user'&fields=id");
    const place = { service_id: services.body.resource[0].id, endpoint: 'password', verb: 'POST' };
    await limit({ type: 'instance.each_user.service.endpoint', rate: 3, period: 'day', ...place });
    const body = { email: 'nobody@example.com' };
    const ask = { method: 'POST', body, anonymous: true };
    const forgot = () => world.server.ask('/api/v2/user/password?reset=true', ask);
    const found = [await forgot(), await forgot(), await forgot(), await forgot()].map(
      ({ status }) => status,
    );
    expect(found.map((status) => status === 429)).toEqual([false, false, false, true]);
    expect((await world.app('/api/v2/user/password?reset=true', ask)).status).not.toBe(429);
    const elsewhere = await world.server.ask('/api/v2/user/session', { anonymous: true });
    expect([elsewhere.status, elsewhere.headers.get('x-ratelimit-limit')]).toEqual([401, null]);
  });

  it('takes no word of a caller for who he is: headers, query, body, keys that were made up', async () => {
    await limit({ rate: 3, type: 'instance.each_user' });
    const body = { email: 'ann@example.com', password: 'wrong' };
    const tricks: [string, Record<string, string>, object][] = [
      ['', { 'X-Forwarded-For': '203.0.113.1' }, {}],
      ['', { 'X-Real-IP': '203.0.113.2', Forwarded: 'for=203.0.113.2' }, {}],
      ['', { 'CF-Connecting-IP': '203.0.113.3', 'True-Client-IP': '203.0.113.3' }, {}],
      ['?api_key=made-up-1', {}, {}],
      ['', { 'X-DreamFactory-API-Key': 'made-up-2' }, {}],
      ['', { 'X-Client-IP': '203.0.113.5', 'X-Cluster-Client-IP': '203.0.113.5' }, { ip: '203.0.113.4' }],
      ['', { 'X-Tenon-Hops': '1', Authorization: 'Bearer made.up.token' }, { api_key: 'made-up-3' }],
      ['', {}, { user_id: 7, identifier: 'other', key: 'other', remote_address: '203.0.113.6' }],
    ];
    const found: number[] = [];
    for (const [query, headers, more] of tricks) {
      const ask = { method: 'POST', anonymous: true, headers, body: { ...body, ...more } };
      found.push((await world.server.ask(`/api/v2/user/session${query}`, ask)).status);
    }
    expect(found).toEqual([401, 401, 401, 429, 429, 429, 429, 429]);
  });

  it('lets exactly the rate through of many at the same time', async () => {
    await limit({ rate: 50 });
    const found = await flood([world.server.url], 200, key());
    expect(found.filter((status) => status === 200)).toHaveLength(50);
    expect(found.filter((status) => status === 429)).toHaveLength(150);
  });

  it('answers every call while limits come and go', async () => {
    let isOver = false;
    const callers = Array.from({ length: 8 }, async () => {
      const found = new Set<number>();
      while (!isOver) found.add((await world.app(`${todo}/1`)).status);
      return found;
    });
    for (let turn = 0; turn < 10; turn++) {
      const made = [
        await limit({ rate: 5 }),
        await limit({ name: 'each', type: 'instance.each_user', rate: 3 }),
      ];
      await world.server.ask('/api/v2/system/limit_cache?allow_delete=true', { method: 'DELETE' });
      for (const { id } of made) await world.server.ask(`/api/v2/system/limit/${id}`, { method: 'DELETE' });
    }
    isOver = true;
    const statuses = new Set((await Promise.all(callers)).flatMap((found) => [...found]));
    expect([...statuses].sort()).toEqual([200, 429]);
  });

  it('lets exactly the rate through of many that two processes of one data folder are asked', async () => {
    const other = await startProcess({ TENON_HOME: world.server.home });
    try {
      await limit({ rate: 50 });
      // The other process knows of the limit once it has looked.
      await vi.waitFor(
        async () => {
          const found = await flood([other.url], 1, key());
          const answer = await fetch(`${other.url}${todo}/1`, { headers: key() });
          expect([found[0], answer.headers.get('x-ratelimit-limit')]).toEqual([200, '50']);
        },
        { timeout: 10_000 },
      );
      await world.server.ask('/api/v2/system/limit_cache?allow_delete=true', { method: 'DELETE' });
      const found = await flood([world.server.url, other.url], 200, key());
      expect(found.filter((status) => status === 200)).toHaveLength(50);
      expect(found.filter((status) => status === 429)).toHaveLength(150);
    } finally {
      await other.stop();
    }
  });
});

describe.runIf(hasRedis())('how often, counted by Redis', () => {
  let redis: RedisServer;
  let other: LimitedWorld;

  beforeAll(async () => {
    redis = await startRedis();
    other = await startLimitedWorld({ TENON_REDIS_URL: redis.url });
  });

  afterAll(async () => {
    await other.close();
    await redis.stop();
  });

  it('lets exactly the rate through of many, tells how many, and goes on when Redis is away', async () => {
    const { id } = await other.make('limit', { name: 'all', type: 'instance', rate: 50, period: 'hour' });
    const headers = { 'X-DreamFactory-API-Key': other.apiKey };
    const found = await flood([other.server.url], 200, headers);
    expect(found.filter((status) => status === 200)).toHaveLength(50);
    const { body } = await other.server.ask(`/api/v2/system/limit_cache/${id}`);
    expect(body).toEqual({ id, key: 'instance.hour', max: 50, attempts: 50, remaining: 0 });
    await other.server.ask(`/api/v2/system/limit_cache/${id}`, { method: 'DELETE' });
    expect((await other.app(`${todo}/1`)).headers.get('x-ratelimit-remaining')).toBe('49');
    await redis.stop();
    const alone = await flood([other.server.url], 200, headers);
    expect(alone.filter((status) => status === 200)).toHaveLength(50);
    expect(other.server.observations.filter(({ kind }) => kind === 'limits.counting')).toHaveLength(1);
    const refused = await other.server.ask('/api/v2/system/limit_cache');
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('Redis')]);
  });
});

describe('how many at once', () => {
  /** Begins a list of all rows and reads nothing of it but the headers. */
  const beginList = () =>
    new Promise<{ status: number; abort: () => void; finish: () => Promise<void> }>((resolve, reject) => {
      const url = `${world.server.url}${todo}?limit=5000`;
      const outgoing = request(url, { headers: key(), agent: false }, (incoming) => {
        resolve({
          status: incoming.statusCode ?? 0,
          abort: () => outgoing.destroy(),
          finish: () => new Promise((done) => incoming.resume().on('end', () => done())),
        });
      });
      outgoing.on('error', reject).end();
    });

  const isFree = () =>
    vi.waitFor(async () => expect((await world.app(`${todo}/1`)).status).toBe(200), { timeout: 10_000 });

  it('refuses beyond it at once, until a list was read to its end or its client went away', async () => {
    await boundRole({ max_concurrency: 1 });
    for (const end of ['finish', 'abort'] as const) {
      const list = await beginList();
      expect(list.status).toBe(200);
      const refused = await world.app(`${todo}/1`);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
      expect(refused.body.error.message).toContain("The role 'few' allows 1 requests at the same time");
      expect((await world.server.ask(`${todo}/1`)).status).toBe(200);
      await list[end]();
      await isFree();
    }
  });

  it('is free again after refusals, errors, scripts that take too long and clients that go away', async () => {
    const slow = 'if (event.request.parameters.slow) while (true); throw new Error("no");';
    const made = await addScriptedService(world.server, slow, { config: { config: { timeout_ms: 300 } } });
    expect(made.status, made.text).toBe(201);
    await boundRole({ max_concurrency: 2 });
    const paths = ['/api/v2/math?slow=1', '/api/v2/math', `${todo}/99999`, `${todo}?filter=((`, todo];
    const found = await Promise.all(paths.flatMap((path) => [world.app(path), world.app(path)]));
    expect(found.some(({ status }) => status === 429)).toBe(true);
    const gone = connect(Number(new URL(world.server.url).port), '127.0.0.1');
    gone.write(
      `GET /api/v2/math?slow=1 HTTP/1.1\r\nHost: x\r\nX-DreamFactory-API-Key: ${world.apiKey}\r\n\r\n`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    gone.destroy();
    for (const path of paths) {
      const isLetIn = async () => expect((await world.app(path)).status).not.toBe(429);
      await vi.waitFor(isLetIn, { timeout: 20_000 });
    }
    // Both places are free: two at the same time.
    const list = await beginList();
    expect((await world.app(`${todo}/1`)).status).toBe(200);
    await list.finish();
  });
});

describe('how large', () => {
  const record = (bytes: number) => {
    const body = { resource: [{ title: '' }] };
    const title = 'x'.repeat(bytes - JSON.stringify(body).length);
    return JSON.stringify({ resource: [{ title }] });
  };
  const json = { 'content-type': 'application/json' };

  it('is said by the role: one byte more is refused, naming the bound; administrators have the server’s', async () => {
    await boundRole({ max_body_bytes: 1_000 });
    const post = (body: string, as = world.app) => as(todo, { method: 'POST', body, headers: json });
    expect((await post(record(1_000))).status).toBe(200);
    for (const as of [world.app, world.user]) {
      const refused = await post(record(1_001), as);
      expect(refused.status).toBe(413);
      expect(refused.body.error.message).toContain("1000 bytes, the most that the role 'few' allows");
    }
    expect((await post(record(5_000), world.server.ask)).status).toBe(200);
  });

  it('is refused before it is read or parsed: at its header, in chunks, and with the key inside it', async () => {
    await boundRole({ max_body_bytes: 1_000 });
    const malformed = `{"resource": [${'['.repeat(2_000)}`;
    const ask = { method: 'POST', body: malformed, headers: json };
    expect((await world.app(todo, ask)).status).toBe(413);
    const hidden = JSON.stringify({ api_key: world.apiKey, resource: [{ title: 'x'.repeat(2_000) }] });
    const anonymous = await world.server.ask(todo, { ...ask, body: hidden, anonymous: true });
    expect(anonymous.status).toBe(413);
    const head = `POST ${todo} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-DreamFactory-API-Key: ${world.apiKey}\r\n`;
    // Only the headers are sent: whoever waited for the body would wait for ever.
    expect(await rawAnswer(`${head}Content-Length: 5000\r\n\r\n`)).toContain(' 413 ');
    const chunk = `258\r\n${'x'.repeat(600)}\r\n`;
    expect(await rawAnswer(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`)).toContain(' 413 ');
  });

  it('does not keep a body whose client went away while it was found out who asks', async () => {
    await boundRole({ max_body_bytes: 1_000 });
    const port = Number(new URL(world.server.url).port);
    for (let turn = 0; turn < 20; turn++) {
      const socket = connect(port, '127.0.0.1');
      const head = `POST ${todo} HTTP/1.1\r\nHost: x\r\nX-DreamFactory-API-Key: ${world.apiKey}\r\n`;
      socket.write(`${head}Content-Length: 500\r\n\r\n{`);
      await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
    }
    expect((await world.app(`${todo}/1`)).status).toBe(200);
  });
});

/** The first that a server says to bytes, after which nothing more is sent. */
function rawAnswer(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(world.server.url).port), '127.0.0.1', () => socket.write(text));
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe('what nobody has to log in for', () => {
  it('asks no database: the health, the root of the API, and its refusals', async () => {
    const other = await startLimitedWorld();
    try {
      const ask = (path: string) => other.server.ask(path, { anonymous: true });
      const before = [await ask('/status'), await ask('/api/v2'), await ask('/')];
      expect(before.map(({ status }) => status)).toEqual([200, 400, 200]);
      const database = new Database(join(other.server.home, 'system.sqlite'));
      // Until the server has noticed its own last change, which it reads again.
      await new Promise((resolve) => setTimeout(resolve, 2 * limits.configurationPollMs));
      database.pragma('foreign_keys = off');
      for (const table of ['service', 'user', 'session', 'api_limit', 'limit_counter', 'app', 'role']) {
        database.exec(`alter table "${table}" rename to "gone_${table}"`);
      }
      database.close();
      for (let turn = 0; turn < 20; turn++) {
        const after = [await ask('/status'), await ask('/api/v2'), await ask('/')];
        expect(after.map(({ text }) => text)).toEqual(before.map(({ text }) => text));
      }
      expect((await other.server.ask('/api/v2')).status).toBe(500);
    } finally {
      await other.close();
    }
  });
});
