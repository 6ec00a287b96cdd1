// The worker of a server: which queues it works, and how it begins anew.
import { afterEach, expect, it } from 'vitest';
import { saveScript } from '../scenario.ts';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;
afterEach(() => server.close());

async function start(environment: Record<string, string>): Promise<void> {
  server = await startTestServer(environment);
  const columns = 'id integer primary key autoincrement, title varchar(40)';
  await server.addDatabase('db', `create table a (${columns}); create table b (${columns});`);
  for (const table of ['a', 'b']) {
    const config = table === 'a' ? {} : { queue: 'reports' };
    const { path, body } = saveScript(`db._table.${table}.post.queued`, 'console.log(1);', { config });
    expect((await server.ask(path, { method: 'POST', body })).status).toBeLessThan(300);
  }
}

const add = (table: string) =>
  server.ask(`/api/v2/db/_table/${table}`, { method: 'POST', body: { resource: [{ title: 'x' }] } });

const told = (kind: string) => server.observations.filter((seen) => seen.kind === kind);

/** Resolves once so many runs of a queue are done. */
async function done(queue: string, count: number): Promise<void> {
  const found = () => told('queue.done').filter((seen) => 'queue' in seen && seen.queue === queue);
  await expect.poll(() => found().length, { timeout: 20_000 }).toBe(count);
}

it('works the default queue, and leaves others', async () => {
  await start({});
  await add('b');
  await add('a');
  await done('default', 1);
  expect(told('queue.started')).toHaveLength(1);
}, 40_000);

it('works the queue of runs that name none, whatever it is called', async () => {
  await start({ QUEUE_NAME: 'mail' });
  await add('a');
  await done('mail', 1);
}, 40_000);

it('works all queues where it is told to', async () => {
  await start({ TENON_WORKER_QUEUES: '*', TENON_WORKER_CONCURRENCY: '1' });
  await add('b');
  await add('a');
  await done('default', 1);
  await done('reports', 1);
}, 40_000);

it('works none where it is told to', async () => {
  await start({ TENON_WORKER_QUEUES: 'none' });
  expect((await add('a')).status).toBe(200);
  expect(told('worker.started')).toEqual([]);
  expect(told('queue.started')).toEqual([]);
}, 40_000);

it('begins anew when it is asked to, and goes on', async () => {
  await start({});
  await add('a');
  await done('default', 1);
  expect((await server.ask('/api/v2/system/queue/restart', { method: 'POST', body: {} })).status).toBe(200);
  await expect.poll(() => told('worker.started').length, { timeout: 20_000 }).toBe(2);
  expect(told('worker.stopped')).toHaveLength(1);
  await add('a');
  await done('default', 2);
}, 60_000);
