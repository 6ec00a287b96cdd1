// The content of a message, as text, as a value, or both: each is made from the other when first needed, so
// that content nobody looks at is passed through untouched. Invariant: a Body is never changed after it was
// made.
import { PlatformError } from './errors.ts';
import { limits } from './limits.ts';

/** Content of a request or an answer. */
export class Body {
  /** Media type of `text`; undefined means JSON made by us. Without parameters, lower case. */
  readonly mediaType: string | undefined;
  #text: string | undefined;
  #value: unknown;
  #hasValue: boolean;
  #numbersAsText = false;
  #read: ((text: string) => unknown) | undefined;
  #bytes: Uint8Array | undefined;

  private constructor(text: string | undefined, value: unknown, mediaType: string | undefined) {
    this.#text = text;
    this.#value = value;
    this.#hasValue = text === undefined;
    this.mediaType = mediaType;
  }

  /** From a value that JSON can hold. */
  static ofValue(value: unknown): Body {
    return new Body(undefined, value, undefined);
  }

  /**
   * From text: JSON made by us unless a media type is given. JSON of strangers must give 'application/json'.
   */
  static ofText(text: string, mediaType?: string): Body {
    return new Body(text, undefined, mediaType);
  }

  /** From text of a media type that is no JSON, together with what was read from it (a form). */
  static ofParsed(text: string, value: unknown, mediaType: string): Body {
    const body = new Body(text, value, mediaType);
    body.#hasValue = true;
    return body;
  }

  /** From text of a media type that `read` makes a value of, when somebody wants one (CSV, XML). */
  static ofReadable(text: string, read: (text: string) => unknown, mediaType: string): Body {
    const body = new Body(text, undefined, mediaType);
    body.#read = read;
    return body;
  }

  /** From bytes that are no text: a file. Their text has a character for each byte. */
  static ofBytes(bytes: Uint8Array, mediaType: string): Body {
    const body = new Body(Buffer.from(bytes).toString('latin1'), undefined, mediaType);
    body.#bytes = bytes;
    return body;
  }

  /** Whether it was made from bytes that are no text. */
  get isBinary(): boolean {
    return this.#bytes !== undefined;
  }

  /** The bytes as they came, or those of the text in UTF-8. */
  get bytes(): Uint8Array {
    return this.#bytes ?? Buffer.from(this.text, 'utf8');
  }

  /** Whether the text is JSON (or, for a value, will be). */
  get isJson(): boolean {
    const type = this.mediaType;
    return type === undefined || type === 'application/json' || type.endsWith('+json');
  }

  /** The text as it came or as JSON. */
  get text(): string {
    this.#text ??= writeJson(this.#value);
    return this.#text;
  }

  /**
   * The parsed content: JSON, and what was given with a reader, becomes values; other media types stay text.
   * Throws `request.malformed_json`, `request.too_deep` or `request.forbidden_key` for JSON that cannot be
   * taken.
   */
  get value(): unknown {
    if (!this.#hasValue) {
      const text = this.#text ?? '';
      if (this.isJson) this.#value = this.mediaType === undefined ? JSON.parse(text) : readJson(text);
      else this.#value = this.#read === undefined ? text : this.#read(text);
      this.#hasValue = true;
    }
    return this.#value;
  }

  /** Whether reading `value` costs nothing. */
  get isParsed(): boolean {
    return this.#hasValue;
  }

  /**
   * Like `value`, but integers beyond 2^53 become bigint and other numbers that a double would round become
   * exact numbers, so that a database stores them as they are.
   */
  get exactValue(): unknown {
    if (this.#numbersAsText || this.#text === undefined || !this.isJson || !/\d[\d.]{15}/.test(this.#text)) {
      return this.value;
    }
    void this.value;
    return JSON.parse(this.#text, keepDigits);
  }
}

/** Writes JSON; bigint becomes its digits. Values that JSON cannot hold (circular) throw a TypeError. */
export function writeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    if (error instanceof TypeError && /BigInt/.test(error.message))
      return JSON.stringify(value, writeBigInteger);
    throw error;
  }
}

/** Parses JSON of a stranger within our depth limit; refuses keys that could reach a prototype. */
export function readJson(text: string): unknown {
  if (depthOf(text) > limits.jsonDepth) {
    throw new PlatformError('request.too_deep', `The body nests deeper than ${limits.jsonDepth} levels.`);
  }
  try {
    return /__proto__|\\u/.test(text) ? JSON.parse(text, refusePrototype) : JSON.parse(text);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    const reason =
      error instanceof SyntaxError ? `: ${error.message.replace(/ is not valid JSON$/, '')}` : '';
    throw new PlatformError('request.malformed_json', `The body is not valid JSON${reason}.`, {
      cause: error,
    });
  }
}

// One pass over the characters; strings are skipped. 2–3 ms per MB, against seconds that a deep value can
// cost later.
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      i = endOfString(text, i + 1);
    } else if (c === 0x7b || c === 0x5b) {
      if (++depth > deepest) deepest = depth;
    } else if (c === 0x7d || c === 0x5d) {
      depth--;
    }
  }
  return deepest;
}

function endOfString(text: string, from: number): number {
  let end = text.indexOf('"', from);
  while (end > 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

function refusePrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') {
    throw new PlatformError(
      'request.forbidden_key',
      "The body has the key '__proto__', which is not accepted.",
    );
  }
  return value;
}

function keepDigits(_key: string, value: unknown, context?: { source: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context === undefined) return value;
  return /^-?\d+$/.test(context.source) ? BigInt(context.source) : exactNumber(context.source);
}

/** A number of JSON that keeps its digits where a double would round them; JSON.stringify writes these. */
export interface ExactNumber {
  readonly rawJSON: string;
}

/** The value of decimal digits as JSON writes them: a number where that has the same digits, else exact. */
export function exactNumber(text: string): number | ExactNumber {
  const number = Number(text);
  return significant(text) === significant(String(number)) ? number : rawNumber(text);
}

/** The digits of a number that a double would round; undefined for every other value. */
export function exactDigits(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null && rawJson.isRawJSON(value) ? value.rawJSON : undefined;
}

// In newer versions of the language than TypeScript's library knows.
const rawJson = JSON as unknown as {
  rawJSON(text: string): ExactNumber;
  isRawJSON(value: unknown): value is ExactNumber;
};

function rawNumber(text: string): ExactNumber {
  const [, sign = '', whole = '', rest = ''] = /^([+-]?)0*(\d*)(.*)$/.exec(text) ?? [];
  return rawJson.rawJSON(`${sign.replace('+', '')}${whole === '' ? '0' : whole}${rest}`);
}

// Digits and exponent without what says nothing: signs of plus, zeros before and after.
function significant(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  const power = trimmed === '' ? 0 : Number(exponent) - fraction.length + digits.length - trimmed.length;
  return `${sign === '-' && trimmed !== '' ? '-' : ''}${trimmed}e${power}`;
}

function writeBigInteger(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return rawJson.rawJSON(value.toString());
}
