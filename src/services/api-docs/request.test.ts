// What is asked of a description, well and badly.
import { describe, expect, it } from 'vitest';
import { flagOf, readOptions } from './request.ts';

describe('options', () => {
  it('have defaults', () => {
    expect(readOptions({})).toEqual({ format: 'json', isCompact: false, tables: undefined, refresh: false });
  });

  it.each([
    ['a,b', ['a', 'b']],
    [' a , ,a', ['a']],
    [
      ['a,b', 'c'],
      ['a', 'b', 'c'],
    ],
    ['', []],
  ])('name tables: %j', (tables, names) => {
    expect(readOptions({ tables }).tables).toEqual(names);
  });

  it.each([
    [{ format: 'xml' }, "Parameter 'format' must be json or yaml."],
    [{ format: ['json'] }, "Parameter 'format' must be json or yaml."],
    [{ compact: 'perhaps' }, "Parameter 'compact' must be true or false."],
    [{ refresh: [] }, "Parameter 'refresh' must be true or false."],
    [{ tables: null }, "Parameter 'tables' must be names with commas between them."],
    [{ tables: { a: 'b' } }, "Parameter 'tables' must be names with commas between them."],
    [{ tables: [1] }, "Parameter 'tables' must be names with commas between them."],
  ])('are refused by name: %j', (parameters, message) => {
    expect(() => readOptions(parameters)).toThrow(message);
  });
});

describe('a flag', () => {
  it.each([
    [{ x: null }, true],
    [{ x: '' }, true],
    [{ x: 'Yes' }, true],
    [{ x: true }, true],
    [{ x: 1 }, true],
    [{ x: 'off' }, false],
    [{ x: false }, false],
    [{}, false],
  ])('in %j is %s', (parameters, value) => {
    expect(flagOf(parameters, 'x')).toBe(value);
  });
});
