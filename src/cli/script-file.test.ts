import { describe, expect, test } from 'vitest';
import { excerpt, spotIn } from './script-file.ts';

describe('the place of a problem', () => {
  test.each([
    ["Script 'x' can not be loaded: ')' expected (line 1, column 10).", { line: 1, column: 10 }],
    ['no such thing (line 7)', { line: 7, column: null }],
    ['(line 1, column 2) is not at the end', undefined],
    ['nothing', undefined],
  ])('in %j', (message, spot) => {
    expect(spotIn(message)).toEqual(spot);
  });

  test('is shown with its line and a mark, tabs staying tabs', () => {
    const content = 'one\n\t\tconst a = ;  \nthree';
    expect(excerpt('a.js', content, { line: 2, column: 13 })).toBe(
      '  a.js:2:13\n  2 | \t\tconst a = ;\n    | \t\t          ^',
    );
    expect(excerpt('a.js', content, { line: 2, column: null })).toBe('  a.js:2\n  2 | \t\tconst a = ;');
    expect(excerpt('a.js', content, { line: 12, column: 3 })).toBe('  a.js:12:3');
  });
});
