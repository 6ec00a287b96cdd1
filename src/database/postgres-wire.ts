// Takes the rows out of what a server sends before `pg` makes texts of all their fields: they are nearly all
// of it, and most need no text. Everything else goes on to `pg` as it is.
// Invariant: messages keep their order; a message is handed on when it is complete.
import { EventEmitter } from 'node:events';

/** Whoever takes rows: the bytes of a row's fields, from its number of fields on. */
export interface RowTaker {
  row(bytes: Buffer, from: number): void;
}

/** The half of `pg`'s connection that listens. */
export interface Listening {
  attachListeners(source: Pick<EventEmitter, 'on'>): void;
}

const rowCode = 'D'.charCodeAt(0);
const headBytes = 5;

/** Puts itself between the socket and `pg`. `taker` says who takes the rows of this moment. */
export function takeRows(connection: Listening, taker: () => RowTaker | undefined): void {
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (source) => {
    const rest = new EventEmitter();
    attach(rest);
    const messages = new Messages(rest, taker);
    source.on('data', (chunk: Buffer) => messages.take(chunk));
    source.on('end', () => rest.emit('end'));
  };
}

class Messages {
  readonly #rest: EventEmitter;
  readonly #taker: () => RowTaker | undefined;
  // What came of a message that is not complete, and how long it will be.
  #parts: Buffer[] = [];
  #length = 0;
  #needed = 0;

  constructor(rest: EventEmitter, taker: () => RowTaker | undefined) {
    this.#rest = rest;
    this.#taker = taker;
  }

  take(chunk: Buffer): void {
    if (this.#length === 0) {
      this.#split(chunk);
      return;
    }
    this.#parts.push(chunk);
    this.#length += chunk.length;
    // Joined only when it is worth it: a large message comes in thousands of chunks.
    if (this.#length < this.#needed) return;
    const joined = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    this.#split(joined);
  }

  #split(bytes: Buffer): void {
    const taker = this.#taker();
    let handed = 0;
    let at = 0;
    while (at + headBytes <= bytes.length) {
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if (bytes[at] === rowCode && taker !== undefined) {
        if (handed < at) this.#rest.emit('data', bytes.subarray(handed, at));
        taker.row(bytes, at + headBytes);
        handed = end;
      }
      at = end;
    }
    if (handed < at) this.#rest.emit('data', bytes.subarray(handed, at));
    if (at < bytes.length) this.#keep(bytes.subarray(at));
  }

  #keep(part: Buffer): void {
    this.#parts.push(part);
    this.#length = part.length;
    this.#needed = part.length < headBytes ? headBytes : 1 + part.readUInt32BE(1);
  }
}
