// Reading around a write: the keys that a filter finds, and the records that its answer shows. Invariant:
// related records come by inner calls, which may run scripts, so they are asked for outside transactions.
import { PlatformError } from '../../../core/errors.ts';
import type { Where } from '../../../core/query.ts';
import type { MaybePromise } from '../../../database/connection.ts';
import { type Bindable, type Session, whenDone } from '../../../database/connection.ts';
import { parseFilter } from '../../../query/filter.ts';
import { decodeRow, fetchRecords, type SqlRecord } from '../reading/fetch.ts';
import { parseFields } from '../reading/parameters.ts';
import { attachRelated, keyFieldsOf } from '../relations/related.ts';
import { parseRelated, type RelationRequest } from '../relations/related-request.ts';
import { identifiesOne } from '../restriction/written-rows.ts';
import type { Field, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import type { KeyValues } from './steps.ts';
import type { WriteRequest } from './write-request.ts';

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
  readonly #relations: readonly RelationRequest[];
  /** The table as the caller may read it. */
  readonly #shown: Table;
  // Records that the caller may write but not read: their keys are all that there is to say.
  readonly #unseen = new WeakSet<SqlRecord>();

  /** Throws `request.invalid_field` and `request.invalid_parameter` for what does not exist. */
  constructor({ source, request }: ReadBackOptions) {
    this.#source = source;
    this.#request = request;
    const { table, parameters } = request;
    const isAsked = parameters.get('fields') !== undefined || parameters.get('related') !== undefined;
    this.#shown = isAsked ? source.table(table.name) : table;
    const fields = answeredFields(request, this.#shown);
    const relations = parseRelated(this.#shown, parameters);
    // Whoever may only write a table is told no more of it than which record it was.
    const isTold = isAsked && mayRead(request);
    this.#fields = isTold ? fields : undefined;
    this.#relations = isTold ? relations : [];
  }

  /** Whether more than the keys is to be answered. */
  get isWanted(): boolean {
    return this.#fields !== undefined;
  }

  /** Whether related records are to be answered too. */
  get hasRelations(): boolean {
    return this.#relations.length > 0;
  }

  /** The key of a record as a record of its own. */
  keyRecord(key: KeyValues): SqlRecord {
    const { keys } = this.#request;
    const row = Object.fromEntries(keys.map((field, index) => [field.name, key[index]]));
    return decodeRow(this.#source.dialect, keys, row);
  }

  /** The records of keys, at the same indexes; undefined where there is none. */
  records(
    session: Session,
    keys: readonly (KeyValues | undefined)[],
  ): MaybePromise<readonly (SqlRecord | undefined)[]> {
    const table = this.#shown;
    const { keys: keyFields } = this.#request;
    const isFound = keyFields.every(({ name }) => table.field(name) !== undefined);
    if (this.#fields === undefined || !isFound) return keys.map((key) => key && this.#keyAlone(key));
    const fields = new Set([...this.#fields, ...keyFieldsOf(table, this.#relations)]);
    const found = fetchRecords(this.#source, {
      table,
      keys: keys.map((key) => key ?? []),
      keyFields: keyFields.map(({ name }) => name),
      fields: [...fields].map(({ name }) => name),
      session,
    });
    if (table.rows === undefined) return found;
    return whenDone(found, (records) =>
      records.map((record, index) => record ?? this.#keyAlone(keys[index])),
    );
  }

  #keyAlone(key: KeyValues | undefined): SqlRecord | undefined {
    if (key === undefined) return undefined;
    const record = this.keyRecord(key);
    this.#unseen.add(record);
    return record;
  }

  /**
   * The records with what is related to them, without what only served to find that. Not inside a
   * transaction.
   */
  async withRelated(
    records: readonly (SqlRecord | undefined)[],
  ): Promise<readonly (SqlRecord | undefined)[]> {
    const fields = this.#fields;
    if (fields === undefined || !this.hasRelations) return records;
    const { context } = this.#request;
    const table = this.#shown;
    const known = records
      .filter((record) => record !== undefined)
      .filter((record) => !this.#unseen.has(record));
    const relations = this.#relations;
    const extra = keyFieldsOf(table, relations).filter((field) => !fields.includes(field));
    await attachRelated(known, { source: this.#source, table, relations, context, extra });
    return records;
  }

  /** Whether the fields that identify records do so for one each. */
  get isIdentified(): boolean {
    const { table, keys } = this.#request;
    return identifiesOne(table, keys);
  }

  /** The condition that a filter states. */
  where(filter: string): Where {
    const { table, parameters } = this.#request;
    // What the caller may write but not read is nothing to be found out by conditions.
    const shown = this.#source.table(table.name);
    return parseFilter(filter, {
      field: (name) => shown.field(name) && table.field(name)?.name,
      parameter: (name) => parameters.placeholder(name),
      text: parameters.meant,
    });
  }

  /** The keys of the records that a filter finds, in their order. Refuses more than the service's cap. */
  find(session: Session, filter: string): MaybePromise<readonly KeyValues[]> {
    const { table, keys } = this.#request;
    const { maxRecords } = this.#source.settings;
    const order = keys.map(({ name }) => ({ field: name, descending: false }));
    const where = this.where(filter);
    const { plan, values } = this.#source.plans.list({ table, fields: keys, where, order });
    const page = this.#source.dialect.grammar.pageValues(maxRecords + 1, 0);
    return whenDone(session.rows(plan.rows, [...values, ...page]), (rows) => {
      if (rows.length > maxRecords) throw tooMany(maxRecords);
      const found = rows.map((row) => keys.map(({ name }) => row[name] as Bindable));
      if (this.isIdentified) return found;
      return [...new Map(found.map((key) => [key.map(String).join('\0'), key])).values()];
    });
  }
}

function mayRead({ context, table }: WriteRequest): boolean {
  try {
    context.check(['_table', table.name], 'GET');
    return true;
  } catch (thrown) {
    if (thrown instanceof PlatformError) return false;
    throw thrown;
  }
}

function tooMany(maxRecords: number): PlatformError {
  return new PlatformError(
    'request.invalid_record',
    `The filter finds more records than this service takes at once (max_records: ${maxRecords}).`,
  );
}

function answeredFields({ parameters, keys }: WriteRequest, table: Table): readonly Field[] | undefined {
  const fields = parameters.text('fields');
  if (fields === undefined && parameters.get('related') === undefined) return undefined;
  if (keys.length > 0) return fields === undefined ? keys : parseFields(table, fields);
  throw new PlatformError(
    'request.invalid_parameter',
    `Table '${table.name}' has no primary key, so its records can not be read back: ` +
      "leave 'fields' and 'related' out.",
  );
}
