import { execFile } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { tenonProgram } from '../../../test/program.ts';
import { localNpm, localPhp, localWheel } from './packages-fixture.ts';

const cli = tenonProgram();
const root = mkdtempSync(join(tmpdir(), 'tenon-packages-'));
let home = '';
let turn = 0;

beforeEach(() => {
  home = join(root, `home${turn++}`);
  mkdirSync(home);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly output: string;
}

async function packages(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const env = { ...process.env, TENON_HOME: home, ...environment };
  try {
    const ended = await promisify(execFile)(process.execPath, [cli, 'packages', ...args], { env, cwd: root });
    return { code: 0, output: ended.stdout + ended.stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

const fileOf = (...path: string[]) => join(home, 'packages', ...path);
const listed = async () => JSON.parse((await packages(['list', '--json'])).output);

describe('node', () => {
  test('a local package is added, listed, installed again from the lock file, and removed', async () => {
    const tarball = localNpm(root, {
      name: 'greeting',
      version: '1.2.3',
      script: 'module.exports = "hello";',
    });
    const added = await packages(['add', 'node', tarball]);
    expect(added).toMatchObject({
      code: 0,
      output: expect.stringMatching(/node: 1 package, done in [\d.]+ s/),
    });
    expect(await listed()).toMatchObject({
      node: [{ name: 'greeting', version: '1.2.3' }],
      python: [],
      php: [],
    });
    expect(readFileSync(fileOf('node/node_modules/greeting/index.js'), 'utf8')).toContain('hello');
    expect(existsSync(fileOf('node/package-lock.json'))).toBe(true);
    const before = statSync(fileOf('node/installed.txt')).mtimeMs;
    rmSync(fileOf('node/node_modules'), { recursive: true });
    expect((await packages(['install'])).code).toBe(0);
    expect(existsSync(fileOf('node/node_modules/greeting/index.js'))).toBe(true);
    expect(statSync(fileOf('node/installed.txt')).mtimeMs).toBeGreaterThan(before);
    expect((await packages(['remove', 'nodejs', 'greeting'])).code).toBe(0);
    expect(await listed()).toMatchObject({ node: [] });
  });

  test('a folder is copied, and installed again from where it is', async () => {
    const folder = join(root, 'as-folder');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{"name": "as-folder", "version": "1.0.0"}');
    writeFileSync(join(folder, 'index.js'), '');
    expect((await packages(['add', 'node', './as-folder'])).code).toBe(0);
    const copy = fileOf('node/node_modules/as-folder');
    expect(lstatSync(copy).isSymbolicLink()).toBe(false);
    rmSync(fileOf('node/node_modules'), { recursive: true });
    expect((await packages(['install', 'node'])).code).toBe(0);
    expect(existsSync(join(copy, 'index.js'))).toBe(true);
  });

  test('a package runs no script of its own unless that is allowed', async () => {
    const trace = join(root, 'trace');
    const scripts = { postinstall: `touch '${trace}'` };
    const tarball = localNpm(root, { name: 'nosy', version: '1.0.0', script: '', more: { scripts } });
    expect((await packages(['add', 'node', tarball])).code).toBe(0);
    expect(existsSync(trace)).toBe(false);
    rmSync(fileOf('node'), { recursive: true });
    expect((await packages(['add', 'node', tarball, '--allow-scripts'])).code).toBe(0);
  });

  test('what cannot be installed leaves everything as it was', async () => {
    const tarball = localNpm(root, { name: 'stays', version: '1.0.0', script: '' });
    await packages(['add', 'node', tarball]);
    const before = readFileSync(fileOf('node/package.json'), 'utf8');
    const failed = await packages(['add', 'node', join(root, 'is-not-there.tgz')]);
    expect(failed.code).toBe(1);
    expect(failed.output).toMatch(/npm install .*exit code/);
    expect(readFileSync(fileOf('node/package.json'), 'utf8')).toBe(before);
    expect(existsSync(fileOf('node/node_modules/stays'))).toBe(true);
    expect(existsSync(fileOf('.node.new'))).toBe(false);
    expect(existsSync(fileOf('.node.lock'))).toBe(false);
  });
});

describe('python', () => {
  test('a wheel is added, locked, and installed again in the locked version', async () => {
    const wheel = localWheel(root, { name: 'greeting', version: '1.2.3', source: 'WORD = "hello"\n' });
    const added = await packages(['add', 'python', wheel]);
    expect(added.output).toMatch(/python: 1 package, done in/);
    expect(added.code).toBe(0);
    expect((await listed()).python).toMatchObject([{ name: 'greeting' }]);
    expect(readFileSync(fileOf('python/requirements.txt'), 'utf8')).toBe(`${wheel}\n`);
    const lock = readFileSync(fileOf('python/requirements.lock.txt'), 'utf8');
    expect(lock).toMatch(/^# Versions of requirements\.txt with the hash [0-9a-f]{64}\./);
    rmSync(fileOf('python/venv'), { recursive: true });
    expect((await packages(['install', 'python'])).code).toBe(0);
    expect(readFileSync(fileOf('python/requirements.lock.txt'), 'utf8')).toBe(lock);
    expect((await packages(['remove', 'python3', 'Greeting'])).code).toBe(0);
    expect((await listed()).python).toEqual([]);
    const again = await packages(['remove', 'python', 'greeting']);
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining('lists none of greeting') });
  });

  test('a newer wheel takes the place of the older one', async () => {
    for (const version of ['1.0.0', '2.0.0']) {
      const wheel = localWheel(root, { name: 'two_words', version, source: '' });
      expect((await packages(['add', 'python', wheel])).code).toBe(0);
    }
    expect(readFileSync(fileOf('python/requirements.txt'), 'utf8').trim().split('\n')).toHaveLength(1);
    expect(readFileSync(fileOf('python/requirements.lock.txt'), 'utf8')).toContain('two_words-2.0.0');
  });
});

describe('php', () => {
  test('a folder with a package is copied in, listed, installed again, and removed', async () => {
    const folder = localPhp(root, { name: 'acme/greeting', namespace: 'Acme\\Greeting' });
    mkdirSync(fileOf('php'), { recursive: true });
    // Only what is local: the test must not depend on the network.
    writeFileSync(fileOf('php/composer.json'), '{"repositories": [{"packagist.org": false}]}');
    const added = await packages(['add', 'php', folder]);
    expect(added.output).toMatch(/php: 1 package, done in/);
    expect((await listed()).php).toMatchObject([{ name: 'acme/greeting' }]);
    expect(statSync(fileOf('php/vendor/acme/greeting')).isDirectory()).toBe(true);
    rmSync(fileOf('php/vendor'), { recursive: true });
    expect((await packages(['install'])).code).toBe(0);
    expect(existsSync(fileOf('php/vendor/autoload.php'))).toBe(true);
    expect((await packages(['remove', 'php', 'acme/greeting'])).code).toBe(0);
    expect((await listed()).php).toEqual([]);
  });

  test('libraries that are no packages are kept, and servers are told of them', async () => {
    mkdirSync(fileOf('php/libraries'), { recursive: true });
    writeFileSync(fileOf('php/libraries/Filter.php'), '<?php');
    expect(await packages(['install'])).toMatchObject({ code: 0, output: expect.stringContaining('php: 0') });
    expect(existsSync(fileOf('php/libraries/Filter.php'))).toBe(true);
    expect(existsSync(fileOf('php/installed.txt'))).toBe(true);
  });

  test('a folder that is no package is refused', async () => {
    const folder = mkdtempSync(join(root, 'empty-'));
    const failed = await packages(['add', 'php', folder]);
    expect(failed).toMatchObject({
      code: 1,
      output: expect.stringContaining('no composer.json with a name'),
    });
    expect(existsSync(fileOf('php'))).toBe(false);
  });
});

describe('what is asked wrongly', () => {
  test.each<[string[], RegExp]>([
    [['install'], /^No packages are listed/],
    [['list'], /^No packages are installed/],
  ])('%j is fine', async (args, output) => {
    expect(await packages(args)).toMatchObject({ code: 0, output: expect.stringMatching(output) });
  });

  test.each<[string[], RegExp]>([
    [['install', 'node'], /There is no folder .*packages\/node\.\nRun: tenon packages add node/],
    [['install', 'perl'], /'perl' has no packages; the languages are node, python, php/],
    [['add', 'ruby', 'x'], /'ruby' has no packages/],
    [['remove', 'php', 'x/y'], /php has no packages/],
    [['add', 'node'], /missing required argument/],
  ])('%j', async (args, output) => {
    expect(await packages(args)).toMatchObject({ code: 1, output: expect.stringMatching(output) });
    expect(existsSync(fileOf('node'))).toBe(false);
  });

  test('a tool that is missing is named, with where it comes from', async () => {
    const empty = { PATH: mkdtempSync(join(root, 'no-tools-')) };
    const node = await packages(['add', 'node', 'x'], empty);
    expect(node).toMatchObject({
      code: 1,
      output: expect.stringMatching(/npm was not found on PATH.\n.*nodejs\.org/),
    });
    const python = await packages(['add', 'python', 'x'], { DF_PYTHON3_PATH: '/is/not/there' });
    expect(python).toMatchObject({
      code: 1,
      output: expect.stringMatching(/There is no python3: .*not\/there/),
    });
    const php = await packages(['add', 'php', 'x/y'], empty);
    expect(php).toMatchObject({ code: 1, output: expect.stringMatching(/composer was not found on PATH/) });
  });

  test('two at a time are refused, and a lock that was left behind is no lock', async () => {
    const tarball = localNpm(root, { name: 'alone', version: '1.0.0', script: '' });
    mkdirSync(fileOf('.'), { recursive: true });
    writeFileSync(fileOf('.node.lock'), String(process.pid));
    const second = await packages(['add', 'node', tarball]);
    expect(second.output).toContain(`Process ${process.pid} is changing these packages.`);
    expect(second.code).toBe(1);
    writeFileSync(fileOf('.node.lock'), '999999999');
    expect((await packages(['add', 'node', tarball])).code).toBe(0);
  });

  test('tools get none of the settings of the server', async () => {
    const tools = mkdtempSync(join(root, 'tools-'));
    const seen = join(root, 'seen');
    writeFileSync(join(tools, 'npm'), `#!/bin/sh\nenv > '${seen}'\n`, { mode: 0o755 });
    const environment = {
      PATH: `${tools}:/usr/bin:/bin`,
      TENON_MASTER_KEY: 'x'.repeat(40),
      DF_PHP_PATH: '/usr/bin/php',
    };
    await packages(['add', 'node', 'x'], environment);
    expect(readFileSync(seen, 'utf8')).toContain('PATH=');
    expect(readFileSync(seen, 'utf8')).not.toMatch(/TENON_|DF_/);
  });
});
