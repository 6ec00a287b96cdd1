// Rows of PostgreSQL as JSON text, made of the bytes on the wire without a value in between: what a number or
// a plain text is there, it is in JSON.
// Invariant: the text is what the values would be written as; what these bytes can not simply be goes through
// the value.

import type { Columns, RowSink } from './postgres-query.ts';
import { type Reader, textOf } from './postgres-values.ts';

/** How the bytes of a column become JSON; `other` always goes through the value. */
export type JsonKind = 'text' | 'padded' | 'integer' | 'decimal' | 'double' | 'boolean' | 'moment' | 'other';

/** A column of records in JSON. */
export interface JsonColumn {
  readonly name: string;
  readonly kind: JsonKind;
  /** The JSON of a value that is not null. */
  json(value: unknown): string;
}

/** The columns of records, with the bytes that stand before their values. */
export class JsonShape {
  readonly columns: readonly JsonColumn[];
  readonly names: readonly Buffer[];

  constructor(columns: readonly JsonColumn[]) {
    this.columns = columns;
    this.names = columns.map(({ name }, index) => {
      const start = index === 0 ? '{' : ',';
      return Buffer.from(`${start}${JSON.stringify(name)}:`);
    });
  }
}

/** Records as a JSON list. */
export interface JsonRecords {
  readonly text: string;
  readonly count: number;
}

const byte = (sign: string) => sign.charCodeAt(0);
const [quote, backslash, blank, comma, point] = [byte('"'), byte('\\'), byte(' '), byte(','), byte('.')];
const [zero, minus, letterT, plus] = [byte('0'), byte('-'), byte('t'), byte('+')];
const [open, close, brace] = [byte('['), byte(']'), byte('}')];
const [nothing, yes, no] = [Buffer.from('null'), Buffer.from('true'), Buffer.from('false')];
// A double may round what is longer.
const safeDigits = 15;
// `2026-01-31 09:30:00+00` and with a fraction.
const momentBytes = { date: 10, least: 22, most: 29 } as const;

/** Writes one list. */
export class JsonText implements RowSink {
  readonly #columns: readonly JsonColumn[];
  readonly #names: readonly Buffer[];
  #kinds: readonly JsonKind[] = [];
  // The row that is added.
  #source: Buffer = nothing;
  #out: Buffer;
  #end = 0;
  #count = 0;

  /** `room` is written to, and belongs to this list until its end. */
  constructor({ columns, names }: JsonShape, room: Buffer) {
    this.#out = room;
    this.#columns = columns;
    this.#names = names;
    this.#byte(open);
  }

