import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chooseRuntime, hashOf, isInstalled, missingTools, systemTools } from './bootstrap.mjs';

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenon-bootstrap-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe('which packages are installed', () => {
  const wanted = {
    '': { version: '0.1.0' },
    'tools/runtime': { version: '0.0.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a-darwin': { version: '1.0.0', optional: true },
  };

  test('all that is wanted, but for optional ones of other machines', () => {
    expect(isInstalled(wanted, { 'node_modules/a': { version: '1.0.0' } })).toBe(true);
  });

  test.each([
    ['one is missing', {}],
    ['one has another version', { 'node_modules/a': { version: '1.0.1' } }],
    [
      'an optional one has another version',
      { 'node_modules/a': { version: '1.0.0' }, 'node_modules/a-darwin': { version: '2.0.0' } },
    ],
  ])('not when %s', (_what, installed) => {
    expect(isInstalled(wanted, installed)).toBe(false);
  });
});

describe('which Node runs the project', () => {
  test('the pinned one where it runs, whatever the machine has', () => {
    expect(chooseRuntime({ wanted: '26.10.0', pinned: '26.10.0', machine: '16.0.0' })).toEqual({
      use: 'pinned',
      notice: '',
    });
  });

  test.each(['22.18.0', '24.0.0', '100.1.0'])('else the Node %s of the machine, with a notice', (machine) => {
    const choice = chooseRuntime({ wanted: '26.10.0', pinned: undefined, machine });
    expect(choice.use).toBe('machine');
    expect(choice.notice).toContain(`using its own Node ${machine}`);
  });

  test.each(['16.20.2', '20.20.2', '22.17.9'])('but not the Node %s, which is too old', (machine) => {
    const choice = chooseRuntime({ wanted: '26.10.0', pinned: '26.9.0', machine });
    expect(choice.use).toBe('none');
    expect(choice.notice).toMatch(/too old: install Node 22\.18 or newer/);
  });
});

describe('whether sources changed', () => {
  const hash = () => hashOf(root, ['src', 'package.json']);

  test('by what they say and how they are called, not by when they were written', () => {
    write('src/a.ts', '1');
    write('package.json', '{}');
    const before = hash();
    write('src/a.ts', '1');
    expect(hash()).toBe(before);
    write('src/a.ts', '2');
    const changed = hash();
    expect(changed).not.toBe(before);
    rmSync(join(root, 'src/a.ts'));
    write('src/b.ts', '2');
    expect(new Set([before, changed, hash()]).size).toBe(3);
  });

  test('tests and missing files do not count', () => {
    write('src/a.ts', '1');
    const before = hash();
    write('src/a.test.ts', '1');
    expect(hash()).toBe(before);
  });
});

describe('tools of the machine', () => {
  test('those whose probe fails are missing', () => {
    const good = { tool: 'node', package: 'nodejs', probe: [process.execPath, '--version'] };
    const bad = { tool: 'none', package: 'none', probe: [join(root, 'no-such-tool')] };
    const broken = { tool: 'broken', package: 'broken', probe: [process.execPath, '-e', 'process.exit(3)'] };
    expect(missingTools([good, bad, broken]).map((tool) => tool.tool)).toEqual(['none', 'broken']);
  });

  test('this machine has those of the table', () => {
    expect(missingTools(systemTools)).toEqual([]);
  });
});

describe('the program', () => {
  const script = fileURLToPath(new URL('bootstrap.mjs', import.meta.url));

  test('refuses an unknown goal', () => {
    const { status, stderr } = spawnSync(process.execPath, [script, 'lunch'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain("'start' or 'test'");
  });

  test('builds when sources changed, and says nothing when there is nothing to do', () => {
    cpSync(script, join(root, 'tools/bootstrap.mjs'), { recursive: true });
    write(
      'tools/build.mjs',
      "import { mkdirSync, writeFileSync } from 'node:fs';\nmkdirSync('dist', { recursive: true });\nwriteFileSync('dist/cli.js', String(Math.random()));\n",
    );
    write(
      'tools/runtime/package.json',
      JSON.stringify({ optionalDependencies: { node: process.versions.node } }),
    );
    write('package.json', '{}');
    write('package-lock.json', JSON.stringify({ packages: {} }));
    write('node_modules/.bin/node', `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
    execFileSync('chmod', ['+x', join(root, 'node_modules/.bin/node')]);
    const run = () =>
      execFileSync(process.execPath, [join(root, 'tools/bootstrap.mjs'), 'start'], { encoding: 'utf8' });
    const built = () => readFileSync(join(root, 'dist/cli.js'), 'utf8');

    expect(run()).toMatch(/building dist, done in \d+\.\d s/);
    const first = built();
    expect(run()).toBe('');
    expect(built()).toBe(first);
    write('src/a.ts', 'changed');
    expect(run()).toContain('building dist');
    expect(built()).not.toBe(first);
    rmSync(join(root, 'dist'), { recursive: true });
    expect(run()).toContain('building dist');
  });
});
