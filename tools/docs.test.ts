import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { catalog } from '../src/core/errors.ts';
import { limitTable } from '../src/core/limits.ts';
import { referencePages } from './docs/reference.ts';

const pages = Object.entries(referencePages());
const written = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const firstColumn = (text: string) => [...text.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);

describe('reference pages', () => {
  test.each(pages)('%s is the one made from the code (else: npm run docs)', (path, text) => {
    expect(written(path)).toBe(text);
  });

  test.each([
    ['docs/reference/errors.md', Object.keys(catalog)],
    ['docs/reference/limits.md', Object.keys(limitTable)],
    ['docs/reference/configuration.md', Object.values(settings).map((setting) => setting.variable)],
  ])('%s names what the code has, and nothing else', (path, names) => {
    expect(firstColumn(written(path)).sort()).toEqual([...names].sort());
  });

  test.each(pages)('no cell of %s breaks its table', (_path, text) => {
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    const columns = new Set(rows.map((row) => row.split(' | ').length));
    expect([...columns]).toHaveLength(1);
  });
});
