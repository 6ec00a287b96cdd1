import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { readScriptVariables, scriptEnvironments } from './script-environment.ts';

const home = mkdtempSync(join(tmpdir(), 'tenon-environment-'));

afterEach(() => rmSync(join(home, '.env'), { force: true }));

const environments = (text: string, environment: Record<string, string> = {}) =>
  scriptEnvironments(readScriptVariables(text, environment), home);

test('nothing is named, nothing is seen', () => {
  writeFileSync(join(home, '.env'), 'A=1');
  expect(environments('', { A: '1' })).toEqual({ nodejs: {}, python3: {}, php: {} });
});

test('by language, from the environment first and the file second', () => {
  writeFileSync(join(home, '.env'), '# comment\nA=file\nB="in quotes # kept"\nexport C=c\nUNNAMED=no\n');
  expect(environments('A, B,node:C,python3:D,php:D,typescript:E', { A: 'real', D: 'd', E: '' })).toEqual({
    nodejs: { A: 'real', B: 'in quotes # kept', C: 'c', E: '' },
    python3: { A: 'real', B: 'in quotes # kept', D: 'd' },
    php: { A: 'real', B: 'in quotes # kept', D: 'd' },
  });
});

test('what is nowhere is not there', () => {
  expect(environments('A')).toEqual({ nodejs: {}, python3: {}, php: {} });
});

describe('what is refused', () => {
  test.each<[string, RegExp]>([
    ['TENON_MASTER_KEY', /'TENON_MASTER_KEY' is refused: settings of the server are not for scripts/],
    ['php:DF_PHP_PATH', /settings of the server/],
    ['tenon_admin_password', /settings of the server/],
    ['PATH', /steers how runners start/],
    ['node:NODE_OPTIONS', /steers/],
    ['PYTHONSTARTUP', /steers/],
    ['PHP_INI_SCAN_DIR', /steers/],
    ['LD_PRELOAD', /steers/],
    ['ruby:A', /the languages are node, nodejs, typescript, python, python3, php/],
    [':A', /the languages are/],
    ['node:', /no name of a variable/],
    ['A B', /no name of a variable/],
    ['A=1', /no name of a variable/],
    ['1A', /no name of a variable/],
    ['*', /no name of a variable/],
    ['constructor:A', /the languages are/],
  ])('%s', (text, message) => {
    expect(() => environments(`OK,${text}`)).toThrow(message);
  });
});
