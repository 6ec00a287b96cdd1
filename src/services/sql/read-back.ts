// Reading inside a write: the keys that a filter finds, and the records that its answer shows.
// Invariant: it reads in the write's own session, so it sees what the write has done and nobody else's half.
import { PlatformError } from '../../core/errors.ts';
import type { Literal } from '../../core/query.ts';
import type { Bindable, MaybePromise, Row, Session } from '../../database/connection.ts';
import { parseFilter } from '../../query/filter.ts';
import type { Field, Table } from './schema.ts';
import type { SqlSource } from './source.ts';
import type { KeyValues } from './steps.ts';
import type { WriteRequest } from './write-request.ts';

/** A record as it is answered. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** What a write reads. */
export interface ReadBackOptions {
  readonly source: SqlSource;
  readonly request: WriteRequest;
}

/** Reads for one write. */
export class ReadBack {
  readonly #source: SqlSource;
  readonly #request: WriteRequest;
  readonly #fields: readonly Field[] | undefined;

  /** Throws `request.invalid_field` for a field that does not exist. */
  constructor({ source, request }: ReadBackOptions) {
    this.#source = source;
    this.#request = request;
    this.#fields = answeredFields(request);
  }

  /** Whether more than the keys is to be answered. */
  get isWanted(): boolean {
    return this.#fields !== undefined;
  }

  /** The key of a record as a record of its own. */
  keyRecord(key: KeyValues): JsonRecord {
    const { keys } = this.#request;
    return Object.fromEntries(
      keys.map((field, index) => [field.name, this.#source.dialect.decode(field, key[index])]),
    );
  }

  /** The records of keys, at the same indexes; undefined where there is none. */
  async records(
    session: Session,
    keys: readonly (KeyValues | undefined)[],
  ): Promise<readonly (JsonRecord | undefined)[]> {
    const fields = this.#fields;
    if (fields === undefined) return keys.map((key) => key && this.keyRecord(key));
    const found: (JsonRecord | undefined)[] = [];
    for (const key of keys) {
      const rows = key === undefined ? [] : this.#rows(session, fields, key);
      const [row] = rows instanceof Promise ? await rows : rows;
      found.push(row && this.#decoded(fields, row));
    }
    return found;
  }

  /** The keys of the records that a filter finds, in their order. Refuses more than the service's cap. */
  async find(session: Session, filter: string): Promise<readonly KeyValues[]> {
    const { table, keys } = this.#request;
    const { maxRecords } = this.#source.settings;
    const where = parseFilter(filter, scope(table, this.#request.filterParameters));
    const order = keys.map(({ name }) => ({ field: name, descending: false }));
    const { plan, values } = this.#source.plans.list({ table, fields: keys, where, order, group: [] });
    const rows = await session.rows(plan.rows, [...values, maxRecords + 1, 0]);
    if (rows.length <= maxRecords) return rows.map((row) => keys.map(({ name }) => row[name] as Bindable));
    throw new PlatformError(
      'request.invalid_record',
      `The filter finds more records than this service takes at once (max_records: ${maxRecords}).`,
    );
  }

  // One by one: keys may compare by rules of their own (a text without case), so rows of many could not be told apart.
  #rows(session: Session, fields: readonly Field[], key: KeyValues): MaybePromise<Row[]> {
    const { table, keys } = this.#request;
    return session.rows(this.#source.plans.keyed({ table, fields, keys, count: 1 }).rows, key);
  }

  #decoded(fields: readonly Field[], row: Row): JsonRecord {
    return Object.fromEntries(
      fields.map((field) => [field.name, this.#source.dialect.decode(field, row[field.name])]),
    );
  }
}

function answeredFields({ table, fields, related, keys }: WriteRequest): readonly Field[] | undefined {
  if (fields === undefined && related === undefined) return undefined;
  if (keys.length === 0) {
    throw new PlatformError(
      'request.invalid_parameter',
      `Table '${table.name}' has no primary key: leave 'fields' and 'related' out, its records can not be read back.`,
    );
  }
  if (fields === undefined) return keys;
  if (fields.includes('*')) return [...table.fields.values()];
  const named = fields.map((name) => {
    const field = table.field(String(name));
    if (field !== undefined) return field;
    throw new PlatformError('request.invalid_field', `Invalid field requested: ${name}`);
  });
  return [...new Set(named)];
}

function scope(table: Table, parameters: WriteRequest['filterParameters']) {
  return {
    field: (name: string) => table.field(name)?.name,
    parameter: (name: string): Literal | undefined => {
      const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      return typeof value === 'object' && value !== null ? undefined : value;
    },
  };
}
