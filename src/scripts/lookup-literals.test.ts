// Which literals of JavaScript and TypeScript are bound to lookups, and that nothing else of a text changes.
import { describe, expect, test } from 'vitest';
import { lookupsNamed } from './lookup-literals.ts';
import { compileSource, hashOf } from './source.ts';

async function code(content: string, language = 'nodejs', lookups: readonly string[] = ['color']) {
  const compiled = await compileSource({ name: 'a', language, content, lookups });
  return compiled.ok ? compiled.program.code.trim() : compiled.message;
}

describe('lookups of a text', () => {
  test.each<[string, string[]]>([
    ['return "{color}";', ['color']],
    ['return "{color} {size}";', ['color', 'size']],
    ['return "{nope}";', []],
    ['return "{user.email}";', ['*']],
    ['return "{session.token}";', ['*']],
    ['return "{session.id} {df.version}";', []],
    ['return {color: 1};', []],
    ['no braces', []],
  ])('%s', (content, expected) => {
    expect(lookupsNamed(content, ['size', 'color'])).toEqual(expected);
  });
});

describe('binding', () => {
  test.each([
    ['return "{color}";', 'return _tenonLookup("{color}");'],
    ["f('{color}', `a {color}`);", "f(_tenonLookup('{color}'), _tenonLookup(`a {color}`));"],
    ['return {"{color}": "{color}"};', 'return {"{color}": _tenonLookup("{color}")};'],
    ['return {["{color}"]: 1};', 'return {[_tenonLookup("{color}")]: 1};'],
    // Code that reads like a lookup is code.
    [
      'const color = 1; return "{color}" + {color}.color;',
      'const color = 1; return _tenonLookup("{color}") + {color}.color;',
    ],
    ['tag`{color}`; return "{color}";', 'tag`{color}`; return _tenonLookup("{color}");'],
    ['"use {color}"; return 1;', '"use {color}"; return 1;'],
    // Directives, comments and regular expressions are no literals.
    ['// "{color}"\nreturn /{color}/;', '// "{color}"\nreturn /{color}/;'],
  ])('%s', async (content, expected) => {
    expect(await code(content)).toBe(expected);
  });

  test('of TypeScript leaves types and modules alone', async () => {
    const content =
      'import fs from "{color}";\ntype T = "{color}";\nconst a: T = "{color}" as T;\nreturn [a, fs];';
    const text = await code(content, 'typescript');
    expect(text).toContain('require("{color}")');
    expect(text).toContain('const a = _tenonLookup("{color}")');
  });

  test('is left out where no lookup of the name exists, and makes another program where one does', async () => {
    const content = 'return "{color}";';
    expect(await code(content, 'nodejs', [])).toBe(content);
    expect(await code(content, 'nodejs', ['size'])).toBe(content);
    const source = { name: 'a', language: 'nodejs', content };
    expect(hashOf({ ...source, lookups: ['color'] })).not.toBe(hashOf(source));
    expect(hashOf({ ...source, lookups: ['size'] })).toBe(hashOf(source));
  });

  test('leaves a script as warm as it was', async () => {
    const source = { name: 'a', language: 'nodejs', content: 'event.response.content = "{color}";' };
    const compiled = await compileSource({ ...source, lookups: ['color'] });
    expect(compiled).toMatchObject({ ok: true, program: { isPristine: false, bindsLookups: true } });
  });
});
