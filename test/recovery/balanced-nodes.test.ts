// The deployment of deploy/ as processes: two servers and two workers on PostgreSQL and Redis, behind the very
// balancer. One server ends in order and one is lost while requests go on.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasRedis, startRedis } from '../../src/store/limits/redis-fixture.ts';
import { hasBalancer, startBalancer } from '../balancer.ts';
import { canTest, testDatabase } from '../databases.ts';
import { freePort, QueueNode, startWorker } from './queue-fleet.ts';

const account = { email: 'admin@example.com', password: 'correct horse battery' };
const event = 'data._table.todo.post.queued';
const content = `
  const [{ title }] = event.request.payload.resource;
  await platform.api.post('data/_table/effect', { resource: [{ title }] });`;

const closers: (() => unknown)[] = [];

/** Callers who ask one request after the other, over connections that they keep. */
class Callers {
  readonly failures: string[] = [];
  answered = 0;
  #isOver = false;
  readonly #all: readonly Promise<void>[];

  constructor(count: number, ask: (agent: Agent, at: number) => Promise<number | string>) {
    this.#all = Array.from({ length: count }, async (_, at) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (!this.#isOver) {
        const status = await ask(agent, at);
        if (status === 200 || status === 201) this.answered += 1;
        else this.failures.push(String(status));
      }
      agent.destroy();
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#all);
  }
}

