// The README's shell blocks are run as they stand, one after the other, against a server that was started as
// it says.
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { type RunningServer, startServer } from '../../src/main.ts';
import { createSample } from '../../src/sample/sample.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const account = { TENON_ADMIN_EMAIL: 'admin@example.com', TENON_ADMIN_PASSWORD: 'a long password' };
let home: string;
let server: RunningServer;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tenon-readme-'));
  const sample = join(home, 'sample.sqlite');
  createSample({ file: sample, report: () => undefined });
  const own = new Database(join(home, 'own.sqlite'));
  own.exec('create table thing (id integer primary key, name text)');
  own.close();
  const config = readConfig({ ...account, TENON_HOME: home, TENON_PORT: '0', TENON_LOG_LEVEL: 'silent' });
  const hr = { name: 'hr', label: 'Sample', type: 'sqlite', config: { database: sample } };
  server = await startServer({ config, services: [hr] });
});

afterAll(async () => {
  await server.close();
  rmSync(home, { recursive: true, force: true });
});

/** The fenced blocks of a language, each with the JSON block that follows it directly, if there is one. */
function shellBlocks(): { code: string; answer: string | undefined }[] {
  const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```(?:\n\n```json\n([\s\S]*?)```)?/g)];
  return blocks.map(([, code = '', answer]) => ({ code, answer }));
}

test('the README is short and names this project right', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(150);
  expect(shellBlocks().length).toBeGreaterThanOrEqual(5);
});

test('every relative link leads to a file', () => {
  for (const [, target = ''] of readme.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
    expect(readFileSync(join(root, target), 'utf8').length, target).toBeGreaterThan(0);
  }
});

test('the blocks do what they say', async () => {
  const script = shellBlocks().map(({ code }, index) => `echo "@@${index}"\n${code}`);
  const text = script.join('\n').replaceAll('http://127.0.0.1:8080', server.url);
  const { stdout } = await run(
    'bash',
    ['-e', '-o', 'pipefail', '-c', text.replaceAll('node dist/cli.js', 'node src/cli.ts')],
    {
      cwd: root,
      env: {
        ...account,
        PATH: process.env.PATH,
        HOME: home,
        TENON_HOME: home,
        DATABASE: join(home, 'own.sqlite'),
      },
    },
  );
  const outputs = stdout.split(/@@\d+\n/).slice(1);
  for (const [index, { answer }] of shellBlocks().entries()) {
    if (answer === undefined) continue;
    const last = outputs[index]?.trim().split('\n').at(-1) ?? '';
    const expected = JSON.parse(answer.replaceAll('"*"', '"@any@"'));
    expect(JSON.parse(last)).toEqual(anyText(expected));
  }
  expect(outputs.at(-2)).toContain('{"resource":["thing"]}');
  expect(outputs.at(-1)).toContain('mine._table.{table_name}.get');
});

/** `*` in an answer of the README stands for any text. */
function anyText(value: unknown): unknown {
  if (value === '@any@') return expect.any(String);
  if (Array.isArray(value)) return value.map(anyText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, anyText(member)]));
}
