// The single values of a definition: flags, numbers, names, words of a list. Invariant: whatever is
// malformed is refused with a message that names where it stands.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import { readTruth } from '../values/values.ts';
import { textOf } from '../writing/records.ts';

/** A JSON object of a definition. */
export type Given = Readonly<Record<string, unknown>>;

/** Refuses a definition. */
export function invalidSchema(message: string): PlatformError {
  return new PlatformError('request.invalid_schema', message);
}

/** A member of a definition: where it stands, for messages, and its value. */
export class Member {
  readonly #where: string;
  readonly #given: Given;

  constructor(where: string, given: Given) {
    this.#where = where;
    this.#given = given;
  }

  /** The value under the first of these keys that is there; undefined when none is. */
  get(...keys: readonly string[]): unknown {
    const key = keys.find((name) => Object.hasOwn(this.#given, name));
    return key === undefined ? undefined : this.#given[key];
  }

  /** A text, null, or undefined when it is not given. */
  text(key: string, max = limits.labelText): string | null | undefined {
    const value = this.get(key);
    if (value === undefined || value === null) return value;
    if (typeof value === 'string' && value.length <= max && value.isWellFormed()) return value;
    throw this.#wrong(key, `must be text of at most ${max} characters`);
  }

  /** A text that is there. */
  requiredText(key: string): string {
    const value = this.text(key);
    if (value !== undefined && value !== null && value !== '') return value;
    throw this.#wrong(key, 'is needed');
  }

  /** True or false; undefined when it is not given or null. */
  flag(...keys: readonly string[]): boolean | undefined {
    const value = this.get(...keys);
    if (value === undefined || value === null) return undefined;
    const isScalar = typeof value !== 'object';
    const truth = typeof value === 'boolean' ? value : isScalar ? readTruth(String(value)) : undefined;
    if (truth !== undefined) return truth;
    throw this.#wrong(keys[0] ?? '', 'must be true or false');
  }

  /** A whole number from 0 on, null, or undefined when it is not given. */
  count(...keys: readonly string[]): number | null | undefined {
    const value = this.get(...keys);
    if (value === undefined || value === null) return value;
    const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
    throw this.#wrong(keys[0] ?? '', 'must be a whole number from 0 on');
  }

  /** One of some words, in any case; null, or undefined when it is not given. */
  word<Word extends string>(key: string, words: readonly Word[]): Word | null | undefined {
    const value = this.get(key);
    if (value === undefined || value === null || value === '') return value === undefined ? undefined : null;
    const found = words.find((word) => word.toLowerCase() === textOf(value).toLowerCase());
    if (found !== undefined) return found;
    throw this.#wrong(key, `must be one of ${words.join(', ')}`);
  }

  /** An object with keys, null, or undefined when it is not given. */
  map(key: string): Given | null | undefined {
    const value = this.get(key);
    if (value === undefined || value === null) return value;
    if (typeof value === 'object' && !Array.isArray(value)) return value as Given;
    // Clients write an empty map as an empty list.
    if (Array.isArray(value) && value.length === 0) return null;
    throw this.#wrong(key, 'must be an object');
  }

  /** Objects: a list, or one alone; undefined when it is not given. */
  objects(key: string): readonly Given[] | undefined {
    const value = this.get(key);
    if (value === undefined || value === null) return undefined;
    const list = Array.isArray(value) ? value : [value];
    if (list.every((entry) => typeof entry === 'object' && entry !== null && !Array.isArray(entry))) {
      return list as Given[];
    }
    throw this.#wrong(key, 'must be a list of objects');
  }

  /** A list of texts, null, or undefined when it is not given. */
  texts(key: string): readonly string[] | null | undefined {
    const value = this.get(key);
    if (value === undefined || value === null) return value;
    const list = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
    if (Array.isArray(list) && list.length <= limits.picklist && list.every((item) => isText(item))) {
      return list.map(String);
    }
    throw this.#wrong(key, `must be a list of at most ${limits.picklist} values`);
  }

  /** Refuses a member. */
  wrong(key: string, what: string): never {
    throw this.#wrong(key, what);
  }

  #wrong(key: string, what: string): PlatformError {
    return invalidSchema(`${this.#where}: '${key}' ${what}.`);
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** A name for something new. Throws naming it and what it is for. */
export function checkName(name: string, what: string): string {
  if (/^(?:_tenon_|sqlite_)/i.test(name)) {
    throw invalidSchema(`The name '${excerpt(name)}' of ${what} is reserved: choose another one.`);
  }
  if (/^[\p{L}_][\p{L}\p{M}\p{N}_$ -]*$/u.test(name) && !name.endsWith(' ')) return name;
  throw invalidSchema(
    `The name '${excerpt(name)}' of ${what} can not be used: names begin with a letter or _ and go on with ` +
      'letters, digits, spaces and _ $ -.',
  );
}

/** What a message repeats of a request. */
export function excerpt(text: string): string {
  return text.length > limits.excerpt ? `${text.slice(0, limits.excerpt)}…` : text;
}
