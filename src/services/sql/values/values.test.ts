import { describe, expect, it } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import { PlatformError } from '../../../core/errors.ts';
import { decode, encode } from '../dialects/sqlite/values.ts';
import type { Field, FieldType } from '../schema.ts';
import { coerceLiteral, coerceValue, readTruth } from './values.ts';

function field(type: FieldType, dbType: string = type): Field {
  return {
    name: 'f',
    column: 'f',
    supportsMultibyte: false,
    isExact: false,
    description: null,
    picklist: null,
    range: null,
    label: 'F',
    type,
    dbType,
    length: null,
    precision: null,
    scale: null,
    default: null,
    required: false,
    allowNull: true,
    fixedLength: false,
    autoIncrement: false,
    isGenerated: false,
    isPrimaryKey: false,
    isUnique: false,
    isIndex: false,
    refTable: null,
    refField: null,
    refOnUpdate: null,
    refOnDelete: null,
  };
}

function refusal(type: FieldType, value: unknown): string {
  try {
    const stored = coerceValue(field(type), value);
    return `accepted ${String(stored)}`;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    expect(error.kind).toBe('request.invalid_record');
    return error.message;
  }
}

const accepted: readonly (readonly [FieldType, unknown, unknown])[] = [
  ['integer', 5, 5],
  ['integer', 5.0, 5],
  ['integer', -0, 0],
  ['integer', '007', 7],
  ['integer', '+3', 3],
  ['integer', '12.00', 12],
  ['integer', 9007199254740993n, 9007199254740993n],
  ['integer', 12n, 12],
  ['bigint', '9223372036854775807', 9223372036854775807n],
  ['bigint', '-9223372036854775808', -9223372036854775808n],
  ['id', 1e17, 100000000000000000n],
  ['reference', '4', 4],
  ['boolean', true, true],
  ['boolean', 0, false],
  ['boolean', 'Yes', true],
  ['boolean', 'OFF', false],
  ['decimal', '12.50', 12.5],
  ['decimal', '0.30000000000000004', 0.30000000000000004],
  ['decimal', '1e3', 1000],
  ['decimal', '123456789012345678', 123456789012345678n],
  ['decimal', 9007199254740993n, 9007199254740993n],
  ['decimal', -9223372036854776000n, -9223372036854776000],
  ['json', -9223372036854776000n, '-9223372036854776000'],
  ['double', '.5', 0.5],
  ['float', 2n, 2],
  ['string', 5, '5'],
  ['string', true, 'true'],
  ['string', 9007199254740993n, '9007199254740993'],
  ['text', 'a\u0000b \u{1F600}', 'a\u0000b \u{1F600}'],
  ['date', '2024-02-29', '2024-02-29'],
  ['time', '09:30', '09:30:00'],
  ['time', '23:59:59.123456', '23:59:59.123456'],
  ['datetime', '2026-01-31', '2026-01-31 00:00:00'],
  ['datetime', '2026-01-31T09:30', '2026-01-31 09:30:00'],
  ['datetime', '2026-01-31 09:30:05.120', '2026-01-31 09:30:05.120'],
  ['timestamp', '2026-01-31T09:30:00Z', '2026-01-31 09:30:00'],
  ['timestamp', '2026-01-01T00:30:00.5+02:00', '2025-12-31 22:30:00.5'],
  ['timestamp', '2024-02-28T23:30:00-0530', '2024-02-29 05:00:00'],
  ['timestamp', '2026-01-31 09:30:00 +01', '2026-01-31 08:30:00'],
  ['json', { a: [1, null] }, '{"a":[1,null]}'],
  ['json', 'text', '"text"'],
  ['json', { n: 9007199254740993n }, '{"n":9007199254740993}'],
  ['uuid', '6F1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d', '6F1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d'],
];

const integerRange = 'must be an integer between -9223372036854775808 and 9223372036854775807.';
const refused: readonly (readonly [FieldType, unknown, string])[] = [
  ['integer', 'abc', "Field 'f' must be a valid integer."],
  ['integer', '', "Field 'f' must be a valid integer."],
  ['integer', ' 5', "Field 'f' must be a valid integer."],
  ['integer', 1.5, "Field 'f' must be a valid integer."],
  ['integer', '0x10', "Field 'f' must be a valid integer."],
  ['integer', true, "Field 'f' must be a valid integer."],
  ['integer', [1], "Field 'f' must be a valid integer."],
  ['integer', '9223372036854775808', `Field 'f' ${integerRange}`],
  ['integer', 1e19, `Field 'f' ${integerRange}`],
  ['integer', -9223372036854775809n, `Field 'f' ${integerRange}`],
  ['integer', '9'.repeat(400), `Field 'f' ${integerRange}`],
  ['boolean', 2, "Field 'f' must be a valid boolean: true or false."],
  ['boolean', 'perhaps', "Field 'f' must be a valid boolean: true or false."],
  ['double', 'Infinity', "Field 'f' must be a valid number."],
  ['double', '1e999', "Field 'f' must be a valid number."],
  ['double', {}, "Field 'f' must be a valid number."],
];

