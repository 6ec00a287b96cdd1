import { describe, expect, test } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import { Column } from './column.ts';

function guess(values: readonly string[], name = 'x') {
  const column = new Column(name);
  for (const value of values) column.see(value);
  return column.field();
}

describe('the type of a column', () => {
  test.each([
    [['1', '-20', '0'], { type: 'integer' }],
    [['999999999'], { type: 'integer' }],
    [['1000000000'], { type: 'bigint' }],
    [['123456789012345678'], { type: 'bigint' }],
    [['1234567890123456789'], { type: 'decimal', precision: 19, scale: 0 }],
    [['9'.repeat(39)], { type: 'string' }],
    [['1.5', '-20.25', '7'], { type: 'decimal', precision: 4, scale: 2 }],
    [['007'], { type: 'string' }],
    [['-0'], { type: 'string' }],
    [['+1'], { type: 'string' }],
    [['1e5'], { type: 'string' }],
    [['.5'], { type: 'string' }],
    [['1,5'], { type: 'string' }],
    [[' 1'], { type: 'string' }],
    [['true', 'FALSE'], { type: 'boolean' }],
    [['true', '1'], { type: 'string' }],
    [['2024-02-29'], { type: 'date' }],
    [['2023-02-29'], { type: 'string' }],
    [['0000-00-00'], { type: 'string' }],
    [['2024-13-01'], { type: 'string' }],
    [['2024-01-02 03:04:05', '2024-01-02T23:59:59'], { type: 'datetime' }],
    [['2024-01-02 24:00:00'], { type: 'string' }],
    [['2024-01-02T03:04:05Z'], { type: 'string' }],
    [['2024-01-02', '2024-01-02 03:04:05'], { type: 'string' }],
    [['1', 'x'], { type: 'string', length: 255 }],
    [['x'.repeat(256)], { type: 'text' }],
    [[], { type: 'string' }],
    [['', ''], { type: 'string' }],
    [['', '5'], { type: 'integer' }],
  ])('%j', (values, field) => {
    expect(guess(values)).toMatchObject({ ...field, allow_null: true });
  });

  test.each([
    [['1', '2'], 'id', true],
    [['1', '2'], 'ID', true],
    [['1', '1'], 'id', false],
    [['1', ''], 'id', false],
    [['a', 'b'], 'id', false],
    [['1.5'], 'id', false],
    [['1', '2'], 'number', false],
  ])('%j under %s is a key: %s', (values, name, isKey) => {
    expect(guess(values, name).is_primary_key === true).toBe(isKey);
  });

  test('keeps every number as it was written', () => {
    const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,6})?$/);
    fc.assert(
      fc.property(fc.array(digits, { minLength: 1 }), (values) => {
        const { type, precision, scale } = guess(values);
        const isWhole = type === 'integer' || type === 'bigint';
        for (const value of values) {
          if (isWhole) expect(String(BigInt(value))).toBe(value);
          const [whole = '', fraction = ''] = value.replace('-', '').split('.');
          if (type !== 'decimal') continue;
          expect(whole.length + Number(scale)).toBeLessThanOrEqual(Number(precision));
          expect(fraction.length).toBeLessThanOrEqual(Number(scale));
        }
      }),
    );
  });
});
