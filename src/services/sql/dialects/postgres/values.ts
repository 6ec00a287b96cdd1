// What PostgreSQL is given for a checked value and what its values mean in JSON. Both directions are text.
// Invariant: a value is stored as it means or refused by the field's name; what is answered is taken again.
import { Body, exactNumber, writeJson } from '../../../../core/body.ts';
import { type ErrorCode, PlatformError } from '../../../../core/errors.ts';
import type { Literal } from '../../../../core/query.ts';
import type { Bindable } from '../../../../database/connection.ts';
import { type JsonKind, JsonShape } from '../../../../database/postgres-json.ts';
import type { Field } from '../../schema.ts';
import { coerceLiteral, coerceValue, readExactDecimal } from '../../values/values.ts';
import { type Nested, readArray, writeArray } from './array-text.ts';
import { rangeOf, type ValueType } from './column-type.ts';
import { readMoment, writeMoment } from './moments.ts';

/** The types of columns by their declaration, as introspection found them. */
export type KnownTypes = ReadonlyMap<string, ValueType>;

/** What an engine's dialect reads and writes values by. */
export class PostgresValues {
  readonly #types: KnownTypes;
  readonly #shapes = new WeakMap<readonly Field[], JsonShape>();

  constructor(types: KnownTypes) {
    this.#types = types;
  }

  encode(field: Field, value: unknown): Bindable {
    if (value === null) return null;
    const type = this.#types.get(field.dbType);
    const place = { field, kind: 'request.invalid_record' } as const;
    if (type === undefined) return plain(coerceValue(field, value));
    return encoded(type, type.element === null ? value : listOf(value), place);
  }

  encodeLiteral(field: Field, value: Literal): Bindable {
    if (value === null) return null;
    const type = this.#types.get(field.dbType);
    if (type === undefined || type.name === 'bytea') return plain(coerceLiteral(field, value));
    const place = { field, kind: 'request.invalid_filter' } as const;
    if (incomparable.has(type.name)) {
      throw refused(place, 'has a type that can not be compared in a filter. It can be searched with like.');
    }
    if (type.element !== null) return encoded(type, listOf(value), place);
    return encoded(type, value, place);
  }

  /** How the fields of records become JSON without values in between. */
  jsonShape(fields: readonly Field[]): JsonShape {
    const known = this.#shapes.get(fields);
    if (known !== undefined) return known;
    const shape = new JsonShape(
      fields.map((field) => ({
        name: field.name,
        kind: jsonKind(field),
        json: (value) => writeJson(this.decode(field, value)),
      })),
    );
    this.#shapes.set(fields, shape);
    return shape;
  }

