// The page that says what is tried names tests that are there.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/reference/security-tests.md', root), 'utf8');
const named = [...new Set([...page.matchAll(/`((?:src|test)\/[^`]+\.ts)`/g)].map(([, path]) => path ?? ''))];

describe('what is tried to keep the API safe', () => {
  it('is a list of many files', () => {
    expect(named.length).toBeGreaterThan(20);
  });

  it.each(named)('%s is there, and expects something', (path) => {
    const file = new URL(path, root);
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, 'utf8')).toMatch(/expect\(|Suite\(/);
  });
});
