// What MySQL and MariaDB keep of a checked value, and what their stored values mean in JSON.
// Invariant: decode(encode(x)) is x in its canonical form; what a column can not keep as it is meant is
// refused by the field's name, unless the server does so itself.
import { Body, exactNumber, writeJson } from '../../../../core/body.ts';
import { type ErrorCode, PlatformError } from '../../../../core/errors.ts';
import type { Literal } from '../../../../core/query.ts';
import type { Bindable } from '../../../../database/connection.ts';
import { type JsonKind, JsonShape } from '../../../../database/mysql-json.ts';
import type { Field } from '../../schema.ts';
import { coerceLiteral, coerceValue, readExactDecimal } from '../../values/values.ts';
import { isGeometry, readShape } from './geometry.ts';
import { cutFraction, readSpan, withoutZeros } from './moments.ts';

/** What is bound for a JSON value of a field. Throws `request.invalid_record` naming the field. */
export function encode(field: Field, value: unknown): Bindable {
  if (value === null) return null;
  const own = readOwn(field, value, precisionOf(field));
  if (own !== undefined) {
    if (own.value === undefined) throw refused('request.invalid_record', field, own.expected);
    return own.value;
  }
  const coerced = coerceValue(field, value);
  if (typeof coerced === 'boolean') return Number(coerced);
  if (typeof coerced === 'string' && isMoment(field)) return cutFraction(coerced, precisionOf(field));
  return coerced;
}

/**
 * What is bound for a value that a filter compares with. Throws `request.invalid_filter` naming the field.
 */
export function encodeLiteral(field: Field, value: Literal): Bindable {
  if (value === null) return null;
  // Texts of enumerations are compared as texts: what is none of them is equal to none.
  const own = field.picklist === null ? readOwn(field, value, 6) : undefined;
  if (own !== undefined) {
    if (own.value === undefined) throw refused('request.invalid_filter', field, own.expected);
    return own.value;
  }
  const literal = coerceLiteral(field, value);
  if (typeof literal === 'boolean') return Number(literal);
  // A FLOAT holds the nearest number of 24 bits, which the double of the same digits is not equal to.
  return field.type === 'float' && typeof literal === 'number' ? nearestFloat(literal) : literal;
}

/** The JSON value of what the driver read. */
export function decode(field: Field, stored: unknown): unknown {
  if (stored === null || stored === undefined) return null;
  switch (field.type) {
    case 'boolean':
      return stored instanceof Uint8Array ? stored[0] !== 0 : Number(stored) !== 0;
    case 'integer':
    case 'bigint':
      return stored instanceof Uint8Array ? bitsOf(stored) : stored;
    case 'decimal':
      return typeof stored === 'string' ? numberOf(stored) : stored;
    case 'float':
      return typeof stored === 'number' ? shortest(stored) : stored;
    case 'json':
      return typeof stored === 'string' ? parsed(stored) : stored;
    case 'time':
    case 'datetime':
    case 'timestamp':
      return typeof stored === 'string' ? withoutZeros(stored) : stored;
    default:
      return stored instanceof Uint8Array ? base64(stored) : stored;
  }
}

/** How records of fields are written as JSON straight from the protocol. */
export function jsonShape(fields: readonly Field[]): JsonShape {
  return new JsonShape(
    fields.map((field) => ({
      name: field.name,
      kind: jsonKind(field),
      json: (stored) => writeJson(decode(field, stored)),
    })),
  );
}

function jsonKind(field: Field): JsonKind {
  switch (field.type) {
    case 'boolean':
      return field.dbType.startsWith('tinyint') ? 'boolean' : 'other';
    case 'id':
    case 'reference':
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'decimal':
      return 'number';
    case 'date':
    case 'time':
    case 'datetime':
    case 'timestamp':
      return 'moment';
    case 'string':
    case 'text':
    case 'uuid':
      return 'text';
    default:
      return 'other';
  }
}

