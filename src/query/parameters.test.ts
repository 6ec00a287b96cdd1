import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { noParameters, parseParameters } from './parameters.ts';

function refusal(query: string): PlatformError {
  try {
    parseParameters(query);
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('parseParameters', () => {
  test.each([
    ['', {}],
    ['&&', {}],
    ['limit=1', { limit: '1' }],
    ['flag', { flag: null }],
    ['flag=', { flag: '' }],
    ['=x', {}],
    ['n=007&t=true', { n: '007', t: 'true' }],
    ['a=1&a=2', { a: '2' }],
    ['arr[]=1&arr[]=2', { arr: ['1', '2'] }],
    ['arr[0]=x&arr[1]=y', { arr: ['x', 'y'] }],
    ['arr[1]=x', { arr: { 1: 'x' } }],
    ['arr[1]=x&arr[]=y', { arr: { 1: 'x', 2: 'y' } }],
    ['map[a]=1', { map: { a: '1' } }],
    ['map[a][b]=1&map[a][c][]=2', { map: { a: { b: '1', c: ['2'] } } }],
    ['map[a]=1&map=2', { map: '2' }],
    ['map=2&map[a]=1', { map: { a: '1' } }],
    ['a%5Bb%5D=1', { a: { b: '1' } }],
    ['x.y=2', { x_y: '2' }],
    ['x%20y=2', { x_y: '2' }],
    ['x.y[a.b]=2', { x_y: { 'a.b': '2' } }],
    ['x[y=2', { x_y: '2' }],
    ['a[b]c=1', { a: { b: '1' } }],
    ['a[b][c=1', { a: { b: '1' } }],
    ['plus=a+b&u=%C3%A9', { plus: 'a b', u: 'é' }],
    ['filter=id%3E0', { filter: 'id>0' }],
    ['filter=a=1', { filter: 'a=1' }],
    ['p=100%', { p: '100%' }],
    ['p=%FFx%zz', { p: '\ufffdx%zz' }],
    ['constructor=1&prototype=2', { constructor: '1', prototype: '2' }],
  ])('%s', (query, expected) => {
    expect(JSON.stringify(parseParameters(query))).toBe(JSON.stringify(expected));
  });

  test('the result is frozen all the way down', () => {
    const parsed = parseParameters('a[b][]=1');
    expect(Object.isFrozen(parsed)).toBe(true);
    expect(Object.isFrozen(parsed.a)).toBe(true);
    expect(Object.isFrozen((parsed.a as { b: unknown }).b)).toBe(true);
    expect(parseParameters('')).toBe(noParameters);
  });

  test.each(['__proto__=1', '__proto__[admin]=1', 'a[__proto__][admin]=1', '__pr%6Fto__[x]=1'])(
    'a name that reaches a prototype is refused: %s',
    (query) => {
      expect(refusal(query).kind).toBe('request.invalid_parameter');
      expect(({} as Record<string, unknown>).admin).toBeUndefined();
    },
  );

  test('count and depth are bounded', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}=1`).join('&');
    expect(Object.keys(parseParameters(many(limits.parameterCount)))).toHaveLength(limits.parameterCount);
    expect(refusal(many(limits.parameterCount + 1)).message).toMatch(/more than 1000 parameters/);
    expect(parseParameters(`a${'[b]'.repeat(limits.parameterDepth)}=1`)).toHaveProperty('a');
    expect(refusal(`deep${'[b]'.repeat(limits.parameterDepth + 1)}=1`).message).toMatch(/'deep' nests/);
  });

  test('what URLSearchParams writes comes back, but for names with brackets, dots and spaces', () => {
    const names = fc.stringMatching(/^[a-z_é]{1,8}$/).filter((name) => name !== '__proto__');
    fc.assert(
      fc.property(fc.dictionary(names, fc.string({ unit: 'grapheme' })), (values) => {
        expect(parseParameters(new URLSearchParams(values).toString())).toEqual(values);
      }),
    );
  });

  test('any text is parsed or refused, never a failure', () => {
    fc.assert(
      fc.property(fc.string(), (query) => {
        try {
          parseParameters(query);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });
});
