// The portions that a long list is read in, and the memory that those may take which must be whole.
// Invariant: whatever becomes of a list, the read behind it is ended.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';

/** Portions of a read, of which the first is read before anybody asks for them. */
export class Portions<Item> implements AsyncIterable<readonly Item[]> {
  /** How many records there were so far. */
  length = 0;
  /** Ends the read. */
  readonly close = () => {
    // What goes wrong while a read is given up is nobody's concern any more.
    this.#rest.return(undefined).catch(() => undefined);
  };
  readonly #rest: AsyncGenerator<readonly Item[]>;
  readonly #begun: (readonly Item[])[] = [];

  constructor(portions: AsyncGenerator<readonly Item[]>) {
    this.#rest = portions;
  }

  /** Reads the first portion; answers all records when there are no more. */
  async begin(): Promise<readonly Item[] | undefined> {
    const first = await this.#rest.next();
    if (first.done === true) return [];
    this.#begun.push(first.value);
    if (first.value.length >= limits.streamPortion) return undefined;
    const second = await this.#rest.next();
    if (second.done === true) return first.value;
    this.#begun.push(second.value);
    return undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Item[]> {
    try {
      for (let portion = this.#begun.shift(); portion !== undefined; portion = this.#begun.shift()) {
        this.length += portion.length;
        yield portion;
      }
      for await (const portion of this.#rest) {
        this.length += portion.length;
        yield portion;
      }
    } finally {
      this.close();
    }
  }
}

/** The memory that a list may take. */
export class Room {
  #left = limits.answerChars;

  take(chars: number): void {
    this.#left -= chars;
    if (this.#left >= 0) return;
    throw new PlatformError(
      'request.answer_too_large',
      `The answer would be larger than ${limits.answerChars} characters, and one with related records, ` +
        'for a script, or in a form other than JSON, NDJSON, CSV and XML is made in memory. Ask for ' +
        'fewer records (limit, offset) or fewer fields.',
    );
  }
}
