// Packages of the project: what its virtual environment holds can be imported, and comes before what we provide.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Runner } from '../../core/runner.ts';
import { returnedBy } from '../suite.ts';
import { runRead, testRunner } from './python-fixture.ts';

const packages = mkdtempSync(join(tmpdir(), 'tenon-packages-'));
let runner: Runner;

beforeAll(() => {
  const library = join(packages, 'venv', 'lib', 'python3.11', 'site-packages');
  mkdirSync(join(library, 'parts'), { recursive: true });
  writeFileSync(join(library, 'counter.py'), 'import os\nimported_by = os.getpid()\ncount = 0\n');
  writeFileSync(join(library, 'parts', '__init__.py'), 'from .inner import name\n');
  writeFileSync(join(library, 'parts', 'inner.py'), 'name = "inner"\n');
  writeFileSync(join(library, 'munch.py'), 'class Munch(dict):\n  real = True\n');
  writeFileSync(join(library, 'broken.py'), 'raise ValueError("broken inside")\n');
  runner = testRunner({ packages, max: 1 });
});

afterAll(async () => {
  await runner.stop();
  rmSync(packages, { recursive: true, force: true });
});

const value = async (code: string): Promise<unknown> => returnedBy(await runRead(runner, code));

it('can be imported', async () => {
  expect(await value('import parts\nfrom parts.inner import name\nreturn [parts.name, name]')).toEqual([
    'inner',
    'inner',
  ]);
});

it('come before the stand-ins of ours', async () => {
  expect(await value('import munch\nreturn munch.Munch.real')).toBe(true);
  expect(await value('import bunch\nreturn bunch.Bunch(a=1).a')).toBe(1);
});

it('are imported once per process, and are as they came for each run', async () => {
  const code =
    'import counter, os\ncounter.count += 1\nreturn [counter.count, counter.imported_by == os.getppid()]';
  for (let i = 0; i < 3; i++) expect(await value(code)).toEqual([1, true]);
});

it('that are broken or missing are errors of the script that asks for them', async () => {
  expect(await runRead(runner, 'import broken')).toMatchObject({
    kind: 'threw',
    error: { message: 'broken inside', line: 1 },
  });
  expect(await value('try:\n  import missing_one\nexcept ImportError as e:\n  return e.name')).toBe(
    'missing_one',
  );
});

it('leave nothing in their folder', async () => {
  expect(
    await value(
      `import os\nreturn os.path.exists("${packages}/venv/lib/python3.11/site-packages/__pycache__")`,
    ),
  ).toBe(undefined);
});
