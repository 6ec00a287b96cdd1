import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

const known = ['TENON_PORT', 'TENON_HOST', 'TENON_HOME', 'TENON_LOG_LEVEL'];

test.each([
  ['TENON_PROT', 'TENON_PORT'],
  ['TENON_HOMES', 'TENON_HOME'],
  ['TENON_LOGLEVEL', 'TENON_LOG_LEVEL'],
  ['TENON_HST', 'TENON_HOST'],
])('%s was meant to be %s', (written, meant) => {
  expect(nearest(written, known)).toBe(meant);
});

test.each(['TENON_COLOUR_SCHEME', 'PATH', ''])("'%s' is near nothing", (written) => {
  expect(nearest(written, known)).toBeUndefined();
});

test('nothing is near where nothing is known', () => {
  expect(nearest('a', [])).toBeUndefined();
});
