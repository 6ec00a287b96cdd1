// The package as it is published, as far as a quick test can tell; `npm run release` installs and uses it.
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'tenon-package-'));
const dist = join(folder, 'dist');

beforeAll(async () => {
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  await run(process.execPath, [join(root, 'tools/build.mjs'), dist]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const env = { PATH: process.env.PATH, TENON_HOME: join(folder, 'home') };

test('the bundle knows its version, and finds everything it needs to run a script', async () => {
  const cli = join(dist, 'cli.js');
  expect((await run(cli, ['--version'], { env })).stdout).toBe(`${manifest.version}\n`);
  const { stdout } = await run(process.execPath, [cli, 'doctor', '--json', '--port', '0'], { env });
  expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  expect(existsSync(env.TENON_HOME)).toBe(false);
});

// A package in CommonJS has its names in the sources, and in a part of the bundle nothing but a default.
test('what is loaded when it is needed has the names that are asked of it', () => {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.js'),
  );
  const asked = files.flatMap((name) => {
    const text = readFileSync(join(dist, name), 'utf8');
    return [...text.matchAll(/\{([^{}]*)\} = await import\("(\.\/[^"]+)"\)/g)].map(
      ([, names = '', target = '']) => ({
        names: names.split(',').map((each) => each.split(':', 1).join('').trim()),
        target: join(dirname(name), target),
      }),
    );
  });
  expect(asked.length).toBeGreaterThan(5);
  for (const { names, target } of asked) {
    expect(exportsOf(readFileSync(join(dist, target), 'utf8')), target).toEqual(
      expect.arrayContaining(names),
    );
  }
});

function exportsOf(text: string): string[] {
  const [, list = ''] = /^export \{([^}]*)\}/m.exec(text) ?? [];
  const named = list.split(',').map((each) => each.trim().replace(/^.* as /, ''));
  return /^export default /m.test(text) ? [...named, 'default'] : named;
}

test('the API reference is in it, with its viewer and the licences of what that contains', () => {
  expect(readdirSync(join(dist, 'docs-page')).sort()).toEqual([
    ...['index.html', 'page.css', 'page.js', 'rapidoc-min.js', 'rapidoc-min.js.LICENSE.txt'],
    'rapidoc-min.js.gz',
  ]);
});

test('the licences of what is inside are told', () => {
  const notices = readFileSync(join(dist, 'THIRD-PARTY.txt'), 'utf8');
  for (const name of ['fastify', 'jose', 'kysely', 'commander', 'pino', 'rapidoc']) {
    expect(notices).toMatch(new RegExp(`^---- ${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)\\n\\n`, 'm'));
  }
  expect(notices).not.toMatch(/---- (?:typescript|better-sqlite3|vitest) /);
});

test('every link of a document in it leads to a file in it', () => {
  const files = [...manifest.files, 'README.md', 'LICENSE'].flatMap((path: string) => filesBelow(path));
  const links = files
    .filter((name) => name.endsWith('.md'))
    .flatMap((name) => {
      // What looks like a link inside of code is none.
      const text = readFileSync(join(root, name), 'utf8').replace(/```[\s\S]*?```|`[^`\n]*`/g, '');
      return [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, target = '']) => {
        return posix.join(dirname(name), target).replace(/\/$/, '');
      });
    });
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((target) => filesBelow(target).every((file) => !files.includes(file)))).toEqual([]);
});

function filesBelow(path: string): string[] {
  if (path === 'dist' || !existsSync(join(root, path))) return [];
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path)).flatMap((entry) => filesBelow(`${path}/${entry}`));
}
