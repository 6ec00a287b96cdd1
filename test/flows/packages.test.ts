// Scripts load packages that were installed while the server runs, and see the variables that the operator names.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localNpm, localPhp, localWheel } from '../../src/cli/packages/packages-fixture.ts';
import { tenonProgram } from '../program.ts';
import { startTestServer, type TestServer } from '../server.ts';

const local = mkdtempSync(join(tmpdir(), 'tenon-flow-packages-'));
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    TENON_SCRIPT_ENV: 'SHARED_NAME, node:ONLY_NODE, python:ONLY_PYTHON, php:ONLY_PHP, FROM_FILE, NOT_THERE',
    SHARED_NAME: 'shared',
    ONLY_NODE: 'node',
    ONLY_PYTHON: 'python',
    ONLY_PHP: 'php',
    NOT_NAMED: 'never',
  });
});

afterAll(async () => {
  await server?.close();
  rmSync(local, { recursive: true, force: true });
});

async function add(language: string, spec: string): Promise<void> {
  const env = { ...process.env, TENON_HOME: server.home };
  await promisify(execFile)(process.execPath, [tenonProgram(), 'packages', 'add', language, spec], { env });
}

/** Makes a script service and gives its path. */
async function service(type: string, content: string): Promise<string> {
  const name = `s${Math.random().toString(36).slice(2)}`;
  const body = { resource: [{ name, label: name, type, is_active: true, config: { content } }] };
  const made = await server.ask('/api/v2/system/service', { method: 'POST', body });
  expect(made.status).toBe(201);
  return `/api/v2/${name}`;
}

/** Asks until the servers' runners have noticed. */
async function eventually(path: string): Promise<unknown> {
  await expect.poll(async () => (await server.ask(path)).status, { timeout: 20_000 }).toBe(200);
  return (await server.ask(path)).body;
}

describe('packages', () => {
  test('of Node, by require and by import()', async () => {
    const required = await service('nodejs', 'return {word: require("greeting").word};');
    const imported = await service('nodejs', 'const m = await import("modern"); return {word: m.word};');
    const missing = await server.ask(required);
    expect(missing.status).toBe(500);
    expect(missing.body.error.message).toBe("Cannot find module 'greeting'.");
    await add(
      'node',
      localNpm(local, { name: 'greeting', version: '1.0.0', script: 'exports.word = "hello";' }),
    );
    expect(await eventually(required)).toEqual({ word: 'hello' });
    const more = { type: 'module' };
    await add(
      'node',
      localNpm(local, { name: 'modern', version: '1.0.0', script: 'export const word = "new";', more }),
    );
    expect(await eventually(imported)).toEqual({ word: 'new' });
    await add(
      'node',
      localNpm(local, { name: 'greeting', version: '2.0.0', script: 'exports.word = "bye";' }),
    );
    await expect.poll(async () => (await server.ask(required)).body.word, { timeout: 20_000 }).toBe('bye');
  });

  test('an error in a script that imports has its place, and no path of this machine', async () => {
    const path = await service('nodejs', 'const m = await import("modern");\nthrow new Error(m.word);');
    server.observations.length = 0;
    expect((await server.ask(path)).body.error.message).toBe('new');
    const failed = server.observations.find(({ kind }) => kind === 'script.failed');
    expect(JSON.stringify(failed)).toContain('line 2, column 7');
    expect(JSON.stringify(failed)).not.toMatch(/packages|tenon-script/);
  });

  test('of Python', async () => {
    const path = await service('python3', 'import py_greeting\nreturn {"word": py_greeting.WORD}');
    expect((await server.ask(path)).status).toBe(500);
    await add(
      'python',
      localWheel(local, { name: 'py_greeting', version: '1.0.0', source: 'WORD = "hello"\n' }),
    );
    expect(await eventually(path)).toEqual({ word: 'hello' });
  });

  test('of PHP', async () => {
    const path = await service('php', 'return ["word" => \\Acme\\Greeting\\Greeting::word()];');
    expect((await server.ask(path)).status).toBe(500);
    const folder = join(server.home, 'packages/php');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'composer.json'), '{"repositories": [{"packagist.org": false}]}');
    await add('php', localPhp(local, { name: 'acme/greeting', namespace: 'Acme\\Greeting' }));
    expect(await eventually(path)).toEqual({ word: 'hello' });
  });
});

describe('variables', () => {
  const names = [
    'SHARED_NAME',
    'ONLY_NODE',
    'ONLY_PYTHON',
    'ONLY_PHP',
    'NOT_NAMED',
    'NOT_THERE',
    'TENON_GIVEN',
  ];
  const text = JSON.stringify(names);

  test.each([
    ['nodejs', `return ${text}.map((name) => process.env[name] ?? null);`, ['shared', 'node', null, null]],
    [
      'python3',
      `import os\nreturn [os.environ.get(name) for name in ${text}]`,
      ['shared', null, 'python', null],
    ],
    ['php', `return array_map(fn($name) => env($name), ${text});`, ['shared', null, null, 'php']],
  ])('in %s those that are named, and no other', async (type, content, expected) => {
    const { body } = await server.ask(await service(type, content));
    expect(body.resource ?? body).toEqual([...expected, null, null, null]);
  });
});
