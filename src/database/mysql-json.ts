// Rows of MySQL and MariaDB as JSON text, made of the bytes of the protocol without a value in between.
// Invariant: the text is what the values would be written as; what these bytes can not simply be goes through
// the value.
import type { FieldPacket } from 'mysql2';

/** How a column becomes JSON: as the text, number or moment that it is, as a boolean, or by its value. */
export type JsonKind = 'text' | 'number' | 'moment' | 'boolean' | 'other';

/** A column of records in JSON. */
export interface JsonColumn {
  readonly name: string;
  readonly kind: JsonKind;
  /** The JSON of a value that is not null. */
  json(value: unknown): string;
}

/** The columns of a list of records; made once per shape. */
export class JsonShape {
  readonly columns: readonly JsonColumn[];
  /** `{"a":`, `,"b":` … */
  readonly names: readonly Buffer[];

  constructor(columns: readonly JsonColumn[]) {
    this.columns = columns;
    this.names = columns.map(({ name }, index) =>
      Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    );
  }
}

/** Records as a JSON list. */
export interface JsonRecords {
  readonly text: string;
  readonly count: number;
}

/** A row as the driver has it: the bytes of its packet. */
export interface RowPacket {
  readonly buffer: Buffer;
  /** Where the row begins. */
  readonly offset: number;
}

/** What is told of a column beside the typings of the driver. */
interface Column {
  readonly columnType?: number;
  readonly characterSet?: number;
  readonly flags: number | string[];
}

// The protocol's numbers.
const type = {
  ...{ decimal: 0, tiny: 1, short: 2, long: 3, float: 4, double: 5, timestamp: 7, longlong: 8, int24: 9 },
  ...{ date: 10, time: 11, datetime: 12, year: 13, json: 245, newDecimal: 246 },
} as const;
const unsigned = 32;
const binary = 63;
// One byte, then those of the nulls, of which the first two bits stand for none.
const nullBits = 2;

const byte = (sign: string) => sign.charCodeAt(0);
const [quote, backslash, blank, comma, point] = [byte('"'), byte('\\'), byte(' '), byte(','), byte('.')];
const [zero, minus, colon] = [byte('0'), byte('-'), byte(':')];
const [open, close, brace] = [byte('['), byte(']'), byte('}')];
const [nothing, yes, no] = [Buffer.from('null'), Buffer.from('true'), Buffer.from('false')];
const firstSize = 8_192;
const mostKept = 262_144;
const safeDigits = 15;
/** More than anything but text and bytes takes: a moment with six digits of a second. */
const shortBytes = 64;

/** A buffer that lists are written into, one after the other: to make one costs as much as to fill it. */
export class Scratch {
  #spare: Buffer | undefined;

  /** A buffer for the caller alone. */
  take(): Buffer {
    const taken = this.#spare ?? Buffer.allocUnsafeSlow(firstSize);
    this.#spare = undefined;
    return taken;
  }

  /** Keeps a buffer for the next one, unless it has become large. */
  giveBack(buffer: Buffer): void {
    if (buffer.length <= mostKept) this.#spare = buffer;
  }
}

/** Writes one list. */
export class JsonText {
  readonly #shape: JsonShape;
  #fields: readonly Column[] = [];
  readonly #scratch: Scratch;
  #out: Buffer;
  #end = 0;
  #count = 0;
  #bytes: Buffer;
  #at = 0;

  constructor(shape: JsonShape, scratch: Scratch) {
    this.#shape = shape;
    this.#scratch = scratch;
    this.#out = scratch.take();
    this.#bytes = this.#out;
    this.#put(open);
  }

  /** How many rows there were. */
  get count(): number {
    return this.#count;
  }

  /** What the server says of the columns, before the first row. */
  begin(fields: readonly FieldPacket[]): void {
    this.#fields = fields as unknown as readonly Column[];
  }

