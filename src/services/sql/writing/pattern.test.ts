import { describe, expect, it } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import { compilePattern } from './pattern.ts';

const found = (pattern: string, text: string) => compilePattern(pattern).matches(text);

describe('a pattern', () => {
  // Node's own engine is the reference for everything that both understand.
  it.each([
    ['^a$', ['a', 'b', 'aa', '']],
    ['a|b|', ['a', 'c', '']],
    ['^(ab|a)(c|bcd)$', ['abcd', 'ac', 'abc', 'abbcd']],
    ['^[a-cx-z-]+$', ['abc', 'x-z', 'd', '']],
    ['^[^0-9]*$', ['abc', 'a1', '']],
    [String.raw`^\d{3}-\d{2,4}$`, ['123-45', '123-4567', '12-34', '123-45678']],
    [String.raw`\bcat\b`, ['a cat', 'concat', 'cat!', '']],
    [String.raw`^\w+\s\W$`, ['ab !', 'ab c', 'ab  !']],
    ['^a{2}$', ['a', 'aa', 'aaa']],
    ['^a{2,}?b?$', ['aa', 'aaab', 'a']],
    ['^(?:x(?<n>y)?)*$', ['', 'xyx', 'y']],
    ['^.$', ['a', '\n', '😀']],
    [String.raw`^[\]\\]$`, [']', '\\', 'a']],
    ['^a{,2}$', ['a{,2}', 'aa']],
    [String.raw`^\x41\u0042\u{1F600}$`, ['AB😀', 'AB']],
    [String.raw`^\p{Lu}\P{L}$`, ['A1', 'a1', 'AB']],
    ['()', ['', 'a']],
  ])('%s finds what it should', (pattern, texts) => {
    const reference = new RegExp(pattern.replace('{,2}', String.raw`\{,2\}`), 'u');
    for (const text of texts) expect([text, found(pattern, text)]).toEqual([text, reference.test(text)]);
  });

  it('may stand between delimiters with flags', () => {
    expect(found('/^ab$/i', 'AB')).toBe(true);
    expect(found('#^ab$#', 'AB')).toBe(false);
    expect(found('/^b$/m', 'a\nb')).toBe(true);
    expect(found('/a.b/s', 'a\nb')).toBe(true);
    expect(() => compilePattern('/a/g')).toThrow("flag 'g' is not supported");
  });

  it.each([
    ['(', "a '(' is not closed"],
    ['a)', "')' too many"],
    ['[a', 'ends too early'],
    ['*a', 'nothing before'],
    ['a**', 'repeats a repetition'],
    ['a*+', 'possessive'],
    ['(?=a)', 'lookaround'],
    ['(?!a)', 'lookaround'],
    ['(?i)a', 'lookaround and options'],
    [String.raw`(a)\1`, 'backreferences'],
    [String.raw`\k<a>`, 'backreferences'],
    [String.raw`\Q`, 'is not supported'],
    ['[[:alpha:]]', 'is not supported'],
    ['[z-a]', 'ends before it begins'],
    ['a{5,2}', 'ends before it begins'],
    ['^*', 'repeats an anchor'],
    [String.raw`\x4`, 'hexadecimal'],
    [`${'('.repeat(100)}${')'.repeat(100)}`, 'nested too deeply'],
    ['(a{999}){999}', 'too long'],
  ])('can not be %s', (pattern, message) => {
    expect(() => compilePattern(pattern)).toThrow(message);
  });

  it('agrees with another engine on any pattern and text of its parts', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', String.raw`\w`, '(?:ab)', '(?:a|b)');
    const times = fc.constantFrom('', '*', '+', '?', '{2}', '{1,2}', '*?');
    const part = fc.tuple(atom, times).map(([one, count]) => one + count);
    const sequence = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
    const pattern = fc.tuple(sequence, sequence, fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(pattern, fc.stringMatching(/^[abc]{0,8}$/), ([one, other, starts, ends], text) => {
        const source = `${starts ? '^' : ''}(?:${one}|${other})${ends ? '$' : ''}`;
        return found(source, text) === new RegExp(source, 'u').test(text);
      }),
      { numRuns: 500 },
    );
  });

  it('ends, whatever the pattern', () => {
    // Other engines would try 2^1500 ways here and never come back.
    const evil = compilePattern('^(?:(?:a|a)*)*$');
    expect(evil.matches(`${'a'.repeat(1500)}!`)).toBe(false);
    expect(evil.matches('a'.repeat(1500))).toBe(true);
  });
});
