// What SQLite keeps of a checked value and what its stored value means in JSON. It has no booleans and no
// dates: booleans are 0 and 1, dates are text. Invariant: decode(encode(x)) is x in its canonical form;
// decode never throws.
import { Body } from '../../../../core/body.ts';
import type { Bindable } from '../../../../database/connection.ts';
import type { Field } from '../../schema.ts';
import { coerceValue, readTruth } from '../../values/values.ts';

/**
 * What is bound for a JSON value of a field; null for null. Throws `request.invalid_record` naming the
 * field.
 */
export function encode(field: Field, value: unknown): Bindable {
  if (field.dbType === '' && (typeof value === 'number' || typeof value === 'bigint')) return untyped(value);
  const coerced = coerceValue(field, value);
  return typeof coerced === 'boolean' ? Number(coerced) : coerced;
}

/**
 * The JSON value of what SQLite stored. Columns may hold values of other types than they declare: what
 * does not fit the field's type is answered as it is, bytes always as base64.
 */
export function decode(field: Field, stored: unknown): unknown {
  if (stored === null || stored === undefined) return null;
  if (stored instanceof Uint8Array) return base64(stored);
  switch (field.type) {
    case 'boolean':
      return typeof stored === 'string' ? (readTruth(stored) ?? stored) : Number(stored) !== 0;
    case 'json':
      return typeof stored === 'string' ? parsed(stored) : stored;
    case 'decimal':
    case 'double':
    case 'float':
      return typeof stored === 'string' ? numberOf(stored) : stored;
    case 'binary':
      return typeof stored === 'string' ? base64(Buffer.from(stored)) : stored;
    case 'string':
    case 'text':
      return String(stored);
    default:
      return stored;
  }
}

// A column without a type keeps what it is given, and a number is given as a double unless it is a bigint.
function untyped(value: number | bigint): Bindable {
  const isInteger =
    typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value);
  return isInteger ? BigInt(value) : Number(value);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function numberOf(stored: string): number | string {
  const number = stored.trim() === '' ? Number.NaN : Number(stored);
  return Number.isFinite(number) ? number : stored;
}

// Through Body, so that integers beyond 2^53 inside the document keep their digits. It was not written by us
// perhaps: text that is no JSON is answered as text.
function parsed(stored: string): unknown {
  try {
    return Body.ofText(stored).exactValue;
  } catch {
    return stored;
  }
}