  /** Adds a row; called by the driver, which keeps what it answers. */
  next({ buffer, offset }: RowPacket): undefined {
    const { columns, names } = this.#shape;
    const nulls = offset + 1;
    this.#bytes = buffer;
    this.#at = nulls + ((columns.length + 7 + nullBits) >> 3);
    if (this.#count++ > 0) this.#put(comma);
    for (let index = 0; index < columns.length; index++) {
      this.#copy(names[index] as Buffer);
      const bit = index + nullBits;
      if (((buffer[nulls + (bit >> 3)] as number) >> (bit & 7)) & 1) this.#copy(nothing);
      else this.#value(columns[index] as JsonColumn, this.#fields[index] as Column);
    }
    this.#put(brace);
  }

  /** The whole list; nothing can be added after. */
  end(): JsonRecords {
    this.#put(close);
    const text = this.#out.toString('utf8', 0, this.#end);
    this.#scratch.giveBack(this.#out);
    return { text, count: this.#count };
  }

  #value(column: JsonColumn, field: Column): void {
    this.#room(shortBytes);
    switch (field.columnType) {
      case type.tiny:
      case type.short:
      case type.year:
      case type.int24:
      case type.long:
      case type.longlong:
        this.#integer(column, this.#whole(field));
        return;
      case type.float:
        this.#other(column, this.#bytes.readFloatLE(this.#moved(4)));
        return;
      case type.double:
        this.#other(column, this.#bytes.readDoubleLE(this.#moved(8)));
        return;
      case type.date:
      case type.datetime:
      case type.timestamp:
        this.#moment(column, field.columnType);
        return;
      case type.time:
        this.#time(column);
        return;
      default:
        this.#lengthy(column, field);
    }
  }

  #integer(column: JsonColumn, value: number | bigint): void {
    if (column.kind === 'boolean') this.#copy(value === 0 ? no : yes);
    else if (column.kind === 'number' && typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
      this.#digits(value);
    } else this.#other(column, value);
  }

