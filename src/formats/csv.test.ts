import { stringify } from 'csv-stringify/sync';
import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { readCsv, writeCsv } from './csv.ts';

describe('writing', () => {
  test.each<[string, unknown, string]>([
    [
      'rows',
      {
        resource: [
          { a: 1, b: 'x' },
          { a: 2, b: 'y' },
        ],
      },
      'a,b\n1,x\n2,y\n',
    ],
    ['a list', [{ a: 1 }, { a: 2 }], 'a\n1\n2\n'],
    ['one record', { a: 1, b: null }, 'a,b\n1,\n'],
    ['names of the first row', [{ a: 1 }, { a: 2, b: 3 }, { b: 4 }], 'a\n1\n2\n""\n'],
    ['what is nested', [{ a: { b: [1, 'x'] }, c: [] }], 'a,c\n"{""b"":[1,""x""]}",[]\n'],
    ['true and false', [{ a: true, b: false }], 'a,b\ntrue,false\n'],
    ['quotes and lines', [{ a: 'x,"y"\nz' }], 'a\n"x,""y""\nz"\n'],
    ['great numbers', [{ a: 12345678901234567890n }], 'a\n12345678901234567890\n'],
    ['names', { resource: ['hr', 'system'] }, 'value\nhr\nsystem\n'],
    ['a number', 9, 'value\n9\n'],
    ['an error', { error: { code: 404, context: null, message: 'x' } }, 'code,context,message\n404,,x\n'],
    ['no rows', { resource: [] }, ''],
    ['nothing', null, ''],
  ])('%s', (_what, value, expected) => {
    expect(writeCsv(value)).toBe(expected);
  });
});

describe('reading', () => {
  test.each<[string, unknown[]]>([
    ['title,priority\nq,3\n', [{ title: 'q', priority: '3' }]],
    ['\ufeffa , b\r\n1,"x\r\ny"\r\n', [{ a: '1', b: 'x\r\ny' }]],
    ['a\n1\n\n2\n', [{ a: '1' }, { a: '2' }]],
    ['a,b\n', []],
    ['', []],
    ['a,constructor\n1,2', [{ a: '1', constructor: '2' }]],
  ])('%j', (text, expected) => {
    expect(readCsv(text)).toEqual({ resource: expected });
  });

  test.each<[string, string, RegExp]>([
    ['a line that is too short', 'a,b\n1\n', /line 2/],
    ['a line that is too long', 'a\n1,2\n', /line 2/],
    ['a quote left open', 'a\n"x', /quot/i],
    ['a column that is there twice', 'a,a\n1,2', /'a'/],
    ['a way to a prototype', 'a,__proto__\n1,2', /__proto__/],
  ])('refuses %s', (_what, text, expected) => {
    expect(() => readCsv(text)).toThrow(
      expect.objectContaining({ status: 400, message: expect.stringMatching(expected) }),
    );
  });

  test('refuses what would take long', () => {
    expect(readCsv(`a\n${'1\n'.repeat(1_000)}`).resource.length).toBe(1_000);
    for (const text of [`a\n${'1\n'.repeat(limits.csvCells)}`, ','.repeat(limits.csvCells + 1)]) {
      expect(() => readCsv(text)).toThrow(expect.objectContaining({ kind: 'request.too_large' }));
    }
  });

  test('says what is wrong in few words', () => {
    const name = 'x'.repeat(10_000);
    expect(() => readCsv(`${name},${name}\n1,2`)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{20,300}$/s) }),
    );
  });

  test('what was written can be read', () => {
    const rows = [
      { a: 'x;y', b: '"quoted"' },
      { a: 'line\nbreak', b: '=1+1' },
    ];
    expect(readCsv(writeCsv(rows))).toEqual({ resource: rows });
  });
});

test('texts come back as they were', () => {
  const text = fc.string({ unit: 'binary' });
  const rows = fc.array(fc.record({ a: text, b: text }), { minLength: 1 });
  fc.assert(
    fc.property(rows, (resource) => {
      expect(readCsv(writeCsv({ resource }))).toEqual({ resource });
    }),
  );
});

test('is written as by others', () => {
  const part = fc.constantFrom(',', '"', '\n', '\r\n', 'a', ' ', "'", ';', '=', '\t', 'ä', '😀');
  const value = fc.oneof(
    fc.array(part).map((parts) => parts.join('')),
    fc.integer(),
    fc.double(),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.array(fc.record({ a: value, 'b "c"': value }), { minLength: 1 }), (rows) => {
      expect(writeCsv(rows)).toBe(stringify(rows, { header: true }));
    }),
  );
});

test('no text makes reading throw anything but a refusal', () => {
  const part = fc.constantFrom(',', '"', '\n', '\r\n', 'a', '""', ' ', '\ufeff', '__proto__');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      try {
        expect(Array.isArray(readCsv(parts.join('')).resource)).toBe(true);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(PlatformError);
      }
    }),
    { numRuns: 2_000 },
  );
});
