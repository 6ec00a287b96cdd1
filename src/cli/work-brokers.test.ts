// Workers of connections to brokers, as processes of their own beside a server: they hear of runs by their
// broker, because they look by themselves once in ten minutes.
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBeanstalkd, startBeanstalkd } from '../../test/beanstalkd-server.ts';
import { tenonProgram } from '../../test/program.ts';
import { saveScript } from '../../test/scenario.ts';
import { startTestServer, type TestServer } from '../../test/server.ts';
import { startSqs } from '../../test/sqs-server.ts';
import { hasRedis, startRedis } from '../store/limits/redis-fixture.ts';

const script = `
  const [{title}] = event.request.payload.resource;
  await platform.api.post('db/_table/seen', {resource: [{title}]});`;

let server: TestServer;
let redisUrl: string;
const ends: (() => Promise<unknown>)[] = [];

describe.runIf(hasRedis() && hasBeanstalkd())('workers of connections to brokers', () => {
  beforeAll(async () => {
    const [redis, beanstalkd, sqs] = await Promise.all([startRedis(), startBeanstalkd(), startSqs()]);
    redisUrl = redis.url;
    server = await startTestServer({
      ...{ TENON_WORKER_QUEUES: 'none', TENON_REDIS_URL: redisUrl, QUEUE_CONNECTION: 'redis' },
    });
    ends.push(() => server.close(), redis.stop, beanstalkd.stop, sqs.stop);
    const columns = 'id integer primary key autoincrement, title varchar(40)';
    await server.addDatabase('db', `create table todo (${columns}); create table seen (${columns});`);
    const account = { key: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI', endpoint: sqs.url };
    const connections = [
      { name: 'tubes', type: 'beanstalkd', config: { port: beanstalkd.port }, default_queue: 'letters' },
      { name: 'cloud', type: 'sqs', config: account, default_queue: 'bills' },
      { name: 'second', type: 'redis', config: { port: redis.port } },
    ];
    const made = await ask('system/queue_connection', { resource: connections });
    expect(made.status, made.text).toBe(201);
    expect(made.headers.get('x-tenon-warning')).toBeNull();
  }, 30_000);

  afterAll(async () => {
    for (const end of ends) await end();
  });

  // One script after the other names the connection; all workers run at the same time.
  it('perform what is queued there', async () => {
    const places = ['redis', 'tubes', 'cloud', 'second'];
    const workers = places.map((name) => start('queue:listen', name, '--sleep=600'));
    for (const round of ['first', 'second']) {
      for (const name of places) {
        const { path, body } = saveScript('db._table.todo.post.queued', script);
        const config = name === 'redis' ? {} : { config: { connection: name } };
        const saved = await server.ask(path, { method: 'POST', body: { ...(body as object), ...config } });
        expect(saved.status, saved.text).toBeLessThan(300);
        await ask('db/_table/todo', { resource: [{ title: `${round} of ${name}` }] });
        await expect
          .poll(seen, { timeout: 30_000 })
          .toContain(`${round} of ${name}`)
          .catch((cause: unknown) => {
            throw new Error(workers.map(({ said }) => said()).join('\n'), { cause });
          });
      }
    }
    expect((await seen()).length).toBe(2 * places.length);
    for (const { child } of workers) child.kill('SIGTERM');
    for (const { ended } of workers) expect(await ended).toMatchObject({ code: 0 });
  }, 60_000);
});

function ask(path: string, body: unknown) {
  return server.ask(`/api/v2/${path}`, { method: 'POST', body });
}

async function seen(): Promise<string[]> {
  const { body } = await server.ask('/api/v2/db/_table/seen');
  return body.resource.map(({ title }: { title: string }) => title);
}

interface Started {
  said(): string;
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
}

function start(...args: string[]): Started {
  const own = { TENON_HOME: server.home, TENON_LOG_LEVEL: 'info', TENON_REDIS_URL: redisUrl };
  const env = { PATH: process.env.PATH ?? '', ...own };
  const child = spawn(process.execPath, [tenonProgram(), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  ends.unshift(async () => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = new Promise<Awaited<Started['ended']>>((resolve) => {
    child.once('close', (code) => resolve({ code, output }));
  });
  return { child, ended, said: () => output };
}
