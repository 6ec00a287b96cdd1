// From the JSON values of requests to what a column of a type can hold, and the refusals when it can not.
// Invariant: nothing is guessed and nothing is cut; a value is stored as it means, or refused by the field's
// name.
import { exactDigits, writeJson } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Literal } from '../../../core/query.ts';
import type { Field, FieldType } from '../schema.ts';
import { readDate, readDateTime, readTime } from './moments.ts';

/** A checked value in engine-neutral form: dates as text, JSON as its text, binary as bytes. */
export type Coerced = string | number | bigint | boolean | null | Uint8Array;

/** What a field type accepts: `read` answers undefined for anything else, `expected` says what it wants. */
interface Kind {
  read(value: unknown): Coerced | undefined;
  readonly expected: string;
}

const integerMax = 2n ** 63n - 1n;
const integerMin = -(2n ** 63n);

const integer: Kind = { read: readInteger, expected: 'must be a valid integer.' };
const double: Kind = { read: readDouble, expected: 'must be a valid number.' };
const decimal: Kind = {
  read: readDecimal,
  expected: 'must be a valid number, as text of at most 15 significant digits or as a JSON number.',
};
const text: Kind = { read: readText, expected: 'must be text of valid Unicode, not an object or a list.' };
const time: Kind = { read: readTime, expected: 'must be a valid time: HH:MM:SS.' };
const datetime: Kind = {
  read: readDateTime,
  expected: 'must be a valid date and time, such as 2026-01-31 09:30:00 or 2026-01-31T09:30:00Z.',
};

const kinds: Readonly<Record<FieldType, Kind>> = {
  id: integer,
  smallint: integer,
  integer,
  bigint: integer,
  reference: integer,
  boolean: { read: readBoolean, expected: 'must be a valid boolean: true or false.' },
  string: text,
  text,
  decimal,
  money: decimal,
  double,
  float: double,
  date: { read: readDate, expected: 'must be a valid date: YYYY-MM-DD.' },
  time,
  timetz: time,
  datetime,
  datetimetz: datetime,
  timestamp: datetime,
  timestamptz: datetime,
  array: { read: readJsonValue, expected: 'must be a list.' },
  json: { read: readJsonValue, expected: 'must be a JSON value that the database can keep exactly.' },
  binary: { read: readBinary, expected: 'must be binary content as base64 text.' },
  uuid: {
    read: readUuid,
    expected: 'must be a valid UUID, such as 6f1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d.',
  },
};

/**
 * The checked form of a JSON value for a field; null stays null, whether or not the field allows it.
 * Throws `request.invalid_record` naming the field.
 */
export function coerceValue(field: Field, value: unknown): Coerced {
  if (value === null) return null;
  const kind = kinds[field.type];
  const read = readAs(kind, field, value);
  if (read === undefined) throw new PlatformError('request.invalid_record', refusal(field, kind, value));
  return read;
}

/**
 * The same for a value that a filter compares a field with; a literal to bind, not yet in the engine's form.
 * Throws `request.invalid_filter` naming the field.
 */
export function coerceLiteral(field: Field, value: Literal): Literal {
  if (value === null) return null;
  const kind = kinds[field.type];
  const read = kind.read(value);
  if (read === undefined) {
    throw new PlatformError('request.invalid_filter', refusal({ ...field, range: null }, kind, value));
  }
  if (!(read instanceof Uint8Array)) return read;
  throw new PlatformError(
    'request.invalid_filter',
    `Field '${field.name}' is binary and can not be compared in a filter.`,
  );
}

/**
 * The digits of a decimal as an engine with exact decimals takes them; undefined for what is no number.
 */
export function readExactDecimal(value: unknown): string | undefined {
  const text = exactDigits(value) ?? (typeof value === 'number' ? String(value) : value);
  if (typeof text === 'bigint') return text.toString();
  return typeof text === 'string' && text.length <= limits.decimalDigits && isNumeric(text)
    ? text
    : undefined;
}

