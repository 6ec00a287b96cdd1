import { describe, expect, test } from 'vitest';
import type { Parameters } from '../core/operation.ts';
import { acceptanceOf, disposition, listType, type Wanted, wantedStream, wrapOf } from './wanted.ts';

function wanted(parameters: Parameters, accept?: string): Wanted {
  return { accept, parameters, action: 'GET', resource: 'book' };
}

describe('the form of an answer', () => {
  test.each<[Parameters, string | undefined, string | undefined]>([
    [{}, undefined, 'application/json'],
    [{}, '*/*', 'application/json'],
    [{}, 'text/csv', 'text/csv'],
    [{}, 'text/csv, application/json;q=0.1', 'application/json'],
    [{}, 'text/*', 'text/csv'],
    [{}, 'application/*, application/json;q=0', 'application/xml'],
    [{}, 'application/x-ndjson', 'application/x-ndjson'],
    [{}, 'image/png', undefined],
    [{ accept: 'text/csv' }, 'application/json', 'text/csv'],
    [{ accept: '' }, 'application/xml', 'application/xml'],
    [{ accept: null }, 'application/xml', 'application/xml'],
    [{ accept: ['text/csv'] }, undefined, 'application/json'],
    [{ accept: 'text/csv', file: 'a.xml' }, 'application/json', 'application/xml'],
    [{ file: 'a.CSV' }, 'application/json', 'text/csv'],
    [{ file: 'a.ndjson' }, undefined, 'application/x-ndjson'],
    [{ file: 'a.json' }, 'text/csv', 'application/json'],
    [{ file: 'a.csv.txt' }, 'text/csv', 'text/csv'],
    [{ file: 'constructor.toString' }, undefined, 'application/json'],
    [{ file: true }, 'text/csv', 'text/csv'],
  ])('of %j and the header %j', (parameters, accept, expected) => {
    expect(listType(wanted(parameters, accept))).toBe(expected);
  });

  test('is asked for once for everything', () => {
    expect(acceptanceOf(wanted({ file: 'a.csv' }, '*/*')).accepts('application/json')).toBe(false);
  });
});

describe('a stream', () => {
  test.each<[Parameters, string | undefined, string | undefined]>([
    [{}, undefined, 'texts'],
    [{ file: 'a.ndjson' }, undefined, 'texts'],
    [{ file: 'a.csv' }, undefined, 'values'],
    [{}, 'application/xml', 'values'],
    [{}, 'text/plain', undefined],
    [{ wrap: 'false' }, undefined, undefined],
    [{ wrap: 'true' }, undefined, 'texts'],
  ])('for %j and the header %j hands out %s', (parameters, accept, expected) => {
    expect(wantedStream(wanted(parameters, accept))).toBe(expected);
  });

  test('is for reads only', () => {
    expect(wantedStream({ ...wanted({}), action: 'POST' })).toBeUndefined();
  });
});

test.each<[unknown, boolean | undefined]>([
  [undefined, undefined],
  [null, true],
  ['', true],
  ['Yes', true],
  ['t', true],
  ['off', false],
  ['N', false],
  [false, false],
  ['perhaps', undefined],
])('wrap=%j', (wrap, expected) => {
  expect(wrapOf(wanted(wrap === undefined ? {} : { wrap: wrap as string }))).toBe(expected);
});

test.each<[unknown, string, string | undefined]>([
  [undefined, 'application/json', undefined],
  ['false', 'application/json', undefined],
  ['0', 'application/json', undefined],
  ['true', 'application/json', 'book.json'],
  [null, 'text/csv', 'book.csv'],
  ['1', 'application/xml', 'book.xml'],
  ['y', 'application/x-ndjson', 'book.ndjson'],
  ['all books.csv', 'text/csv', 'all books.csv'],
  ['a"b\r\nc/..\\d.csv', 'text/csv', 'a_b__c_.._d.csv'],
  ['ä.xml', 'application/xml', '_.xml'],
  [['x'], 'application/json', 'book.json'],
])('file=%j as %s', (file, type, expected) => {
  const parameters = file === undefined ? {} : { file: file as string };
  const header = expected === undefined ? undefined : `attachment; filename="${expected}";`;
  expect(disposition(wanted(parameters), type)).toBe(header);
});
