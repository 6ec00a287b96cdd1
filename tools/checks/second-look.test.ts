import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type FileOutcome, filesToRunAgain, type Outcome, settle, summary } from './second-look.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

const good = (file: string): FileOutcome => ({ file, passed: 2, failures: [], skipped: [] });
const bad = (file: string): FileOutcome => ({
  file,
  passed: 1,
  failures: [{ test: 'a thing works', message: 'expected 1 to be 2\n  at line 3' }],
  skipped: [],
});
const outcome = (...files: FileOutcome[]): Outcome => ({ files, strays: [] });

describe('files are run once more', () => {
  it('when one to three failed, and these alone', () => {
    expect(filesToRunAgain(outcome(good('a'), bad('b')))).toEqual(['b']);
    expect(filesToRunAgain(outcome(bad('a'), bad('b'), good('x'), bad('c')))).toEqual(['a', 'b', 'c']);
  });

  it('never when none or more failed, or something outside of all tests', () => {
    expect(filesToRunAgain(outcome(good('a')))).toEqual([]);
    expect(filesToRunAgain(outcome(...['a', 'b', 'c', 'd'].map(bad)))).toEqual([]);
    expect(filesToRunAgain({ ...outcome(bad('a')), strays: ['left behind'] })).toEqual([]);
  });
});

describe('a second look', () => {
  it('that passes lets the check pass, and tells what failed at first', () => {
    const settled = settle(outcome(good('a'), bad('b')), outcome(good('b')));
    expect(settled.isGood).toBe(true);
    expect(summary(settled)).toEqual([
      'unsteady: b › a thing works: expected 1 to be 2',
      '1 unsteady: failed, and passed when their files were run once more, alone',
      '4 passed, 0 failed, 0 skipped',
    ]);
  });

  it.each([
    ['fails again', outcome(bad('b'))],
    ['does not find the file', outcome()],
    ['runs nothing of it', outcome({ ...good('b'), passed: 0 })],
    ['leaves something behind', { ...outcome(good('b')), strays: ['left behind'] }],
  ])('that %s fails', (_how, second) => {
    expect(settle(outcome(good('a'), bad('b')), second).isGood).toBe(false);
  });

  it('that is not taken leaves what failed as it is', () => {
    const settled = settle(outcome(good('a'), bad('b')), undefined);
    expect([settled.isGood, settled.unsteady]).toEqual([false, []]);
    expect(summary(settled)).toEqual([
      'failed: b › a thing works: expected 1 to be 2',
      '3 passed, 1 failed, 0 skipped',
    ]);
  });
});

describe('the summary', () => {
  it('names what was skipped and what failed outside of tests', () => {
    const files = [{ ...good('a'), skipped: ['needs a microphone'] }];
    expect(summary(settle({ files, strays: ['left behind\n at once'] }, undefined))).toEqual([
      'skipped: needs a microphone',
      'failed: outside of all tests: left behind',
      '2 passed, 1 failed, 1 skipped',
    ]);
  });
});

describe('the reporter', () => {
  it('tells of tests, hooks, files that cannot be loaded and what belongs to none', () => {
    mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
    const folder = mkdtempSync(join(root, 'node_modules/.cache/tenon-reporter-'));
    const write = (name: string, text: string) =>
      writeFileSync(join(folder, name), `import { beforeAll, describe, it } from 'vitest';\n${text}`);
    const path = join(mkdtempSync(join(tmpdir(), 'tenon-reporter-')), 'outcome.json');
    try {
      write(
        'tests.test.ts',
        `it('is good', () => {}); it.skip('is not', () => {});
        it('is bad', () => { throw new Error('bad luck'); });`,
      );
      write(
        'hook.test.ts',
        `describe('with a hook', () => { beforeAll(() => { throw new Error('no luck'); });
        it('is never run', () => {}); });`,
      );
      write('load.test.ts', `throw new Error('not loaded');`);
      write('stray.test.ts', `it('is good', () => { void Promise.reject(new Error('left behind')); });`);
      writeFileSync(
        join(folder, 'vitest.config.ts'),
        `import { OutcomeReporter } from ${JSON.stringify(join(root, 'test/vitest/outcome.ts'))};
        export default { test: { reporters: [new OutcomeReporter()] } };`,
      );
      const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder];
      const env = { PATH: process.env.PATH ?? '', TENON_TESTS_OUTCOME: path };
      expect(spawnSync(process.execPath, args, { cwd: folder, env }).status).toBe(1);
      const { files, strays }: Outcome = JSON.parse(readFileSync(path, 'utf8'));
      const told = Object.fromEntries(files.map(({ file, ...rest }) => [file, rest]));
      expect(told).toEqual({
        'tests.test.ts': {
          passed: 1,
          failures: [{ test: 'is bad', message: 'bad luck' }],
          skipped: ['is not'],
        },
        'hook.test.ts': {
          passed: 0,
          failures: [{ test: 'with a hook', message: 'no luck' }],
          skipped: ['with a hook > is never run'],
        },
        'load.test.ts': { passed: 0, failures: [{ test: 'the file', message: 'not loaded' }], skipped: [] },
        'stray.test.ts': { passed: 1, failures: [], skipped: [] },
      });
      expect(strays).toEqual(['left behind']);
    } finally {
      rmSync(folder, { recursive: true });
      rmSync(join(path, '..'), { recursive: true });
    }
  }, 120_000);
});