  decode(field: Field, value: unknown): unknown {
    if (typeof value !== 'string') return value instanceof Uint8Array ? base64(value) : (value ?? null);
    switch (field.type) {
      case 'text':
      case 'uuid':
      case 'date':
      case 'time':
      case 'timestamp':
      case 'double':
      case 'float':
        return value;
      case 'string':
        return field.fixedLength ? withoutPadding(value) : value;
      case 'array': {
        const element = this.#types.get(field.dbType)?.element ?? null;
        return element === null ? value : decodedList(element, value);
      }
      default:
        return decoded(this.#types.get(field.dbType), field.type, value);
    }
  }
}

function jsonKind({ type, fixedLength }: Field): JsonKind {
  switch (type) {
    case 'id':
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'reference':
      return 'integer';
    case 'decimal':
    case 'boolean':
      return type;
    case 'double':
    case 'float':
      return 'double';
    case 'timestamptz':
      return 'moment';
    case 'string':
      return fixedLength ? 'padded' : 'text';
    case 'text':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timetz':
    case 'timestamp':
      return 'text';
    default:
      return 'other';
  }
}

/** A field whose value is read, and how a refusal is called. */
interface Place {
  readonly field: Field;
  readonly kind: ErrorCode;
}

// Types without an operator =.
const incomparable: ReadonlySet<string> = new Set(['json', 'xml', 'point', 'polygon', 'line', 'path']);

function encoded(type: ValueType, value: unknown, place: Place): Bindable {
  if (type.element !== null) return encodedList(type.element, value, place);
  if (type.labels !== null) return label(type.labels, value, place);
  switch (type.name) {
    case 'numeric':
    case 'money':
      return decimal(type, value, place);
    case 'float4':
    case 'float8':
      return double(type, value, place);
    case 'date':
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return readMoment(type.name, value) ?? otherwise(type, value, place);
    case 'json':
    case 'jsonb':
      return json(type, value, place);
    case 'bit':
    case 'varbit':
      return bits(type, value, place);
    default:
      return otherwise(type, value, place);
  }
}

// What all engines take alike, with the refusals that they have in common.
function otherwise(type: ValueType, value: unknown, { field, kind }: Place): Bindable {
  const isFilter = kind === 'request.invalid_filter' && type.type !== 'binary';
  const element = { ...field, type: type.type, range: rangeOf(type) };
  const bound = plain(isFilter ? coerceLiteral(element, value as Literal) : coerceValue(element, value));
  if (typeof bound === 'string' && bound.includes('\0')) {
    throw refused({ field, kind }, 'must not hold the character U+0000.');
  }
  return bound;
}

function plain(value: ReturnType<typeof coerceValue>): Bindable {
  return typeof value === 'boolean' ? String(value) : value;
}

function label(labels: readonly string[], value: unknown, place: Place): string {
  if (typeof value === 'string' && labels.includes(value)) return value;
  const known = labels.map((each) => `'${each}'`).join(', ');
  throw refused(place, `must be one of ${known}.`);
}

function decimal(type: ValueType, value: unknown, place: Place): Bindable {
  const isWord = typeof value === 'string' && /^(?:NaN|-?Infinity)$/.test(value);
  if (isWord && type.name === 'numeric' && (value === 'NaN' || type.precision === null)) return value;
  const digits = readExactDecimal(value);
  if (digits === undefined)
    throw refused(place, 'must be a valid number, as a JSON number or its digits as text.');
  const isFilter = place.kind === 'request.invalid_filter';
  const [precision, scale] = type.name === 'money' ? [18, 2] : [type.precision, type.scale ?? 0];
  if (
    precision === null ? sizeOf(digits) > 131_072 : !isFilter && sizeOf(digits, scale) > precision - scale
  ) {
    const most = precision === null ? 131_072 : precision - scale;
    throw refused(place, `must be a number of at most ${most} digits before the point.`);
  }
  return digits;
}

// Digits before the point, after rounding to a scale: 99.999 has three with a scale of 2.
function sizeOf(digits: string, scale?: number): number {
  const [, whole = '', fraction = '', exponent = '0'] =
    /^[+-]?(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(digits) ?? [];
  const all = `${whole}${fraction}`;
  const leading = all.length - all.replace(/^0+/, '').length;
  const power = whole.length + Number(exponent) - leading;
  const significant = all.slice(leading);
  if (scale === undefined || significant === '') return significant === '' ? 0 : power;
  const kept = power + scale;
  const isUp =
    kept >= 0 &&
    /^9*$/.test(significant.slice(0, kept).padEnd(kept, '0')) &&
    /^[5-9]/.test(significant.slice(kept));
  return isUp ? power + 1 : power;
}

function double(type: ValueType, value: unknown, place: Place): Bindable {
  if (typeof value === 'string' && /^(?:NaN|-?Infinity)$/.test(value)) return value;
  const number = otherwise(type, value, place);
  if (type.name === 'float8' || typeof number !== 'number') return number;
  const single = Math.fround(number);
  if (Number.isFinite(single)) return single;
  if (place.kind === 'request.invalid_filter') return number;
  throw refused(place, 'must be a number of at most 3.4e38.');
}

// jsonb keeps no U+0000, and half a surrogate pair is no character.
function json(type: ValueType, value: unknown, place: Place): Bindable {
  const text = otherwise(type, value, place);
  const code = type.name === 'jsonb' ? '(?:0000|d[89a-f]..)' : '(?:d[89a-f]..)';
  const pattern = new RegExp(`(?<!\\\\)(?:\\\\\\\\)*\\\\u${code}`, 'i');
  if (typeof text !== 'string' || !pattern.test(text)) return text;
  throw refused(place, 'must be a JSON value without the character U+0000 and without half characters.');
}

function bits({ name, length }: ValueType, value: unknown, place: Place): string {
  const isRight = (text: string) =>
    length === null || place.kind === 'request.invalid_filter'
      ? true
      : name === 'bit'
        ? text.length === length
        : text.length <= length;
  if (typeof value === 'string' && /^[01]*$/.test(value) && isRight(value)) return value;
  const size = length === null ? '' : name === 'bit' ? `${length} ` : `at most ${length} `;
  throw refused(place, `must be text of ${size}digits 0 and 1.`);
}

// Filters, query strings and CSV have texts only: of a JSON list, or as PostgreSQL writes an array.
function listOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return value.startsWith('{') ? readArray(value, ',') : Body.ofText(value).exactValue;
  } catch {
    return value;
  }
}

