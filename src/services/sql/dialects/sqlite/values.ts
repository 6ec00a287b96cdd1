// What SQLite keeps of a checked value and what its stored value means in JSON. It has no booleans and no dates:
// booleans are 0 and 1, dates are text. Invariant: decode(encode(x)) is x in its canonical form; decode never throws.
import { Body } from '../../../../core/body.ts';
import type { Literal } from '../../../../core/query.ts';
import type { Bindable } from '../../../../database/connection.ts';
import type { Field } from '../../schema.ts';
import { type Coerced, coerceLiteral, coerceValue, readTruth } from '../../values.ts';

/** What is bound for a JSON value of a field; null for null. Throws `request.invalid_record` naming the field. */
export function encode(field: Field, value: unknown): Bindable {
  return bindable(coerceValue(field, value));
}

/** What is bound for a value that a filter compares with. Throws `request.invalid_filter` naming the field. */
export function encodeLiteral(field: Field, value: Literal): Bindable {
  return bindable(coerceLiteral(field, value));
}

/**
 * The JSON value of what SQLite stored. Columns may hold values of other types than they declare: what does not
 * fit the field's type is answered as it is, bytes always as base64.
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

function bindable(coerced: Coerced): Bindable {
  return typeof coerced === 'boolean' ? Number(coerced) : coerced;
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
