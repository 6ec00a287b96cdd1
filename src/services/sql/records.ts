// Finding the records and parameters of a request: wrapped in `resource`, as a bare list, or one bare record.
// Invariant: the query speaks first; a body speaks as parameters only where it can not be a record itself.
import { PlatformError } from '../../core/errors.ts';
import type { Action, Message } from '../../core/operation.ts';
import { readTruth } from './values.ts';

/** What the body of a write holds. */
export interface WriteContent {
  /** The records of a list, wrapped or bare; undefined when the body is no list. */
  readonly list: readonly unknown[] | undefined;
  /** A record that stands alone in the body. */
  readonly bare: Readonly<Record<string, unknown>> | undefined;
  /** Keys beside the records that may be parameters (spec §5.5). */
  readonly beside: Readonly<Record<string, unknown>>;
}

const nothing: WriteContent = { list: undefined, bare: undefined, beside: {} };

/** Takes a body apart. Integers beyond 2^53 arrive as bigint. */
export function readContent(message: Message, action: Action): WriteContent {
  const value = message.body?.exactValue;
  if (Array.isArray(value)) return { ...nothing, list: value };
  if (!isRecord(value)) return nothing;
  const wrapped = Object.hasOwn(value, 'resource') ? value['resource'] : undefined;
  if (Array.isArray(wrapped)) return { list: wrapped, bare: undefined, beside: value };
  if (isRecord(wrapped)) return { list: [wrapped], bare: undefined, beside: value };
  // A DELETE needs no values, so its body is parameters: `{"ids": [1, 2]}`.
  if (action === 'DELETE') return { ...nothing, beside: value };
  return { ...nothing, bare: value };
}

/** The parameters of a write: those of the query, and those that stand beside the records in the body. */
export class WriteParameters {
  readonly #query: Readonly<Record<string, unknown>>;
  readonly #beside: Readonly<Record<string, unknown>>;

  constructor(query: Message['parameters'], content: WriteContent) {
    this.#query = query;
    this.#beside = content.beside;
  }

  /** The value under the first of the names that is given; undefined when none is. */
  get(...names: readonly string[]): unknown {
    for (const source of [this.#query, this.#beside]) {
      for (const name of names) {
        if (Object.hasOwn(source, name)) return source[name];
      }
    }
    return undefined;
  }

  /** A switch, false when absent. Throws `request.invalid_parameter` naming it. */
  flag(name: string): boolean {
    const value = this.get(name);
    if (value === undefined) return false;
    const truth = readTruth(String(value));
    if (truth !== undefined) return truth;
    throw new PlatformError('request.invalid_parameter', `Parameter '${name}' must be true or false.`);
  }

  /** A text, undefined when absent. Throws `request.invalid_parameter` naming it when it is blank or no text. */
  text(...names: readonly string[]): string | undefined {
    const value = this.get(...names);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value.trim() !== '') return value;
    throw new PlatformError(
      'request.invalid_parameter',
      `Parameter '${names[0]}' must be text and not empty.`,
    );
  }

  /** A list, written as a list or as one text with commas; undefined when absent, refused when empty. */
  list(...names: readonly string[]): readonly unknown[] | undefined {
    const value = this.get(...names);
    if (value === undefined) return undefined;
    const values = Array.isArray(value)
      ? value
      : String(value ?? '')
          .split(',')
          .map((part) => part.trim());
    const isList = values.length > 0 && values.every((item) => item !== '' && isScalar(item));
    if (isList && !isRecord(value)) return values;
    throw new PlatformError(
      'request.invalid_parameter',
      `Parameter '${names[0]}' must be a list of values separated by commas and not empty.`,
    );
  }
}

/** Whether a value is an object with keys, not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): boolean {
  return value !== null && typeof value !== 'object';
}

/** The refusal of a write that brings no records, in the recorded words. */
export function noRecords(): PlatformError {
  return new PlatformError(
    'request.no_records',
    "No record(s) detected in request. Please make sure record(s) are wrapped in a 'resource' tag. " +
      'Example: {"resource":[{"record":1},{"record":2}]}',
  );
}
