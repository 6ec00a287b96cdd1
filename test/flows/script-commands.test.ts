// `tenon script run` and `tenon script logs` against a running server.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { tenonProgram } from '../program.ts';
import { startTestServer, type TestServer } from '../server.ts';

const cli = tenonProgram();
const event = 'shop._table.todo.get.pre_process';

let server: TestServer;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  server = await startTestServer({ TENON_RUN_SAMPLE: '0' });
  await server.addDatabase('shop', 'create table todo (id integer primary key, title varchar(80))');
});

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

afterAll(() => server.close());

function start(args: readonly string[]) {
  const env = { PATH: process.env.PATH ?? '', TENON_SERVER: server.url, TENON_TOKEN: server.token };
  const child = spawn(process.execPath, [cli, 'script', ...args], { env, cwd: server.home });
  running.add(child);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((done) => {
    child.once('close', (code) => {
      running.delete(child);
      done({ code, ...said });
    });
  });
  return { child, said, ended };
}

const run = (...args: string[]) => start(args).ended;

async function bind(content: string): Promise<void> {
  const body = { type: 'nodejs', content, is_active: true, allow_event_modification: true };
  const answer = await server.ask(`/api/v2/system/event_script/${event}`, { method: 'POST', body });
  expect(answer.status, answer.text).toBeLessThan(300);
}

function file(name: string, content: string): string {
  writeFileSync(join(server.home, name), content);
  return name;
}

describe('tenon script run', () => {
  test('a file, on the event that options describe', async () => {
    const script = file(
      'a.ts',
      `// @event ${event}\nconst n: number = Number(event.request.parameters.n);\nconsole.log('n is', n);\nevent.request.parameters.n = n + 1;\n`,
    );
    const { code, stdout, stderr } = await run('run', script, '--path', 'shop/_table/todo', '--param', 'n=4');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^finished after [\d.]+ ms\nlog {3}n is 4\nchanged parameters: \{[^}]*"n": 5,?\n/);
  });

  test('one that fails shows the line, and gives exit code 1', async () => {
    const script = file('b.js', "const a = 1;\n\nthrow new Error('no');\n");
    const { code, stdout } = await run('run', script);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^threw after [\d.]+ ms: no\n {2}b\.js:3:7\n {2}3 \| throw new Error\('no'\);\n {4}\| {7}\^\n/,
    );
    const wrong = await run('run', file('c.js', 'const = 1;'));
    expect(wrong.stdout).toMatch(/^not_loaded after .*\n {2}c\.js:1:7\n {2}1 \| const = 1;\n {4}\| {7}\^/);
  });

  test('a stored script by its name, as JSON', async () => {
    await bind("return { response: { content: 'stored' } };");
    const { code, stdout } = await run('run', event, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ script: event, response: { content: 'stored' } });
  });

  test.each([
    [['run', 'nowhere.js'], /status 404/],
    [['run', 'a.ts', '--timeout', 'soon'], /--timeout soon is no number/],
    [['run', 'a.ts', '--event', '{'], /--event \{ is not a JSON object/],
    [['logs', '--limit', 'all'], /--limit all is no whole number/],
  ])('%j is refused clearly', async (args, message) => {
    const { code, stderr } = await run(...args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  });
});

describe('tenon script logs', () => {
  const call = (n: number) => server.ask(`/api/v2/shop/_table/todo?n=${n}`);
  const numbers = (text: string) => [...text.matchAll(/^ {4}log {3}#(\d+)$/gm)].map(([, n]) => Number(n));

  test('the last runs, oldest first; of one script; failed ones', async () => {
    await bind(
      "console.log('#' + event.request.parameters.n); if (event.request.parameters.n === '2') throw new Error('two');",
    );
    for (const n of [1, 2, 3]) await call(n);
    expect(numbers((await run('logs', event, '--limit', '2')).stdout)).toEqual([2, 3]);
    const { stdout } = await run('logs', event, '--failed');
    expect(numbers(stdout)).toEqual([2]);
    expect(stdout).toMatch(/^\S+ \S+ {2}threw +[\d.]+ ms {2}shop\._table\.todo\.get\.pre_process {2}\S+\n/m);
    expect(stdout).toContain('\n    two (line 1, column ');
    expect((await run('logs', 'other', '--limit', '5')).stdout).toBe('');
    const lines = (await run('logs', event, '--json', '--limit', '1')).stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).script)).toEqual([event]);
  });

  test('followed: every run once, also those that come at the same time', async () => {
    await bind("console.log('#' + event.request.parameters.n);");
    const { child, said } = start(['logs', event, '--follow', '--limit', '0']);
    await server.ask('/api/v2/system/run?force=true', { method: 'DELETE' });
    let sent = 100;
    // Nobody can see that it follows until it shows something.
    await expect
      .poll(
        async () => {
          await call(sent++);
          return numbers(said.stdout).length;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0);
    const first = numbers(said.stdout)[0] ?? 0;
    await Promise.all(Array.from({ length: 60 }, () => call(sent++)));
    await call(sent);
    await expect.poll(() => numbers(said.stdout).includes(sent), { timeout: 20_000 }).toBe(true);
    const all = numbers(said.stdout).sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: sent - first + 1 }, (_, index) => first + index));
    child.kill();
  });
});