/** True and false of texts such as `yes`, `0` or `off`; undefined for any other text. */
export function readTruth(value: string): boolean | undefined {
  const word = value.toLowerCase();
  if (/^(?:true|1|on|yes|y|t)$/.test(word)) return true;
  return /^(?:false|0|off|no|n|f)$/.test(word) ? false : undefined;
}

// A double is what an exact number comes nearest to where the column has no more digits.
function readAs(kind: Kind, { range }: Field, value: unknown): Coerced | undefined {
  const digits = exactDigits(value);
  const read = kind.read(digits === undefined || kind.read === readJsonValue ? value : Number(digits));
  if (range === null || (typeof read !== 'number' && typeof read !== 'bigint')) return read;
  return read >= range.min && read <= range.max ? read : undefined;
}

function refusal(field: Field, kind: Kind, value: unknown): string {
  const isWholeNumber =
    typeof value === 'bigint' ||
    Number.isInteger(value) ||
    (typeof value === 'string' && /^[+-]?\d+(?:\.0+)?$/.test(value));
  if (kind === integer && isWholeNumber) {
    const { min, max } = field.range ?? { min: integerMin, max: integerMax };
    return `Field '${field.name}' must be an integer between ${min} and ${max}.`;
  }
  return `Field '${field.name}' ${kind.expected}`;
}

// Numbers within 2^53 stay numbers, which drivers bind and answer faster than bigint.
function readInteger(value: unknown): number | bigint | undefined {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value + 0;
    return Number.isInteger(value) ? withinRange(BigInt(value)) : undefined;
  }
  if (typeof value === 'bigint') return withinRange(value);
  if (typeof value !== 'string') return undefined;
  const match = /^([+-]?\d{1,40})(?:\.0+)?$/.exec(value);
  return match === null ? undefined : withinRange(BigInt((match[1] ?? '').replace('+', '')));
}

function withinRange(value: bigint): number | bigint | undefined {
  if (value > integerMax || value < integerMin) return undefined;
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

function readDouble(value: unknown): number | undefined {
  if (typeof value === 'bigint') return Number(value);
  const number = typeof value === 'string' && isNumeric(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

// Text is how callers hand over decimals they want kept exactly, so text that a double would round is
// refused.
function readDecimal(value: unknown): number | bigint | undefined {
  if (typeof value === 'bigint') return withinRange(value) ?? sameDouble(value);
  const number = readDouble(value);
  if (number === undefined || typeof value !== 'string') return number;
  if (/^[+-]?\d{1,40}$/.test(value)) return readDecimal(BigInt(value.replace('+', '')));
  return digitsOf(value) === digitsOf(String(number)) || digitsOf(value).length <= 15 ? number : undefined;
}

// JSON writes doubles below 1e21 as digits: a double that would be written just so was meant as one.
function sameDouble(value: bigint): number | undefined {
  const number = Number(value);
  return JSON.stringify(number) === value.toString() ? number : undefined;
}

function isNumeric(value: string): boolean {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value);
}

function digitsOf(value: string): string {
  return value.replace(/e.*$/i, '').replace(/[^\d]/g, '').replace(/^0+/, '').replace(/0+$/, '');
}

function readBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (value === 1 || value === 0) return value === 1;
  return typeof value === 'string' ? readTruth(value) : undefined;
}

// A lone surrogate has no UTF-8 form: the database would store another text than was sent.
function readText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

// A string is the JSON string that it is, never parsed: what a caller sends is what it gets back.
function readJsonValue(value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'bigint' && readDecimal(value) === undefined))
    return undefined;
  return writeJson(value);
}

function readBinary(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return undefined;
  const digits = value.replace(/=+$/, '');
  const isPadded = digits.length !== value.length;
  if (digits.length % 4 === 1 || (isPadded && value.length % 4 !== 0)) return undefined;
  return Buffer.from(value, 'base64');
}

function readUuid(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value) ? value : undefined;
}
