// Values on the wire of PostgreSQL, which are text in both directions. Invariant: nothing is lost; what has
// no exact JavaScript value stays the text that the server sent.
import type { Bindable } from './connection.ts';

/** Makes a value of the text that the server sent. */
export type Reader = (text: string) => unknown;

// Object ids of built-in types are the same on every server.
const oid = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, oid: 26, float4: 700, float8: 701 } as const;

const readers: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [oid.bool, (text) => text === 't'],
  [oid.bytea, readBytes],
  [oid.int8, readInteger],
  [oid.int2, Number],
  [oid.int4, Number],
  [oid.oid, Number],
  [oid.float4, readDouble],
  [oid.float8, readDouble],
]);

/** How values of a type are read: integers, floats, booleans and bytes as such, all others as text. */
export function readerOf(typeId: number): Reader {
  return readers.get(typeId) ?? readText;
}

/** A value as the wire takes it. */
export function written(value: Bindable): string | Buffer | null {
  if (typeof value === 'string' || value === null) return value;
  if (typeof value === 'object') return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return String(value);
}

function readText(text: string): string {
  return text;
}

function readInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

// JSON has no NaN and no infinity.
function readDouble(text: string): number | string {
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
