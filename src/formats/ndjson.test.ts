import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { readNdjson, writeNdjson } from './ndjson.ts';

describe('writing', () => {
  test.each<[string, unknown, string]>([
    ['a list', [1, 'a', null], '1\n"a"\nnull\n'],
    ['records', { resource: [{ a: 1 }, { a: [] }], meta: { count: 2 } }, '{"a":1}\n{"a":[]}\n'],
    ['one record', { a: 'x\ny' }, '{"a":"x\\ny"}\n'],
    ['an error', { error: { code: 404 } }, '{"error":{"code":404}}\n'],
    ['great numbers', [{ a: 2n ** 60n }], '{"a":1152921504606846976}\n'],
    ['no records', { resource: [] }, ''],
    ['nothing', null, ''],
  ])('%s', (_what, value, text) => {
    expect(writeNdjson(value)).toBe(text);
  });
});

describe('reading', () => {
  test.each<[string, unknown[]]>([
    ['{"a":1}\n{"a":2}', [{ a: 1 }, { a: 2 }]],
    ['\n \n{"a":"\u2028"}\r\n', [{ a: '\u2028' }]],
    ['9007199254740993\n', [9_007_199_254_740_993n]],
    ['', []],
  ])('%j', (text, resource) => {
    expect(readNdjson(text)).toEqual({ resource });
  });

  test.each([
    ['{"a":1}\n\n{"a":', 'request.malformed_json', 3],
    ['{"__proto__":1}', 'request.forbidden_key', 1],
    [`1\n${'['.repeat(100)}`, 'request.too_deep', 2],
  ])('refuses %j', (text, kind, line) => {
    expect(() => readNdjson(text)).toThrow(
      expect.objectContaining({ kind, message: expect.stringMatching(new RegExp(`\\(line ${line}\\)$`)) }),
    );
  });

  test('gives back what was written', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ a: fc.string({ unit: 'binary' }), b: fc.integer() })), (resource) => {
        expect(readNdjson(writeNdjson({ resource }))).toEqual({ resource });
      }),
    );
  });
});
