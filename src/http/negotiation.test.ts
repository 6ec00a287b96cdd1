import { describe, expect, test } from 'vitest';
import { readAccept } from './negotiation.ts';

describe('an Accept header', () => {
  test.each([
    [undefined, 'application/json', true],
    ['', 'text/csv', true],
    ['*/*', 'text/csv', true],
    ['application/json', 'application/json', true],
    ['application/json', 'text/csv', false],
    ['application/json, text/plain, */*', 'text/csv', true],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'application/json', true],
    ['APPLICATION/JSON; charset=utf-8', 'application/json', true],
    ['text/*', 'text/csv', true],
    ['text/*', 'application/json', false],
    ['application/xml', 'application/json', false],
    ['*/*, application/json;q=0', 'application/json', false],
    ['application/json;q=0.000', 'application/json', false],
    ['application/json;q=0.001', 'application/json', true],
    [';;;,,,', 'application/json', false],
  ])('%j takes %s: %s', (accept, type, expected) => {
    expect(readAccept(accept).accepts(type)).toBe(expected);
  });

  test('is read only up to its limit', () => {
    expect(readAccept(`${'a/b,'.repeat(10_000)}*/*`).accepts('application/json')).toBe(false);
  });
});
