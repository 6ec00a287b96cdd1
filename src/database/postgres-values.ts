// Values on the wire of PostgreSQL, which are text in both directions. Invariant: nothing is lost; what has
// no exact JavaScript value stays the text that the server sent.
import type { Bindable } from './connection.ts';

/** Makes a value of the bytes of a text that the server sent. */
export type Reader = (bytes: Buffer, from: number, to: number) => unknown;

// Object ids of built-in types are the same on every server.
const oid = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, oid: 26, float4: 700, float8: 701 } as const;

const readers: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [oid.bool, (bytes, from) => bytes[from] === letterT],
  [oid.bytea, (bytes, from, to) => readBytes(textOf(bytes, from, to))],
  [oid.int8, readInteger],
  [oid.int2, readInteger],
  [oid.int4, readInteger],
  [oid.oid, readInteger],
  [oid.float4, readDouble],
  [oid.float8, readDouble],
]);

const letterT = 't'.charCodeAt(0);
const minus = '-'.charCodeAt(0);
const zero = '0'.charCodeAt(0);
// So many digits and a sign are always below 2^53.
const safeBytes = 15;

/** How values of a type are read: integers, floats, booleans and bytes as such, all others as text. */
export function readerOf(typeId: number): Reader {
  return readers.get(typeId) ?? textOf;
}

/** A value as the wire takes it. */
export function written(value: Bindable): string | Buffer | null {
  if (typeof value === 'string' || value === null) return value;
  if (typeof value === 'object') return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return String(value);
}

/** The text itself. */
export function textOf(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('utf8', from, to);
}

function readInteger(bytes: Buffer, from: number, to: number): number | bigint {
  if (to - from > safeBytes) return large(textOf(bytes, from, to));
  const isNegative = bytes[from] === minus;
  let number = 0;
  for (let at = isNegative ? from + 1 : from; at < to; at++) number = number * 10 + (bytes[at] ?? 0) - zero;
  return isNegative ? -number : number;
}

function large(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

// JSON has no NaN and no infinity.
function readDouble(bytes: Buffer, from: number, to: number): number | string {
  const text = textOf(bytes, from, to);
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

// The older form has bytes outside ASCII as \nnn and a backslash twice.
function readBytes(text: string): Uint8Array {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex');
  const plain = text.replace(/\\(\\|[0-7]{3})/g, (_whole, code: string) =>
    code === '\\' ? code : String.fromCharCode(Number.parseInt(code, 8)),
  );
  return Buffer.from(plain, 'latin1');
}
