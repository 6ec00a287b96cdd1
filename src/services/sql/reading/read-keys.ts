// Reading records by their identifiers: one in the path, or several in `ids`. Invariant: an identifier that
// cannot be one of the table (a word where a number is the key) is simply not found.
import { Body } from '../../../core/body.ts';
import { envelope, PlatformError } from '../../../core/errors.ts';
import type { Result } from '../../../core/operation.ts';
import { type Bindable, type MaybePromise, whenDone } from '../../../database/connection.ts';
import { tableView } from '../schema/schema-view.ts';
import type { Field, Table } from '../schema.ts';
import { textOf } from '../writing/records.ts';
import { bindKey, decodeRow, fetchRecords, type SqlRecord } from './fetch.ts';
import type { ReadRequest } from './parameters.ts';
import type { KeyPlan } from './plan.ts';
import { answer, attached, type Read, selectedFields, withoutJson, writeList } from './reading.ts';

/** The record of an identifier; 404 when there is none. */
export function readOne(read: Read, id: string): MaybePromise<Result> {
  const { source, table, request, prepared } = read;
  const keys = identifyingFields(table, request);
  const key = bindKey(source.dialect, keys, partsOf(id, keys));
  if (key === undefined) throw notFound(id);
  const fields = selectedFields(read);
  prepared.one ??= source.plans.keyed({ table, fields, keys, count: 1 });
  const { plan, values } = prepared.one;
  const bind = values.length === 0 ? key : [...key, ...values];
  if (request.relations.length === 0) return whenDone(oneBody(read, plan, bind), orNotFound(id));
  return whenDone(source.database().rows(plan.rows, bind), ([row]) => {
    if (row === undefined) throw notFound(id);
    const record = decodeRow(source.dialect, fields, row);
    return whenDone(attached(read, [record]), ([whole]) => answer(Body.ofValue(whole)));
  });
}

/** The records of identifiers, in their order; a batch error when one is missing, as recorded. */
export function readByIds(read: Read, ids: readonly unknown[]): MaybePromise<Result> {
  const { source, table, request } = read;
  refuseSize(ids, source.settings.maxRecords);
  const keys = identifyingFields(table, request);
  const bound = ids.map((id) => bindKey(source.dialect, keys, partsOf(id, keys)));
  const found = fetchRecords(source, {
    table,
    keys: bound.map((key) => key ?? []),
    keyFields: keys.map((field) => field.name),
    fields: selectedFields(read).map((field) => field.name),
  });
  return whenDone(found, (records) => {
    const present = records.filter((record) => record !== undefined);
    return whenDone(attached(read, present), (whole) => {
      if (present.length < ids.length) throw missing(ids, keys, records);
      if (!request.includeCount && !request.includeSchema) return writeList(whole, undefined);
      return writeList(whole, {
        ...(request.includeCount ? { count: whole.length } : {}),
        ...(request.includeSchema ? { schema: tableView(table, source.settings.serviceId) } : {}),
      });
    });
  });
}

function oneBody(
  { source, request }: Read,
  plan: KeyPlan,
  key: readonly Bindable[],
): MaybePromise<Body | undefined> {
  const database = source.database();
  const asRow = () =>
    whenDone(database.rows(plan.rows, key), ([row]) =>
      row === undefined ? undefined : Body.ofValue(decodeRow(source.dialect, request.fields, row)),
    );
  const { json } = plan;
  if (json === undefined) {
    const { fields } = request;
    const found = source.dialect.readJson?.(database, { statement: plan.rows, values: key, fields });
    if (found === undefined) return asRow();
    // Of several records with the same identifier the first one is meant.
    return found.then(({ text, count }) =>
      count > 1 ? asRow() : count === 0 ? undefined : Body.ofText(text.slice(1, -1)),
    );
  }
  const asText = () =>
    whenDone(database.column(json, key), ([text]) =>
      typeof text === 'string' ? Body.ofText(text) : undefined,
    );
  return withoutJson(plan, asText, asRow);
}

function orNotFound(id: string): (body: Body | undefined) => Result {
  return (body) => {
    if (body === undefined) throw notFound(id);
    return answer(body);
  };
}

function refuseSize(ids: readonly unknown[], max: number): void {
  if (ids.length > 0 && ids.length <= max) return;
  const rule =
    ids.length === 0 ? 'at least one record' : `no more than ${max} records, the cap of this service`;
  throw new PlatformError('request.invalid_parameter', `Parameter 'ids' must name ${rule}.`);
}

function identifyingFields(table: Table, request: ReadRequest): readonly Field[] {
  if (request.idFields !== undefined) return request.idFields;
  const fields = table.primaryKey.map((name) => table.field(name)).filter((field) => field !== undefined);
  if (fields.length > 0) return fields;
  throw new PlatformError(
    'request.invalid_parameter',
    `Table '${table.name}' has no primary key: name the identifying field with the parameter 'id_field'.`,
  );
}

// An identifier is a value, or for a key of several fields: values with commas, a list, or a record that has
// them.
function partsOf(id: unknown, keys: readonly Field[]): readonly unknown[] {
  if (Array.isArray(id)) return id;
  if (typeof id === 'object' && id !== null) return keys.map((key) => (id as SqlRecord)[key.name]);
  return keys.length === 1 ? [id] : String(id).split(',');
}

function missing(
  ids: readonly unknown[],
  keys: readonly Field[],
  found: readonly (SqlRecord | undefined)[],
): PlatformError {
  const errors: number[] = [];
  const entries = ids.map((id, index) => {
    const record = found[index];
    if (record !== undefined) return record;
    errors.push(index);
    return notFound(partsOf(id, keys).map(textOf).join());
  });
  const [only, second] = entries;
  if (only instanceof PlatformError && second === undefined) return only;
  return new PlatformError(
    'request.batch_failed',
    'Batch Error: Not all requested records could be retrieved.',
    {
      code: 1000,
      context: {
        error: errors,
        resource: entries.map((entry) => (entry instanceof PlatformError ? envelope(entry) : entry)),
      },
    },
  );
}

function notFound(id: string): PlatformError {
  return new PlatformError('request.not_found', `Record with identifier '${id}' not found.`);
}
