// Values on their way to and from the driver of MySQL and MariaDB.
// Invariant: no digit is lost: integers go as integers, and come as bigint where a number would round them.
import type { FieldPacket } from 'mysql2';
import type { Bindable, Row } from './connection.ts';

/** Makers of parameters of a stated type, as the driver has them. */
export interface TypedParameters {
  readonly LONGLONG: {
    (value: number | bigint): unknown;
    unsigned(value: bigint): unknown;
  };
  readonly NEWDECIMAL: (value: string) => unknown;
}

const signedMax = 2n ** 63n - 1n;
const unsignedMax = 2n ** 64n - 1n;

/** What the driver is given for a value. Without a stated type it sends every number as a double. */
export function binder(types: TypedParameters): (value: Bindable) => unknown {
  return (value) => {
    if (typeof value === 'string' || value === null) return value;
    if (typeof value === 'number') return Number.isSafeInteger(value) ? types.LONGLONG(value) : value;
    if (typeof value === 'bigint') {
      if (value > unsignedMax || value < -signedMax - 1n) return types.NEWDECIMAL(value.toString());
      return value > signedMax ? types.LONGLONG.unsigned(value) : types.LONGLONG(value);
    }
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  };
}

const longlong = 8;

/** Rows with bigint where the driver gives text for an integer beyond 2^53; the same rows, changed. */
export function exactRows(rows: Row[], fields: readonly FieldPacket[]): Row[] {
  for (const { name, columnType } of fields as readonly { name: string; columnType?: number }[]) {
    if (columnType !== longlong) continue;
    for (const row of rows) {
      const value = row[name];
      if (typeof value === 'string') row[name] = BigInt(value);
    }
  }
  return rows;
}