/** What a value of a type that other engines have not is; undefined value: it is none. */
interface Own {
  readonly value: Bindable | undefined;
  readonly expected: string;
}

function readOwn(field: Field, value: unknown, precision: number): Own | undefined {
  if (field.picklist !== null) return readMember(field, field.picklist, value);
  if (field.range !== null && field.range.max > int64Max) return readUnsigned(field.range.max, value);
  if (field.dbType.startsWith('year')) return readYear(value);
  if (isGeometry(field)) {
    return { value: readShape(value), expected: 'must be a shape as well-known text, such as POINT(1 2).' };
  }
  switch (field.type) {
    case 'decimal':
      return { value: readExactDecimal(value), expected: 'must be a valid number.' };
    case 'time':
      return {
        value: readSpan(value, precision),
        expected: 'must be a valid time from -838:59:59 to 838:59:59: HH:MM:SS.',
      };
    default:
      return undefined;
  }
}

const int64Max = 2n ** 63n - 1n;

// The server would take a number, as text too, for the place of a member in its list.
function readMember(field: Field, members: readonly string[], value: unknown): Own {
  const text = typeof value === 'string' ? value : undefined;
  const member = (given: string) =>
    members.find((each) => each === given) ??
    members.find((each) => each.toLowerCase() === given.toLowerCase());
  if (field.dbType.startsWith('enum')) {
    return {
      value: text === undefined ? undefined : member(text),
      expected: `must be one of: ${members.join(', ')}.`,
    };
  }
  const parts = text === '' ? [] : text?.split(',').map(member);
  const isKnown = parts !== undefined && !parts.includes(undefined);
  const expected = `must be text of one or more, with commas between them, of: ${members.join(', ')}.`;
  return { value: isKnown ? parts.join() : undefined, expected };
}

function readUnsigned(max: bigint, value: unknown): Own {
  const expected = `must be an integer between 0 and ${max}.`;
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
  const digits = typeof value === 'string' ? /^\+?(-?\d{1,40})(?:\.0+)?$/.exec(value)?.[1] : undefined;
  if (!isWhole && digits === undefined) return { value: undefined, expected };
  const number = BigInt(digits ?? (value as number | bigint));
  if (number < 0n || number > max) return { value: undefined, expected };
  return { value: number <= Number.MAX_SAFE_INTEGER ? Number(number) : number, expected };
}

// The server would make 2024 of 24.
function readYear(value: unknown): Own {
  const year = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : value;
  const isYear =
    typeof year === 'number' && Number.isInteger(year) && (year === 0 || (year >= 1901 && year <= 2155));
  return { value: isYear ? year : undefined, expected: 'must be a year between 1901 and 2155, or 0.' };
}

function isMoment({ type }: Field): boolean {
  return type === 'datetime' || type === 'timestamp';
}

// datetime(6)
function precisionOf({ dbType }: Field): number {
  return Number(/\((\d)\)/.exec(dbType)?.[1] ?? 0);
}

function nearestFloat(value: number): number {
  const nearest = Math.fround(value);
  return Number.isFinite(nearest) ? nearest : value;
}

// The fewest digits that mean this FLOAT.
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

function bitsOf(stored: Uint8Array): number | bigint {
  let value = 0n;
  for (const byte of stored) value = value * 256n + BigInt(byte);
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

// A double keeps any 15 digits.
function numberOf(stored: string): unknown {
  return stored.length <= 15 ? Number(stored) : exactNumber(withoutZeros(stored));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

// Through Body, so that integers beyond 2^53 inside the document keep their digits.
function parsed(stored: string): unknown {
  try {
    return Body.ofText(stored).exactValue;
  } catch {
    return stored;
  }
}

function refused(name: ErrorCode, field: Field, expected: string): PlatformError {
  return new PlatformError(name, `Field '${field.name}' ${expected}`);
}