  #whole({ columnType, flags }: Column): number | bigint {
    const isUnsigned = ((flags as number) & unsigned) !== 0;
    switch (columnType) {
      case type.tiny: {
        const at = this.#moved(1);
        return isUnsigned ? this.#bytes.readUInt8(at) : this.#bytes.readInt8(at);
      }
      case type.short:
      case type.year: {
        const at = this.#moved(2);
        return isUnsigned ? this.#bytes.readUInt16LE(at) : this.#bytes.readInt16LE(at);
      }
      case type.longlong: {
        const at = this.#moved(8);
        const value = isUnsigned ? this.#bytes.readBigUInt64LE(at) : this.#bytes.readBigInt64LE(at);
        const number = Number(value);
        return Number.isSafeInteger(number) ? number : value;
      }
      default: {
        const at = this.#moved(4);
        return isUnsigned ? this.#bytes.readUInt32LE(at) : this.#bytes.readInt32LE(at);
      }
    }
  }

  // `2026-01-31`, and with a time `2026-01-31 09:30:00.5`.
  #moment(column: JsonColumn, columnType: number): void {
    const at = this.#moved(1);
    const length = this.#bytes[at] as number;
    this.#moved(length);
    const of = (place: number) => (length > place ? (this.#bytes[at + 1 + place] as number) : 0);
    const isPlain = column.kind === 'moment';
    const begin = this.#end;
    if (isPlain) this.#put(quote);
    this.#padded(of(0) + of(1) * 256, 4);
    this.#put(minus);
    this.#padded(of(2), 2);
    this.#put(minus);
    this.#padded(of(3), 2);
    if (columnType !== type.date) {
      this.#put(blank);
      this.#clock(of(4), of(5), of(6));
      this.#fraction(length > 7 ? this.#bytes.readUInt32LE(at + 8) : 0);
    }
    if (isPlain) this.#put(quote);
    else this.#again(column, begin);
  }

  // `-100:00:00.5`: days and hours are one number.
  #time(column: JsonColumn): void {
    const at = this.#moved(1);
    const length = this.#bytes[at] as number;
    this.#moved(length);
    const of = (place: number) => (length > place ? (this.#bytes[at + 1 + place] as number) : 0);
    const days = length > 4 ? this.#bytes.readUInt32LE(at + 2) : 0;
    const isPlain = column.kind === 'moment';
    const begin = this.#end;
    if (isPlain) this.#put(quote);
    if (of(0) === 1) this.#put(minus);
    this.#clock(days * 24 + of(5), of(6), of(7));
    this.#fraction(length > 8 ? this.#bytes.readUInt32LE(at + 9) : 0);
    if (isPlain) this.#put(quote);
    else this.#again(column, begin);
  }

  #clock(hours: number, minutes: number, seconds: number): void {
    this.#padded(hours, hours > 99 ? 3 : 2);
    this.#put(colon);
    this.#padded(minutes, 2);
    this.#put(colon);
    this.#padded(seconds, 2);
  }

  #fraction(microseconds: number): void {
    if (microseconds === 0) return;
    this.#put(point);
    this.#padded(microseconds, 6);
    while (this.#out[this.#end - 1] === zero) this.#end--;
  }

  // What was written as plain text is a value to its column.
  #again(column: JsonColumn, begin: number): void {
    const value = this.#out.toString('latin1', begin, this.#end);
    this.#end = begin;
    this.#other(column, value);
  }

  #lengthy(column: JsonColumn, { columnType, characterSet }: Column): void {
    const length = this.#length();
    const from = this.#moved(length);
    const to = from + length;
    const isDecimal = columnType === type.decimal || columnType === type.newDecimal;
    if (column.kind === 'text' && characterSet !== binary) {
      if (this.#text(from, to)) return;
    } else if (column.kind === 'number' && isDecimal && this.#number(from, to)) return;
    // MySQL says of its JSON that it is binary, but it is text.
    const isBytes = characterSet === binary && !isDecimal && columnType !== type.json;
    this.#other(column, isBytes ? this.#bytes.subarray(from, to) : this.#bytes.toString('utf8', from, to));
  }

  #length(): number {
    const first = this.#bytes[this.#moved(1)] as number;
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.#bytes.readUInt16LE(this.#moved(2));
    if (first === 0xfd) return this.#bytes.readUIntLE(this.#moved(3), 3);
    return Number(this.#bytes.readBigUInt64LE(this.#moved(8)));
  }

  // False, and nothing written, when the bytes are not what they are in JSON.
  #text(from: number, to: number): boolean {
    this.#room(to - from + 2);
    const [out, bytes] = [this.#out, this.#bytes];
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

  // Digits without zeros at the end of a fraction, as far as a double writes them so too.
  #number(from: number, to: number): boolean {
    const bytes = this.#bytes;
    const first = bytes[from] === minus ? from + 1 : from;
    if (to - first > safeDigits || bytes[first] === zero) return false;
    let fraction = 0;
    for (let at = first; at < to; at++) if (bytes[at] === point) fraction = at;
    let last = to;
    if (fraction > 0) while (bytes[last - 1] === zero) last--;
    if (last - 1 === fraction) last = fraction;
    for (let at = from; at < last; at++) this.#put(bytes[at] as number);
    return true;
  }

  #other(column: JsonColumn, value: unknown): void {
    const text = column.json(value);
    this.#room(text.length * 3);
    this.#end += this.#out.write(text, this.#end);
  }

  #digits(value: number): void {
    let count = 1;
    for (let rest = value; rest > 9; rest = (rest / 10) | 0) count++;
    this.#padded(value, count);
  }

  #padded(value: number, digits: number): void {
    let rest = value;
    for (let at = this.#end + digits - 1; at >= this.#end; at--) {
      const next = (rest / 10) | 0;
      this.#out[at] = zero + rest - next * 10;
      rest = next;
    }
    this.#end += digits;
  }

  /** Where it was, before going on by so many bytes. */
  #moved(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }

  #copy(bytes: Buffer): void {
    this.#room(bytes.length);
    for (let at = 0; at < bytes.length; at++) this.#out[this.#end + at] = bytes[at] as number;
    this.#end += bytes.length;
  }

  #put(sign: number): void {
    this.#room(1);
    this.#out[this.#end++] = sign;
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#end + bytes));
    this.#out.copy(larger, 0, 0, this.#end);
    this.#out = larger;
  }
}
