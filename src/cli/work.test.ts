// `tenon work` as a process of its own, beside a server that leaves its runs to it.
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tenonProgram } from '../../test/program.ts';
import { saveScript } from '../../test/scenario.ts';
import { startTestServer, type TestServer } from '../../test/server.ts';

const cli = tenonProgram();

let server: TestServer;
const running = new Set<ChildProcess>();

const script = `
  const [{title}] = event.request.payload.resource;
  if (title === 'bad') throw new Error('no such thing');
  if (title === 'slow') await new Promise((resolve) => setTimeout(resolve, 1500));
  if (title === 'endless') await new Promise((resolve) => setTimeout(resolve, 600000));
  await platform.api.post('db/_table/seen', {resource: [{title}]});`;

beforeAll(async () => {
  server = await startTestServer({ TENON_WORKER_QUEUES: 'none' });
  const columns = 'id integer primary key autoincrement, title varchar(40)';
  await server.addDatabase('db', `create table todo (${columns}); create table seen (${columns});`);
  const { path, body } = saveScript('db._table.todo.post.queued', script);
  expect((await server.ask(path, { method: 'POST', body })).status).toBeLessThan(300);
}, 60_000);
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});
afterAll(() => server.close());

const add = async (...titles: string[]) => {
  for (const title of titles) {
    await server.ask('/api/v2/db/_table/todo', { method: 'POST', body: { resource: [{ title }] } });
  }
};
const seen = async () => {
  const { body } = await server.ask('/api/v2/db/_table/seen');
  return body.resource.map(({ title }: { title: string }) => title);
};

/** Starts a verb on the data folder of the server. */
function start(...args: string[]) {
  const env = { PATH: process.env.PATH ?? '', TENON_HOME: server.home, TENON_LOG_LEVEL: 'silent' };
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, output });
    });
  });
  const says = (pattern: RegExp) =>
    expect
      .poll(() => output, { timeout: 30_000 })
      .toMatch(pattern)
      .then(() => undefined);
  return { child, ended, says };
}

describe('the next run', () => {
  it('is performed by queue:work and by work --once, which say when there is none', async () => {
    await add('a', 'b');
    const first = await start('queue:work').ended;
    expect(first.code).toBe(0);
    expect(first.output).toMatch(/"kind":"queue.started".*\n.*"kind":"queue.done".*"ms":[\d.]+/);
    expect(await seen()).toEqual(['a']);
    await start('work', '--once').ended;
    expect(await seen()).toEqual(['a', 'b']);
    const last = await start('queue:work', '--queue', 'high,default').ended;
    expect(last).toEqual({
      code: 0,
      output: "Nothing to do: no run is due in the queues 'high', 'default' of 'database'.\n",
    });
  }, 60_000);
});

describe('working', () => {
  it('goes on, as options say, and ends what runs before it ends itself', async () => {
    await add('bad');
    const worker = start('queue:listen', 'database', '--tries=2', '--delay=0', '--timeout=60', '--sleep=1');
    await worker.says(/"kind":"queue.retried".*no such thing/);
    await worker.says(/"kind":"queue.failed".*"attempt":2/);
    await add('slow');
    await worker.says(/"kind":"queue.started"[^\n]*"number":4/);
    worker.child.kill('SIGTERM');
    const { code, output } = await worker.ended;
    expect(code).toBe(0);
    expect(output).toMatch(/Ending.*"kind":"queue.done"[^\n]*"number":4.*Stopped\.\n$/s);
    expect(await seen()).toEqual(['a', 'b', 'slow']);
  }, 60_000);

  it('gives back what runs at the second signal, and somebody else goes on', async () => {
    await add('endless');
    const worker = start('work');
    await worker.says(/"kind":"queue.started"/);
    worker.child.kill('SIGINT');
    await worker.says(/Ending/);
    worker.child.kill('SIGINT');
    expect((await worker.ended).output).toMatch(/"kind":"queue.released"/);
    const next = start('work', '--timeout=1', '--tries=1');
    await next.says(/"kind":"queue.failed"[^\n]*"attempt":1[^\n]*longer than 1 s/);
    expect(await seen()).not.toContain('endless');
  }, 60_000);
});

describe('what cannot be worked', () => {
  it.each([
    [['work', 'nowhere'], /no active queue connection 'nowhere'/],
    [['work', 'sync'], /'sync'[^\n]*needs no worker/],
    [['work', '--tries', '0'], /--tries must be a whole number from 1 to 1000; it is '0'/],
    [['queue:listen', '--timeout', 'soon'], /--timeout must be a whole number of seconds/],
    [['work', '--home', './nowhere'], /no system database at \S+nowhere[^\n]*\n[^\n]*--home/],
    [['queue:work', '--queue', 'x'.repeat(99)], /name of a queue may have 64 characters/],
  ])(
    '%j is told',
    async (args, message) => {
      const { code, output } = await start(...args).ended;
      expect(output).toMatch(message);
      expect(output).not.toContain('    at ');
      expect(code).toBe(1);
    },
    30_000,
  );
});
