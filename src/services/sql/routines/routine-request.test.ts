import { describe, expect, test } from 'vitest';
import { Body } from '../../../core/body.ts';
import { anonymous, type Principal } from '../../../core/operation.ts';
import { parseParameters } from '../../../query/parameters.ts';
import { readRoutineRequest } from './routine-request.ts';

const caller: Principal = {
  ...anonymous,
  lookups: { open: { low: '5', odd: "x' or 1=1" }, secret: { word: 'CANARY' } },
};

function given(segment: string, query = '', body?: unknown) {
  const message = {
    parameters: parseParameters(query),
    headers: {},
    body: body === undefined ? undefined : Body.ofValue(body),
  };
  const request = readRoutineRequest({ path: ['_proc', segment], request: message, principal: caller });
  return request.given.kind === 'listed' ? request.given.values : Object.fromEntries(request.given.values);
}

describe('values of a call that are a lookup stand for its value', () => {
  test.each<[string, unknown, unknown]>([
    ['in the body by name', { params: { a: '{low}', b: 1, c: null } }, { a: '5', b: 1, c: null }],
    ['in the body in order', { params: ['{low}', '{odd}'] }, ['5', "x' or 1=1"]],
    ['in the body by rows', { params: [{ name: 'a', value: '{strtoupper(odd)}' }] }, { a: "X' OR 1=1" }],
    [
      'but no text that only holds one',
      { params: ['more than {low}', '{low}{low}'] },
      ['more than {low}', '{low}{low}'],
    ],
    ['but none that is private', { params: ['{word}', '{secret.word}'] }, ['{word}', '{secret.word}']],
    ['but none within a value', { params: [{ a: '{low}' }, ['{low}']] }, [{ a: '{low}' }, ['{low}']]],
  ])('%s', (_what, body, expected) => {
    expect(given('p', '', body)).toEqual(expected);
  });

  test('in the path and in the query', () => {
    expect(given('p({low}, 2)')).toEqual(['5', '2']);
    expect(given('p', 'a={low}&b={unknown}')).toEqual({ a: '5', b: '{unknown}' });
    expect(given('p', 'params=1,{low},{word}')).toEqual(['1', '5', '{word}']);
  });
});
