import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { Body, readJson, writeJson } from './body.ts';
import { PlatformError } from './errors.ts';
import { limits } from './limits.ts';

function refusal(work: () => unknown): PlatformError {
  try {
    work();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('Body', () => {
  test('text is passed through untouched while nobody looks at the value', () => {
    const text = '{ "a" :1.50 }';
    const body = Body.ofText(text, 'application/json');
    expect(body.text).toBe(text);
    expect(body.isParsed).toBe(false);
    expect(body.value).toEqual({ a: 1.5 });
    expect(body.text).toBe(text);
  });

  test('a value is written once, when its text is wanted', () => {
    const value = { a: [1, null, 'é'] };
    const body = Body.ofValue(value);
    expect(body.isJson).toBe(true);
    expect(body.text).toBe('{"a":[1,null,"é"]}');
    expect(body.value).toBe(value);
  });

  test('text of another media type stays text', () => {
    const body = Body.ofText('a,b\n1,2\n', 'text/csv');
    expect(body.isJson).toBe(false);
    expect(body.value).toBe('a,b\n1,2\n');
  });

  test('integers beyond 2^53 are exact on request', () => {
    const body = Body.ofText('{"n":9007199254740993,"d":1.5,"s":"9007199254740993"}', 'application/json');
    expect(body.value).toMatchObject({ d: 1.5 });
    expect(body.exactValue).toEqual({ n: 9007199254740993n, d: 1.5, s: '9007199254740993' });
    expect(writeJson(body.exactValue)).toBe('{"n":9007199254740993,"d":1.5,"s":"9007199254740993"}');
  });

  test('what JSON cannot hold becomes null at the top and throws when it is circular', () => {
    expect(writeJson(undefined)).toBe('null');
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect(() => writeJson(circular)).toThrow(TypeError);
  });
});

describe('JSON of strangers', () => {
  test('every JSON value comes back as it went', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__'));
        expect(readJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('a malformed body is refused with what was unexpected', () => {
    const error = refusal(() => readJson('{"resource":\n [{"title":x}]}'));
    expect(error.kind).toBe('request.malformed_json');
    expect(error.status).toBe(400);
    expect(error.message).toMatch(/^The body is not valid JSON: Unexpected token 'x', .*"title":x/);
  });

  test('a body that ends too early says so', () => {
    expect(refusal(() => readJson('{"resource":[{"title":')).message).toMatch(
      /not valid JSON: Unexpected end/,
    );
  });

  test('depth is counted outside strings only', () => {
    const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(readJson(deep(limits.jsonDepth))).toBeDefined();
    expect(refusal(() => readJson(deep(limits.jsonDepth + 1))).kind).toBe('request.too_deep');
    expect(readJson(JSON.stringify({ text: '[{'.repeat(500), quote: '\\"[[[' }))).toBeDefined();
    expect(refusal(() => readJson('['.repeat(1_000_000))).kind).toBe('request.too_deep');
  });

  test.each(['{"__proto__":{"admin":true}}', '[{"a":{"__proto__":1}}]', '{"\\u005f_proto__":1}'])(
    'a key that reaches a prototype is refused: %s',
    (text) => {
      expect(refusal(() => readJson(text)).kind).toBe('request.forbidden_key');
      expect(({} as Record<string, unknown>).admin).toBeUndefined();
    },
  );

  test('the word itself may stand in a value', () => {
    expect(readJson('{"a":"__proto__","b":"\\u00e9"}')).toEqual({ a: '__proto__', b: 'é' });
  });
});

describe('text with a reader', () => {
  test('is read once, when somebody looks, and stays as it came', () => {
    let times = 0;
    const read = (text: string) => {
      times++;
      return text.split(',');
    };
    const body = Body.ofReadable('a,b', read, 'text/csv');
    expect([body.text, body.mediaType, body.isJson, body.isParsed, times]).toEqual([
      'a,b',
      'text/csv',
      false,
      false,
      0,
    ]);
    expect([body.value, body.exactValue, body.isParsed, times]).toEqual([['a', 'b'], ['a', 'b'], true, 1]);
  });

  test('that can not be read throws what the reader throws', () => {
    const body = Body.ofReadable('x', () => JSON.parse('{'), 'text/csv');
    expect(() => body.value).toThrow(SyntaxError);
    expect(body.text).toBe('x');
  });
});