describe('coerceValue', () => {
  it.each(accepted)('%s takes %o', (type, value, stored) => {
    expect(coerceValue(field(type), value)).toEqual(stored);
  });

  it.each(refused)('%s refuses %o', (type, value, message) => {
    expect(refusal(type, value)).toBe(message);
  });

  it.each([
    ['decimal', ['1.23456789012345678', '', 'NaN', '1,5', [1], '123456789012345678901234567890']],
    ['date', ['not-a-date', '2026-02-30', '2025-02-29', '2026-1-1', '20260101', '0000-01-01', 20260101, {}]],
    ['date', ['2026-01-31T00:00:00', ' 2026-01-31', '2026-13-01', '1900-02-29', '+2026-01-01']],
    ['time', ['24:00', '9:30', '12:60:00', '12:00:60', '12:00Z', '12:00:00.', 12]],
    ['datetime', ['2026-01-31T', '2026-01-31T25:00', '2026-01-31X09:30', '2026-01-31T09:30+99:00', 0]],
    ['datetime', ['0001-01-01T00:00+01:00', '9999-12-31T23:59-01:00', '2026-02-30 09:30:00', '']],
    ['uuid', ['6f1c1f0e7a524a389f3b0c6a4c6f1b2d', 'x', 5, {}]],
    ['binary', ['=', 'a', 'ab=', 'ab===', 'a b', 'AA-_', 5, ['QQ==']]],
    ['string', [{}, [], ['a'], '\uD800', 'a\uDFFFb']],
    ['json', [undefined, 2n ** 63n]],
  ] as const)('%s refuses what it can not hold', (type, values) => {
    for (const value of values) expect(refusal(type, value)).toMatch(/^Field 'f' must be /);
  });

  it('lets null through for every type', () => {
    for (const [type] of accepted) expect(coerceValue(field(type), null)).toBeNull();
  });

  it('makes bytes of base64 with and without padding', () => {
    expect(coerceValue(field('binary'), 'QUI=')).toEqual(Buffer.from('AB'));
    expect(coerceValue(field('binary'), 'QUI')).toEqual(Buffer.from('AB'));
    expect(coerceValue(field('binary'), '')).toEqual(Buffer.alloc(0));
  });

  it('meets any JSON value with a bindable or a refusal naming the field', () => {
    const types = [...new Set(accepted.map(([type]) => type)), 'binary' as const];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.jsonValue(), (type, value) => {
        const message = refusal(type, value);
        expect(message).toMatch(/^accepted |^Field 'f' must be /);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps the instant of a date and time with a zone', () => {
    const moment = fc.record({
      date: fc.date({ min: new Date('1000-01-02'), max: new Date('9000-01-01'), noInvalidDate: true }),
      offset: fc.integer({ min: -14 * 60, max: 14 * 60 }),
    });
    fc.assert(
      fc.property(moment, ({ date, offset }) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 23);
        const two = (n: number) => String(n).padStart(2, '0');
        const minutes = Math.abs(offset);
        const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
        const stored = coerceValue(field('timestamp'), local + zone);
        expect(stored).toBe(date.toISOString().slice(0, 23).replace('T', ' '));
      }),
    );
  });
});

describe('coerceLiteral', () => {
  it('brings filter values to the type of the field', () => {
    expect(coerceLiteral(field('integer'), '5')).toBe(5);
    expect(coerceLiteral(field('boolean'), 'yes')).toBe(true);
    expect(coerceLiteral(field('date'), null)).toBeNull();
  });

  it('refuses as a filter, naming the field', () => {
    for (const [type, value] of [
      ['integer', 'abc'],
      ['date', 'x'],
      ['binary', 'QUI='],
      ['binary', '!'],
    ] as const) {
      const refusing = () => coerceLiteral(field(type), value);
      expect(refusing).toThrow(/^Field 'f' /);
      expect(refusing).toThrow(expect.objectContaining({ kind: 'request.invalid_filter' }));
    }
  });
});

describe('decode', () => {
  it('reads what other programs stored', () => {
    expect(decode(field('boolean'), 1)).toBe(true);
    expect(decode(field('boolean'), 0n)).toBe(false);
    expect(decode(field('boolean'), 'f')).toBe(false);
    expect(decode(field('boolean'), 'maybe')).toBe('maybe');
    expect(decode(field('decimal'), '12.50')).toBe(12.5);
    expect(decode(field('decimal'), '')).toBe('');
    expect(decode(field('decimal'), 'n/a')).toBe('n/a');
    expect(decode(field('json'), '{broken')).toBe('{broken');
    expect(decode(field('json'), 5)).toBe(5);
    expect(decode(field('json'), '[9007199254740993]')).toEqual([9007199254740993n]);
    expect(decode(field('binary'), 'AB')).toBe('QUI=');
    expect(decode(field('integer'), Buffer.from('AB'))).toBe('QUI=');
    expect(decode(field('string'), 7)).toBe('7');
    expect(decode(field('date'), 20260101)).toBe(20260101);
    expect(decode(field('date'), null)).toBeNull();
  });

  it('keeps numbers of columns without a type as numbers', () => {
    expect(encode(field('string', ''), 5)).toBe(5n);
    expect(encode(field('string', ''), 5.5)).toBe(5.5);
    expect(encode(field('string', ''), 2n ** 70n)).toBe(2 ** 70);
    expect(encode(field('string', ''), '5')).toBe('5');
  });
});

describe('readTruth', () => {
  it('knows the words of spec §5.5 and no others', () => {
    for (const word of ['true', '1', 'on', 'YES', 'y', 'T']) expect(readTruth(word)).toBe(true);
    for (const word of ['false', '0', 'off', 'No', 'n', 'f']) expect(readTruth(word)).toBe(false);
    for (const word of ['', ' ', '2', 'null', 'truee', 'jein']) expect(readTruth(word)).toBeUndefined();
  });
});