describe.runIf(canTest('postgres') && hasRedis() && hasBalancer())('two servers behind a balancer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-balanced-'));
  let servers: readonly QueueNode[] = [];
  let ports: readonly number[] = [];
  let url = '';
  let token = '';

  const call = async (method: string, path: string, body?: unknown, more: Record<string, string> = {}) => {
    const answer = await fetch(`${url}/api/v2/${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-dreamfactory-session-token': token, ...more },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Told };
  };

  beforeAll(async () => {
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const [database, redis] = await Promise.all([testDatabase('postgres'), startRedis()]);
    closers.push(
      () => database.drop(),
      () => redis.stop(),
    );
    const { user, password, host, port, database: name } = database;
    ports = [await freePort(), await freePort()];
    const settings = (own: string) => ({
      TENON_DATABASE_URL: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`,
      ...{ TENON_MASTER_KEY: key, TENON_REDIS_URL: redis.url, TENON_HOME: join(folder, own) },
      ...{ TENON_ADMIN_EMAIL: account.email, TENON_ADMIN_PASSWORD: account.password },
      ...{ TENON_WORKER_QUEUES: 'none', TENON_TRUSTED_PROXIES: '127.0.0.1', TENON_DRAIN_DELAY: '4' },
      ...{ TENON_RUNNERS_MIN: '0', TENON_LOG_LEVEL: 'error' },
      // A machine that does other things as well may not turn for seconds.
      ...{ PROOF_CACHE: join(folder, 'compiled'), PROOF_LIMITS: JSON.stringify({ readyMs: 60_000 }) },
      ...{ NODE_COMPILE_CACHE: join(folder, 'compiled') },
    });
    const key = randomBytes(32).toString('base64');
    servers = ports.map((own, at) => new QueueNode(own, settings(`server-${at}`)));
    closers.push(...servers.map((server) => () => server.kill()));
    // One makes the schema; the rest may come at once.
    await servers[0]?.start();
    const balancer = await startBalancer(folder, ports);
    closers.push(() => balancer.stop());
    url = balancer.url;
    const workers = [0, 1].map((at) => startWorker(settings(`worker-${at}`), []));
    closers.push(...workers.map((worker) => () => worker.kill()));
    await servers[1]?.start();
    await furnish();
  });

  async function furnish(): Promise<void> {
    const file = join(folder, 'data.sqlite');
    const database = new Database(file);
    database.exec(`create table todo (id integer primary key, title text);
      create table effect (id integer primary key, title text);`);
    database.close();
    while ((await fetch(`${url}/status/ready`)).status !== 200) await pause(50);
    token = (await call('POST', 'system/admin/session', account)).body.session_token;
    const service = {
      name: 'data',
      label: 'data',
      type: 'sqlite',
      is_active: true,
      config: { database: file },
    };
    expect((await call('POST', 'system/service', { resource: [service] })).status).toBe(201);
    const script = { type: 'nodejs', is_active: true, content };
    expect((await call('POST', `system/event_script/${event}`, script)).status).toBe(201);
    // Both servers know it: the balancer asks them in turn.
    for (let known = 0; known < 8; )
      known = (await call('GET', 'data/_table/todo')).status === 200 ? known + 1 : 0;
  }

  afterAll(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  it('answer as one, and leave what is queued to the workers', async () => {
    expect((await call('POST', 'data/_table/todo', { resource: [{ title: 'first' }] })).status).toBe(200);
    const effects = async () => (await call('GET', 'data/_table/effect')).body.resource;
    await expect.poll(effects, { timeout: 20_000 }).toMatchObject([{ title: 'first' }]);
    const nodes = async () => (await call('GET', 'system/node?fields=kind,queues,is_alive')).body.resource;
    await expect.poll(async () => (await nodes()).length, { timeout: 20_000 }).toBe(4);
    const resource = await nodes();
    expect(resource.filter(({ kind }: { kind: string }) => kind === 'serve')).toEqual([
      { kind: 'serve', queues: [], is_alive: true },
      { kind: 'serve', queues: [], is_alive: true },
    ]);
    expect(resource.filter(({ kind }: { kind: string }) => kind === 'work')).toEqual([
      { kind: 'work', queues: ['database:default'], is_alive: true },
      { kind: 'work', queues: ['database:default'], is_alive: true },
    ]);
  });

  it('know callers by what the balancer says, not by what callers write', async () => {
    const record = { name: 'counted', value: 'x' };
    const told = { 'x-forwarded-for': '203.0.113.9' };
    expect((await call('POST', 'system/lookup', { resource: [record] }, told)).status).toBe(201);
    const filter = encodeURIComponent("record like 'lookup/%'");
    const { resource } = (await call('GET', `system/audit?filter=${filter}`)).body;
    expect(resource).toMatchObject([{ remote_address: '127.0.0.1' }]);
  });

  it('do not tell strangers what machines ask', async () => {
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
  });

  it('fail no request when one ends in order, and no more than those under way when one is lost', async () => {
    const count = 6;
    const callers = new Callers(count, (agent, at) =>
      exchange({ url, agent, token, isWriting: at % 3 === 0 }),
    );
    const answers = async (more: number) => {
      const from = callers.answered;
      await expect.poll(() => callers.answered, { timeout: 30_000 }).toBeGreaterThan(from + more);
    };
    await answers(50);
    expect(await servers[0]?.stop()).toBe(0);
    await answers(50);
    expect(callers.failures).toEqual([]);
    await servers[0]?.start();
    await expect.poll(() => requestsOf(0), { timeout: 20_000 }).toBeGreaterThan(10);
    await answers(50);
    expect(callers.failures).toEqual([]);
    await servers[1]?.kill();
    await answers(100);
    await callers.end();
    // Who only reads is asked of the other; of those who write, each loses what was under way, and once more
    // where the balancer has not noticed yet.
    expect(callers.failures.length).toBeLessThanOrEqual((2 * count) / 3);
  });

  // The balancer takes a server in again once it was found ready twice: requests that come to it say so.
  async function requestsOf(at: number): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${ports[at]}/metrics`)).text();
    const counts = [...text.matchAll(/^tenon_http_requests_total\{[^}]*\} (\d+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }
});

/** What answers are looked at for. */
interface Told {
  readonly session_token: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly resource: any[];
}

interface Exchange {
  readonly url: string;
  readonly agent: Agent;
  readonly token: string;
  readonly isWriting: boolean;
}

/** The status of a request, or why there is none. */
function exchange({ url, agent, token, isWriting }: Exchange): Promise<number | string> {
  const headers = { 'x-dreamfactory-session-token': token, 'content-type': 'application/json' };
  const options = { agent, method: isWriting ? 'POST' : 'GET', headers };
  return new Promise((done) => {
    const outgoing = request(`${url}/api/v2/data/_table/effect?limit=5`, options, (incoming) => {
      incoming.resume();
      incoming.on('end', () => done(incoming.statusCode ?? 0));
      incoming.on('error', (error) => done(error.message));
    });
    outgoing.on('error', (error) => done(error.message));
    outgoing.end(isWriting ? JSON.stringify({ resource: [{ title: 'more' }] }) : undefined);
  });
}
