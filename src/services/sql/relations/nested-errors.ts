// Where among nested records a refusal arose: callers read `phone_by_contact_id[1].number`.
// Invariant: a refusal is given its place once, by the innermost record; failures of the database itself and
// refusals of access pass as they are.
import { PlatformError } from '../../../core/errors.ts';
import type { Table } from '../schema.ts';
import type { SqlSettings } from '../source.ts';
import { concernsRecord, refusedWrite } from '../writing/refusals.ts';

/** Puts places into refusals of one request. */
export class NestedErrors {
  readonly #settings: SqlSettings;
  readonly #placed = new WeakSet<PlatformError>();

  constructor(settings: SqlSettings) {
    this.#settings = settings;
  }

  /** Does work for the record at a place; without a table it is one of another service. */
  async at<T>(place: string, table: Table | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw this.#explained(thrown, place, table);
    }
  }

  #explained(thrown: unknown, place: string, table: Table | undefined): unknown {
    const settings = this.#settings;
    const refusal = table === undefined ? thrown : refusedWrite(thrown, { settings, table, isDelete: false });
    if (!(refusal instanceof PlatformError) || !concernsRecord(refusal)) return refusal;
    if (this.#placed.has(refusal)) return refusal;
    const { kind, message, status, code, context, cause } = refusal;
    const placed = new PlatformError(kind, placedMessage(message, place, table), {
      status,
      code,
      context,
      cause,
    });
    this.#placed.add(placed);
    return placed;
  }
}

// The field that a message is about gets the place before its name; other messages begin with the place.
function placedMessage(message: string, place: string, table: Table | undefined): string {
  if (message.includes(`'${place}`)) return message;
  const name = /^(?:Required field|Field) '(.+?)' /.exec(message)?.[1];
  if (name === undefined || (table !== undefined && table.field(name) === undefined))
    return `In '${place}': ${message}`;
  return message.replace(`'${name}'`, () => `'${place}.${name}'`);
}
