// The README does what it says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, root } from './page.ts';

let readme: Page;

beforeAll(async () => {
  readme = await Page.open('README.md', 'create table thing (id integer primary key, name text)');
});

afterAll(() => readme.close());

test('it is short', () => {
  expect(readme.text.split('\n').length).toBeLessThanOrEqual(150);
});

test('every relative link leads to a file', () => {
  for (const [, target = ''] of readme.text.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
    expect(readFileSync(join(root, target), 'utf8').length, target).toBeGreaterThan(0);
  }
});

test('the blocks do what they say', async () => {
  const outputs = await readme.check(root);
  expect(outputs.length).toBeGreaterThanOrEqual(5);
  expect(outputs.at(-1)).toContain('{"resource":["thing"]}');
});
