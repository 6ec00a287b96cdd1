// What SQL Server is given for a checked value and what its values mean in JSON.
// Invariant: a value is stored as it means or refused by the field's name; what is answered is taken again.
import { Body, exactNumber } from '../../../../core/body.ts';
import { type ErrorCode, PlatformError } from '../../../../core/errors.ts';
import type { Literal } from '../../../../core/query.ts';
import type { Bindable } from '../../../../database/connection.ts';
import type { Field } from '../../schema.ts';
import { coerceLiteral, coerceValue, readExactDecimal } from '../../values/values.ts';

/** What is bound for a JSON value of a field. Throws `request.invalid_record` naming the field. */
export function encode(field: Field, value: unknown): Bindable {
  if (value === null) return null;
  if (isDecimal(field)) return decimal(field, value, 'request.invalid_record');
  const moment = momentOf(field, coerceValue(field, value));
  if (field.dbType === 'real' && typeof moment === 'number' && !Number.isFinite(Math.fround(moment))) {
    throw refused(field, 'request.invalid_record', 'must be a number that single precision can hold.');
  }
  return moment;
}

/**
 * What is bound for a value that a filter compares with. Throws `request.invalid_filter` naming the field.
 */
export function encodeLiteral(field: Field, value: Literal): Bindable {
  if (value === null) return null;
  if (/^(?:xml|text|ntext|image|geography|geometry|hierarchyid)\b/.test(field.dbType)) {
    throw refused(field, 'request.invalid_filter', 'has a type that can not be compared in a filter.');
  }
  if (isDecimal(field)) return decimal(field, value, 'request.invalid_filter');
  const literal = coerceLiteral(field, value);
  return momentOf(field, literal);
}

/** The JSON value of what the driver read. */
export function decode(field: Field, stored: unknown): unknown {
  if (stored === null || stored === undefined) return null;
  if (stored instanceof Uint8Array) return Buffer.from(stored).toString('base64');
  switch (field.type) {
    case 'boolean':
      return stored === true || stored === 1;
    case 'decimal':
    case 'money':
      return exactNumber(String(stored));
    case 'id':
    case 'bigint':
    case 'reference':
      return wholeNumber(stored);
    case 'float':
      return typeof stored === 'number' ? Number(stored.toPrecision(7)) : stored;
    case 'time':
    case 'datetime':
      return withoutZeros(String(stored));
    case 'datetimetz':
      return withoutZeros(
        String(stored)
          .replace(/ ?\+00:00$/, '')
          .replace(' ', 'T'),
      ).concat('Z');
    case 'uuid':
      return String(stored).toLowerCase();
    case 'json':
      return typeof stored === 'string' ? parsed(stored) : stored;
    case 'string':
      return field.fixedLength ? String(stored).replace(/ +$/, '') : stored;
    default:
      return typeof stored === 'bigint' ? wholeNumber(stored) : stored;
  }
}

function isDecimal({ type }: Field): boolean {
  return type === 'decimal' || type === 'money';
}

function decimal(field: Field, value: unknown, kind: ErrorCode): string {
  const digits = readExactDecimal(value);
  if (digits === undefined) throw refused(field, kind, 'must be a valid number.');
  if (kind === 'request.invalid_filter') return digits;
  const { precision, scale } = field;
  if (precision === null || scale === null) return digits;
  const [, whole = '', fraction = '', exponent = '0'] =
    /^[+-]?0*(\d*)\.?(\d*?)0*(?:e([+-]?\d+))?$/i.exec(digits) ?? [];
  const shift = Number(exponent);
  if (whole.length + shift <= precision - scale && fraction.length - shift <= scale) return digits;
  throw refused(
    field,
    kind,
    `must be a number of at most ${precision - scale} digits before the point and ${scale} behind it.`,
  );
}

// Texts of moments are read the same whatever language the session has only in these forms.
function momentOf(field: Field, value: ReturnType<typeof coerceValue>): Bindable {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') return value;
  if (field.type === 'datetime') return datetime(field, value.replace(' ', 'T'));
  return field.type === 'datetimetz' ? `${value.replace(' ', 'T')}Z` : value;
}

// datetime and smalldatetime take no more digits of a second than they keep.
function datetime({ dbType }: Field, value: string): string {
  if (dbType === 'smalldatetime') return value.replace(/\.\d+$/, '');
  return dbType === 'datetime' ? value.replace(/(\.\d{3})\d+$/, '$1') : value;
}

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function wholeNumber(stored: unknown): unknown {
  const number = Number(stored);
  return Number.isSafeInteger(number) ? number : BigInt(String(stored));
}

function parsed(stored: string): unknown {
  try {
    return Body.ofText(stored).exactValue;
  } catch {
    return stored;
  }
}

function refused({ name }: Field, kind: ErrorCode, rule: string): PlatformError {
  return new PlatformError(kind, `Field '${name}' ${rule}`);
}
