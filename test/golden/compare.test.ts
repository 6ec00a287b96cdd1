import { describe, expect, test } from 'vitest';
import { difference, shapeDifference } from './compare.ts';

describe('comparing with a record', () => {
  test.each([
    [{ a: [1, null, 'x'] }, { a: [1, null, 'x'] }],
    ['{{token}}', 'anything'],
    ['{{token}}', 5],
    ['a {{b}} c', 'a whatever it is c'],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
  ])('equal: %j and %j', (expected, actual) => {
    expect(difference(expected, actual)).toBeUndefined();
  });

  test.each([
    [{ a: 1 }, { a: '1' }, /\$\.a: "1" instead of 1/],
    [{ a: 1 }, { a: 1, b: 2 }, /\$\.b is ours only/],
    [{ a: 1, b: 2 }, { a: 1 }, /\$\.b: nothing/],
    [[1, 2], [1], /1 items instead of 2/],
    [[], {}, /instead of \[\]/],
    ['{{x}}', undefined, /missing/],
    ['a {{b}} c', 'a d', /instead/],
    [null, 0, /0 instead of null/],
  ])('different: %j and %j', (expected, actual, told) => {
    expect(difference(expected, actual)).toMatch(told);
  });

  test('a shape is keys and kinds', () => {
    expect(shapeDifference({ a: 1, b: [{ c: 'x' }] }, { a: 9, b: [{ c: 'y', d: 1 }], e: 1 })).toBeUndefined();
    expect(shapeDifference({ a: 1 }, { b: 1 })).toMatch(/\$\.a is missing/);
    expect(shapeDifference({ a: 1 }, { a: 'x' })).toMatch(/instead/);
  });
});