  /** Adds a row, from its number of fields on. */
  row(bytes: Buffer, from: number, { readers, typeIds }: Columns): void {
    if (this.#count++ > 0) this.#byte(comma);
    else this.#kinds = this.#columns.map(({ kind }, index) => kindOf(kind, readers[index], typeIds[index]));
    if (this.#columns.length === 0) this.#bytes(Buffer.from('{'));
    this.#source = bytes;
    let at = from + 2;
    for (let index = 0; index < this.#columns.length; index++) {
      const length = bytes.readInt32BE(at);
      at += 4;
      this.#bytes(this.#names[index] as Buffer);
      if (length < 0) {
        this.#bytes(nothing);
        continue;
      }
      const end = at + length;
      if (!this.#plain(this.#kinds[index], at, end)) {
        const value = readers[index]?.(bytes, at, end);
        this.#bytes(Buffer.from((this.#columns[index] as JsonColumn).json(value)));
      }
      at = end;
    }
    this.#byte(brace);
  }

  /** What was written to, which the next list may have. */
  get room(): Buffer {
    return this.#out;
  }

  /** The whole list; nothing can be added after. */
  end(): JsonRecords {
    this.#byte(close);
    return { text: this.#out.toString('utf8', 0, this.#end), count: this.#count };
  }

  // False, and nothing written, when the bytes are not what they are in JSON.
  #plain(kind: JsonKind | undefined, from: number, to: number): boolean {
    const bytes = this.#source;
    this.#room(to - from + 4);
    switch (kind) {
      case 'text':
        return this.#text(from, to);
      case 'padded': {
        let end = to;
        while (end > from && bytes[end - 1] === blank) end--;
        return this.#text(from, end);
      }
      case 'integer':
        this.#copy(bytes, from, to);
        return true;
      case 'decimal':
      case 'double':
        return this.#number(from, to);
      case 'boolean':
        this.#bytes(bytes[from] === letterT ? yes : no);
        return true;
      case 'moment':
        return this.#moment(from, to);
      default:
        return false;
    }
  }

  #text(from: number, to: number): boolean {
    const bytes = this.#source;
    const out = this.#out;
    let end = this.#end;
    out[end++] = quote;
    for (let at = from; at < to; at++) {
      const sign = bytes[at] as number;
      if (sign < blank || sign === quote || sign === backslash) return false;
      out[end++] = sign;
    }
    out[end++] = quote;
    this.#end = end;
    return true;
  }

  // Digits, without zeros at the end of a fraction. What JavaScript writes in another way is left: words,
  // exponents, -0, fractions below a millionth, and long ones.
  #number(from: number, to: number): boolean {
    const bytes = this.#source;
    const first = bytes[from] === minus ? from + 1 : from;
    let fraction = 0;
    for (let at = first; at < to; at++) {
      const sign = bytes[at] as number;
      if (sign === point) fraction = at;
      else if (sign < zero || sign > zero + 9) return false;
    }
    const isWhole = fraction === 0;
    if (!isWhole && to - first > safeDigits) return false;
    if (bytes[first] === zero && (isWhole ? first > from : isTiny(bytes, fraction, to))) return false;
    let end = to;
    if (!isWhole) while (bytes[end - 1] === zero) end--;
    if (!isWhole && end - 1 === fraction) end = fraction;
    this.#copy(bytes, from, end);
    return true;
  }

  #moment(from: number, to: number): boolean {
    const bytes = this.#source;
    const length = to - from;
    const isPlain =
      length >= momentBytes.least &&
      length <= momentBytes.most &&
      bytes[from + momentBytes.date] === blank &&
      bytes[to - 3] === plus &&
      bytes[to - 2] === zero &&
      bytes[to - 1] === zero;
    if (!isPlain) return false;
    this.#byte(quote);
    const start = this.#end;
    this.#copy(bytes, from, to - 3);
    this.#out[start + momentBytes.date] = byte('T');
    this.#byte(byte('Z'));
    this.#byte(quote);
    return true;
  }

  #copy(bytes: Buffer, from: number, to: number): void {
    const out = this.#out;
    let end = this.#end;
    for (let at = from; at < to; at++) out[end++] = bytes[at] as number;
    this.#end = end;
  }

  #bytes(bytes: Buffer): void {
    this.#room(bytes.length);
    if (bytes.length > 64) {
      bytes.copy(this.#out, this.#end);
      this.#end += bytes.length;
    } else this.#copy(bytes, 0, bytes.length);
  }

  #byte(sign: number): void {
    this.#room(1);
    this.#out[this.#end++] = sign;
  }

  #room(more: number): void {
    if (this.#end + more <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#end + more));
    this.#out.copy(larger, 0, 0, this.#end);
    this.#out = larger;
  }
}

// The types whose bytes are what a kind says; an expression may make another type of a column.
const typesOf: Readonly<Record<string, ReadonlySet<number>>> = {
  integer: new Set([20, 21, 23, 26]),
  decimal: new Set([1700]),
  double: new Set([700, 701]),
  boolean: new Set([16]),
  moment: new Set([1184]),
};

function kindOf(kind: JsonKind, reader: Reader | undefined, typeId: number | undefined): JsonKind {
  const types = typesOf[kind];
  const isSo = types === undefined ? reader === textOf : types.has(typeId ?? 0);
  return isSo ? kind : 'other';
}

function isTiny(bytes: Buffer, fraction: number, to: number): boolean {
  for (let at = fraction + 1; at < Math.min(fraction + 7, to); at++) if (bytes[at] !== zero) return false;
  return true;
}