function encodedList(type: ValueType, value: unknown, place: Place): string {
  if (!Array.isArray(value)) throw refused(place, 'must be a list.');
  const list = elements(type, value, place);
  const text = writeArray(list, delimiterOf(type));
  if (text !== undefined) return text;
  throw refused(place, 'must be a list; lists in it must be of the same length and not empty.');
}

function elements(type: ValueType, list: readonly unknown[], place: Place): Nested<string> {
  return list.map((element) => {
    if (element === null) return null;
    if (Array.isArray(element) && type.type !== 'json') return elements(type, element, place);
    const bound = encoded(type, element, place);
    if (type.length !== null && typeof bound === 'string' && [...bound].length > type.length) {
      throw refused(place, `can not have an element of more than ${type.length} characters.`);
    }
    return bound instanceof Uint8Array ? `\\x${Buffer.from(bound).toString('hex')}` : String(bound);
  });
}

function decodedList(type: ValueType, text: string): unknown {
  const read = (list: Nested<string>): unknown[] =>
    list.map((element) => {
      if (element === null) return null;
      return typeof element === 'string' ? decodedElement(type, element) : read(element);
    });
  return read(readArray(text, delimiterOf(type)));
}

// Elements come as text of every type, because the driver does not look into arrays.
function decodedElement(type: ValueType, text: string): unknown {
  switch (type.name) {
    case 'bool':
      return text === 't';
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
      return wholeNumber(text);
    case 'float4':
    case 'float8':
      return finite(text);
    case 'bytea':
      return Buffer.from(text.slice(2), 'hex').toString('base64');
    case 'bpchar':
      return withoutPadding(text);
    default:
      return decoded(type, type.type, text);
  }
}

function decoded(type: ValueType | undefined, name: Field['type'], text: string): unknown {
  switch (type?.name ?? name) {
    case 'numeric':
    case 'decimal':
      return decimalOf(text);
    case 'money':
      return decimalOf(text.replace(/[^\d.-]/g, ''));
    case 'json':
    case 'jsonb':
      return Body.ofText(text).exactValue;
    case 'timestamptz':
      return writeMoment(text);
    default:
      return text;
  }
}

function decimalOf(text: string): unknown {
  if (/^-?\d+$/.test(text)) return wholeNumber(text);
  return /^-?\d/.test(text) ? exactNumber(text) : text;
}

function wholeNumber(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

function finite(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

// Blanks at the end of a char(n) mean nothing.
function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === ' ') end--;
  return text.slice(0, end);
}

function delimiterOf({ name }: ValueType): string {
  return name === 'box' ? ';' : ',';
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function refused({ field, kind }: Place, expected: string): PlatformError {
  return new PlatformError(kind, `Field '${field.name}' ${expected}`);
}
