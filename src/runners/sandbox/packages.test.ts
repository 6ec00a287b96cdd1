// Packages of scripts below a private home, as the data folder is: every language loads them inside.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createRunners } from '../index.ts';
import { invocationOf, programOf, returnedBy } from '../suite.ts';
import { openSandbox } from './index.ts';

const home = mkdtempSync(join(tmpdir(), 'tenon-test-'));
const sandbox = await openSandbox();
// Node asks above the packages as well.
writeFileSync(join(home, 'package.json'), '{"private":true}', { mode: 0o600 });
const folders = { nodejs: join(home, 'node'), python3: join(home, 'python'), php: join(home, 'php') };

const files: Readonly<Record<string, string>> = {
  'node/node_modules/greeting/package.json': '{"name":"greeting","version":"1.0.0","main":"lib/greet.js"}',
  'node/node_modules/greeting/lib/greet.js': 'module.exports = () => "hello"',
  'python/venv/lib/python3.11/site-packages/greeting.py': 'def greet(): return "hello"',
  'php/vendor/autoload.php': '<?php class Greeting { static function greet() { return "hello"; } }',
};
for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(join(home, name)), { recursive: true });
  writeFileSync(join(home, name), text, { mode: 0o600 });
}

const runners = createRunners({
  ...{ nodePath: process.execPath, pythonPath: '', phpPath: '', runnersMin: 0, runnersMax: 1 },
  ...{ observe: () => {}, platformConfig: {}, scriptReadPaths: [], sandbox, packages: () => folders },
});

afterAll(async () => {
  await Promise.all([...runners.values()].map((runner) => runner.stop()));
  await sandbox.close();
  rmSync(home, { recursive: true, force: true });
});

describe(`packages inside the sandbox (${sandbox.level})`, () => {
  it.each([
    ['nodejs', 'return require("greeting")();'],
    ['python3', 'import greeting\nreturn greeting.greet()'],
    ['php', 'return Greeting::greet();'],
  ])('are loaded by %s', async (language, code) => {
    const outcome = await runners.get(language)?.run(invocationOf(programOf(code, { isPristine: true })));
    if (outcome === undefined) throw new Error(`there is no runner for ${language}`);
    expect(returnedBy(outcome)).toBe('hello');
  });
});
