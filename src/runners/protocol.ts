// Frames between the server and a runner: `u32 length, u8 kind, body`, little-endian, texts as `u32 bytes,
// UTF-8`.
// Invariant: whatever a runner sends is checked against its length before it is read; a frame that does not
// fit is refused whole. Hosts in other languages implement exactly this file.
import type { memoMethod, memoStatus } from '../core/runner.ts';

/** Kinds of frames; below 16 from the server, from 16 on from the runner. */
export const kinds = {
  /** Once, first: JSON `{config, logBytes, resultBytes}`. */
  start: 1,
  /** `u32 program, u8 flags, text name, text code`: once per program. */
  load: 2,
  /** `id, u32 program, u8 flags, 8 texts` in the order of `sectionNames`. */
  run: 3,
  /** `id, u32 call, u16 status, text headers (JSON), text body`: the answer to a call. */
  reply: 4,
  /**
   * `id`: this run is done elsewhere; answer `dropped` instead of running it, unless it was answered already.
   */
  recall: 5,
  /** Empty: the runner takes runs now. */
  ready: 16,
  /**
   * `id, u8 ending, u8 flags, i32 code, text error, text log, text returned, 7 texts` as in `changeNames`.
   * The error is JSON `{message, code?, status?, context?, line?, column?, stack?, retry?}`; `retry`: in how
   * many seconds a queued run is to be tried again, or false.
   */
  result: 17,
  /**
   * `id, u32 call, u32 transaction, text method, text path, text options (JSON), text payload, text once`;
   * transaction 0: none; once: as in a BridgeCall. `memo.method`, in small letters, is `platform.once`, whose
   * key is the path.
   */
  call: 18,
  /** `id`: a recalled run that was not started. */
  dropped: 19,
  /**
   * `id, u32 call, u8 step, u32 transaction, u32 outer, text service`; `service`: '' for any. Answered by a
   * reply, whose status is 200 or that of an error.
   */
  transact: 20,
} as const;

/** Steps of a transaction, in a transact. */
export const steps = { begin: 0, commit: 1, rollback: 2 } as const;

/** Calls of `platform.once`, as in core/runner.ts: hosts read no file but this one. */
export const memo: { readonly method: typeof memoMethod } & typeof memoStatus = {
  method: 'once',
  known: 200,
  unknown: 204,
  forgetful: 205,
};

/** How a run ended, in a result. */
export const endings = { finished: 0, threw: 1, exited: 2 } as const;

/**
 * Flags of a load: the body awaits; the text is known to end at once and to touch nothing outside its event;
 * it may leave something behind, so its process ends with it; it is written in the language's older dialect
 * (Python 2, v8js); `{name}` in its string literals stands for a lookup; it is only to be read.
 */
export const loadFlags = {
  isAsync: 1,
  isQuick: 2,
  isPristine: 4,
  isDialect: 8,
  bindsLookups: 16,
  /**
   * The run of such a program reads the text and runs nothing: it finishes and returns JSON `{isPristine,
   * isQuick, code?}`, or ends as thrown with the message, line and column of what cannot be read.
   */
  isCheck: 32,
} as const;

/** Flags of a run: collect changes. */
export const runFlags = { wantsChanges: 1 } as const;

/** Flags of a result: the event stops here; the process must not be used again. */
export const resultFlags = { stopPropagation: 1, retire: 2 } as const;

/** Order of the texts of a run. */
export const sectionNames = [
  'meta',
  'parameters',
  'headers',
  'content',
  'payload',
  'session',
  'response',
  'responseContent',
] as const;

/** Order of the changed texts in a result. */
export const changeNames = [
  'parameters',
  'headers',
  'payload',
  'content',
  'response',
  'responseContent',
  'responseValue',
] as const;

/** Bytes of an execution id: 128 random bits, kept as a latin-1 string of 16 characters. */
export const idBytes = 16;

/** An execution id where it was made, among others: as text it would cost more than all else of a frame. */
export interface RunId {
  readonly page: Uint8Array;
  readonly at: number;
}

const headBytes = 5;
const startBytes = 65_536;
const absent = 0xff_ff_ff_ff;
const deleted = 0xff_ff_ff_fe;

/** What the other side sent breaks the protocol: the channel cannot be trusted any more. */
export class ProtocolError extends Error {}

/** Collects frames in one buffer, so that all of a turn leave in one write. */
export class FrameWriter {
  #buffer: Buffer;
  #at = 0;
  #start = 0;

