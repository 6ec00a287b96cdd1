// Documents as text: whatever is in them, a reader of JSON or YAML gets it back.

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fc } from '../../test/properties.ts';
import { documentText } from './document-text.ts';

describe('the text of a document', () => {
  const document = {
    openapi: '3.1.0',
    info: { title: 'A: b', description: undefined, empty: {} },
    tags: [{ name: 'x', list: [] }, 'text', [1, [2]]],
    paths: { '/a/{id}': { get: { tags: ['x'], responses: { 200: { description: '' } } } }, '/b': {} },
    components: { schemas: { Error: { type: ['string', 'null'], enum: [null, 'no', 1.5, true] } } },
  };

  it('is compact JSON', async () => {
    expect(await documentText(document, 'json')).toBe(JSON.stringify(document));
    expect(await documentText({}, 'json')).toBe('{}');
  });

  it('is YAML in blocks, with quotes only where something else could be meant', async () => {
    expect(await documentText(document, 'yaml')).toBe(`openapi: "3.1.0"
info:
  title: "A: b"
  empty: {}
tags:
  - name: x
    list: []
  - text
  - - 1
    - - 2
paths:
  "/a/{id}":
    get:
      tags:
        - x
      responses:
        "200":
          description: ""
  /b: {}
components:
  schemas:
    Error:
      type:
        - string
        - "null"
      enum:
        - null
        - "no"
        - 1.5
        - true
`);
  });

  const json = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 5 }), { maxKeys: 6 });

  it('means the same in both, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(json, async (value) => {
        const wanted = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(await documentText(value, 'json'))).toEqual(wanted);
        expect(parse(await documentText({ value }, 'yaml'), { uniqueKeys: false })).toEqual({
          value: wanted,
        });
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ...[
      '',
      ' ',
      'a ',
      'a: b',
      'a #b',
      '- a',
      '?',
      '*a',
      '&a',
      '!a',
      '%',
      '@',
      '`',
      '|',
      '>',
      "'",
      '"',
      '{',
      '[',
    ],
    ...[
      'null',
      'True',
      'NO',
      'y',
      '~',
      '1',
      '1e3',
      '0x1f',
      '.5',
      '-1',
      '2026-01-31',
      '12:30',
      'a\nb',
      '\t',
      '\u0085',
    ],
    ...['a, b', 'x/y', 'über', '\u2028', '\ufeff', '---', '...', '<<', '=', 'a:', ':a', '#'],
  ])('keeps the text %j, as value and as name', async (text) => {
    const value = { [text]: text, list: [text] };
    expect(parse(await documentText(value, 'yaml'))).toEqual(value);
  });

  it('lets others be served while it is written', async () => {
    const paths = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [`/p${index}`, { get: {} }]),
    );
    let turns = 0;
    const clock = setInterval(() => turns++, 0);
    const turning = setImmediate(function turn() {
      turns++;
      setImmediate(turn).unref();
    });
    await documentText({ paths }, 'json');
    clearInterval(clock);
    clearImmediate(turning);
    expect(turns).toBeGreaterThan(5);
  });
});