  constructor(bytes = startBytes) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#at;
  }

  /** Bytes of the frame that is being written. */
  get frameSize(): number {
    return this.#at - this.#start;
  }

  begin(kind: number): this {
    this.#start = this.#at;
    this.#reserve(headBytes);
    this.#buffer[this.#at + 4] = kind;
    this.#at += headBytes;
    return this;
  }

  end(): void {
    this.#buffer.writeUInt32LE(this.#at - this.#start - 4, this.#start);
  }

  /** Drops the frame that is being written. */
  cancel(): void {
    this.#at = this.#start;
  }

  id(id: string): this {
    this.#reserve(idBytes);
    this.#buffer.write(id, this.#at, 'latin1');
    this.#at += idBytes;
    return this;
  }

  runId({ page, at }: RunId): this {
    this.#reserve(idBytes);
    // Sixteen bytes are copied sooner than a native call begins.
    for (let i = 0; i < idBytes; i++) this.#buffer[this.#at + i] = page[at + i] as number;
    this.#at += idBytes;
    return this;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#at = this.#buffer.writeUInt16LE(value, this.#at);
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
    return this;
  }

  /** Undefined and null are told apart from '' by lengths that no text has. */
  text(text: string | null | undefined): this {
    if (text === undefined || text === null) return this.u32(text === null ? deleted : absent);
    // UTF-8 takes at most 3 bytes per UTF-16 unit; measuring first would read the text twice.
    this.#reserve(4 + text.length * 3);
    const bytes = text.length === 0 ? 0 : this.#buffer.write(text, this.#at + 4, 'utf8');
    this.#buffer.writeUInt32LE(bytes, this.#at);
    this.#at += 4 + bytes;
    return this;
  }

  /** What was written, to be used before the next `begin`; then the writer is empty again. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at);
    this.#at = 0;
    return taken;
  }

  /** Whoever took what was written still needs it: the writer goes on in a buffer of its own. */
  leave(): void {
    this.#buffer = Buffer.allocUnsafeSlow(startBytes);
  }

  /** One giant frame must not keep its buffer for the life of the process. */
  shrink(): void {
    if (this.#buffer.length > 4_194_304) this.leave();
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** Reads the fields of one frame in order; throws ProtocolError when the frame is too short. */
export class FrameFields {
  #buffer: Buffer;
  #at: number;
  #end: number;

  constructor(buffer: Buffer, at: number, end: number) {
    this.#buffer = buffer;
    this.#at = at;
    this.#end = end;
  }

  /** What the fields lie in; `skipText` gives places in it. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** The fields that were not read yet, in a buffer of their own. */
  copied(): FrameFields {
    const copy = Buffer.from(this.#buffer.subarray(this.#at, this.#end));
    return new FrameFields(copy, 0, copy.length);
  }

  id(): string {
    const at = this.#advance(idBytes);
    return this.#buffer.toString('latin1', at, at + idBytes);
  }

  /** Whether this id comes next; then it is read. */
  isRun({ page, at }: RunId): boolean {
    if (this.#at + idBytes > this.#end) return false;
    for (let i = 0; i < idBytes; i++) if (this.#buffer[this.#at + i] !== page[at + i]) return false;
    this.#at += idBytes;
    return true;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4));
  }

  i32(): number {
    return this.#buffer.readInt32LE(this.#advance(4));
  }

  text(): string | null | undefined {
    const bytes = this.u32();
    if (bytes === absent) return undefined;
    if (bytes === deleted) return null;
    const at = this.#advance(bytes);
    return bytes === 0 ? '' : this.#buffer.toString('utf8', at, at + bytes);
  }

  /** A text that must be there. */
  given(): string {
    const text = this.text();
    if (typeof text !== 'string') throw new ProtocolError('a text is missing');
    return text;
  }

  /** Start of the next text, which is skipped; its length stands in the 4 bytes before. */
  skipText(): number {
    const bytes = this.u32();
    return this.#advance(bytes >= deleted ? 0 : bytes);
  }

  /** All of the frame must have been read. */
  finish(): void {
    if (this.#at !== this.#end) throw new ProtocolError('a frame is longer than its fields');
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#end) throw new ProtocolError('a frame is shorter than its fields');
    this.#at = at + bytes;
    return at;
  }
}

/** Takes one frame. Its fields lie in a buffer that is only lent for the call. */
export type TakeFrame = (kind: number, fields: FrameFields) => void;

/** Cuts a stream of bytes into frames; keeps what is incomplete. */
export class FrameReader {
  #max: number;
  #take: TakeFrame;
  #parts: Buffer[] = [];
  #held = 0;
  #needed = 0;

  /** `max`: the largest frame accepted, in bytes. */
  constructor(max: number, take: TakeFrame) {
    this.#max = max;
    this.#take = take;
  }

  /** Throws ProtocolError for a length that no frame may have. `chunk` may be reused after the call. */
  push(chunk: Buffer): void {
    if (this.#held === 0) {
      this.#keep(chunk, this.#cut(chunk));
      return;
    }
    this.#parts.push(Buffer.from(chunk));
    this.#held += chunk.length;
    // A large frame arrives in many chunks: joining them only once keeps this linear.
    if (this.#held < this.#needed) return;
    const joined = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    this.#keep(joined, this.#cut(joined));
  }

  #cut(bytes: Buffer): number {
    let at = 0;
    while (at + headBytes <= bytes.length) {
      const end = at + 4 + this.#checked(bytes.readUInt32LE(at));
      if (end > bytes.length) break;
      this.#take(bytes.readUInt8(at + 4), new FrameFields(bytes, at + headBytes, end));
      at = end;
    }
    return at;
  }

  #keep(bytes: Buffer, from: number): void {
    const rest = bytes.length - from;
    if (rest === 0) return;
    this.#parts = [Buffer.from(bytes.subarray(from))];
    this.#held = rest;
    this.#needed = rest < headBytes ? headBytes : 4 + this.#checked(bytes.readUInt32LE(from));
  }

  #checked(length: number): number {
    if (length < 1 || length > this.#max) {
      throw new ProtocolError(`a frame announces ${length} bytes; 1 to ${this.#max} are possible`);
    }
    return length;
  }
}
