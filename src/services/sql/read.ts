// GET on a table: lists, single records, records by ids, counts (spec §5.5, §5.7).
// Invariant: SQL text comes from plans only; what SQLite made JSON of is passed on without being looked at.
import { Body } from '../../core/body.ts';
import { envelope, PlatformError } from '../../core/errors.ts';
import type { Message, Operation, Result } from '../../core/operation.ts';
import type { CallContext } from '../../core/service.ts';
import { type Bindable, DatabaseError, type MaybePromise, whenDone } from '../../database/connection.ts';
import { bindKey, decodeRow, fetchRecords, type SqlRecord } from './fetch.ts';
import { parseRead, ReadParameters, type ReadRequest } from './parameters.ts';
import type { KeyedRead, KeyPlan, ListPlan, ListShape, PreparedRead } from './plan.ts';
import { attachRelated, keyFieldsOf } from './related.ts';
import type { Field, Table } from './schema.ts';
import { tableView } from './schema-view.ts';
import type { SqlSource } from './source.ts';

/** What of a table is read: all of it, or the record of an identifier. */
export interface ReadTarget {
  readonly table: Table;
  readonly id: string | undefined;
}

/** Answers a GET on a table. Throws `request.*` for what is asked wrongly or not there. */
export function readRecords(
  source: SqlSource,
  operation: Operation,
  target: ReadTarget,
  context: CallContext,
): MaybePromise<Result> {
  const { table, id } = target;
  const keyed = source.plans.keyedReads.get(operation.request.parameters);
  const prepared = prepare(source, { table, message: operation.request, keyed });
  const { request } = prepared;
  const read: Read = { source, table, request, prepared, keyed, context };
  if (id !== undefined) return readOne(read, id);
  if (request.ids !== undefined) return readByIds(read, request.ids);
  if (request.countOnly) return whenDone(count(read), (total) => answer(Body.ofText(String(total))));
  return request.relations.length === 0 && keyed === undefined ? readText(read) : readRows(read);
}

interface Read {
  readonly source: SqlSource;
  readonly table: Table;
  readonly request: ReadRequest;
  readonly prepared: PreparedRead;
  readonly keyed: KeyedRead | undefined;
  readonly context: CallContext;
}

const noHeaders = Object.freeze({});

function answer(body: Body): Result {
  return { status: 200, headers: noHeaders, body };
}

// Doors hand out the same frozen parameters for the same query string, so a query string is understood once.
function prepare(
  source: SqlSource,
  asked: { readonly table: Table; readonly message: Message; readonly keyed: KeyedRead | undefined },
): PreparedRead {
  const { table, message, keyed } = asked;
  const { parameters } = message;
  const { requests } = source.plans;
  let known = requests.get(table);
  const found = message.body === undefined ? known?.get(parameters) : undefined;
  if (found !== undefined) return found;
  const request = parseRead(table, new ReadParameters(message), keyed?.where);
  const prepared: PreparedRead = { request, list: undefined, one: undefined };
  if (message.body !== undefined || keyed !== undefined || !Object.isFrozen(parameters)) return prepared;
  if (known === undefined) {
    known = new WeakMap();
    requests.set(table, known);
  }
  known.set(parameters, prepared);
  return prepared;
}

function readOne(read: Read, id: string): MaybePromise<Result> {
  const { source, table, request, prepared } = read;
  const keys = identifyingFields(table, request);
  const key = bindKey(source.dialect, keys, keys.length === 1 ? [id] : id.split(','));
  if (key === undefined) throw notFound(id);
  if (request.relations.length > 0) {
    const found = records(read, keys, [key]);
    return whenDone(found, ([record]) => {
      if (record === undefined) throw notFound(id);
      return whenDone(attached(read, [record]), ([whole]) => answer(Body.ofValue(whole)));
    });
  }
  prepared.one ??= source.plans.keyed({ table, fields: request.fields, keys, count: 1 });
  return whenDone(oneBody(read, prepared.one, key), (body) => {
    if (body === undefined) throw notFound(id);
    return answer(body);
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
  if (json === undefined) return asRow();
  const asText = () =>
    whenDone(database.column(json, key), ([text]) =>
      typeof text === 'string' ? Body.ofText(text) : undefined,
    );
  return withoutJson(plan, asText, asRow);
}

function readByIds(read: Read, ids: readonly unknown[]): MaybePromise<Result> {
  const { source, table, request } = read;
  if (ids.length === 0) {
    throw new PlatformError('request.invalid_parameter', "Parameter 'ids' must name at least one record.");
  }
  if (ids.length > source.settings.maxRecords) {
    throw new PlatformError(
      'request.invalid_parameter',
      `Parameter 'ids' names more than the ${source.settings.maxRecords} records that this service answers at once.`,
    );
  }
  const keys = identifyingFields(table, request);
  const bound = ids.map((id) => bindKey(source.dialect, keys, partsOf(id, keys)));
  return whenDone(records(read, keys, bound), (found) => {
    const present = found.filter((record) => record !== undefined);
    return whenDone(attached(read, present), (whole) => {
      if (present.length === ids.length) return answer(listBody(read, whole, {}));
      throw missing(ids, keys, found);
    });
  });
}

/** Records of bound keys, with the fields that relations need beside those asked for. */
function records(
  { source, table, request }: Read,
  keys: readonly Field[],
  bound: readonly (readonly Bindable[] | undefined)[],
): MaybePromise<(SqlRecord | undefined)[]> {
  const fields = [...new Set([...request.fields, ...keyFieldsOf(table, request.relations)])];
  return fetchRecords(source, {
    table,
    keys: bound.map((key) => key ?? []),
    keyFields: keys.map((field) => field.name),
    fields: fields.map((field) => field.name),
  });
}

function readText(read: Read): MaybePromise<Result> {
  const { source, request, prepared } = read;
  prepared.list ??= source.plans.list(shapeOf(read, request.fields));
  const { plan, values } = prepared.list;
  const { json } = plan;
  if (json === undefined) return readRows(read);
  const bind = [...values, pageSize(read), request.offset];
  const asText = () =>
    whenDone(source.database().rows(json, bind), ([row]) =>
      whenDone(metaOf(read, Number(row?.['count'] ?? 0)), (meta) =>
        answer(Body.ofText(`{"resource":${row?.['text']}${metaText(withSchema(read, meta))}}`)),
      ),
    );
  return withoutJson(plan, asText, () => readRows(read));
}

function readRows(read: Read): MaybePromise<Result> {
  const { source, table, request, keyed } = read;
  const fields = [...new Set([...request.fields, ...keyFieldsOf(table, request.relations)])];
  const { plan, values } = source.plans.list(shapeOf(read, fields));
  const perValue = keyed?.perValue === undefined ? [] : [keyed.perValue.limit];
  const bind = [...values, ...perValue, pageSize(read), request.offset];
  return whenDone(source.database().rows(plan.rows, bind), (rows) => {
    const decoded = rows.map((row) => decodeRow(source.dialect, fields, row));
    return whenDone(attached(read, decoded), (whole) =>
      whenDone(metaOf(read, rows.length), (meta) => answer(listBody(read, whole, meta))),
    );
  });
}

function listBody(read: Read, whole: readonly SqlRecord[], meta: SqlRecord): Body {
  const all = withSchema(read, meta);
  return Body.ofValue(Object.keys(all).length === 0 ? { resource: whole } : { resource: whole, meta: all });
}

function attached(read: Read, found: readonly SqlRecord[]): MaybePromise<SqlRecord[]> {
  const { source, table, request, context } = read;
  const { relations } = request;
  if (relations.length === 0) return [...found];
  const extra = keyFieldsOf(table, relations).filter((field) => !request.fields.includes(field));
  return attachRelated(found, { source, table, relations, context }).then(() => {
    for (const record of found) for (const field of extra) delete record[field.name];
    return [...found];
  });
}

function shapeOf({ table, request, keyed }: Read, fields: readonly Field[]): ListShape {
  const { where, order, group } = request;
  const shape = { table, fields, where, order, group };
  return keyed?.perValue === undefined ? shape : { ...shape, perValue: keyed.perValue };
}

function pageSize({ source, request }: Read): number {
  return Math.min(request.limit ?? source.settings.maxRecords, source.settings.maxRecords);
}

// As recorded: a count when it was asked for, or when no limit of the caller's but the cap cut the list.
function metaOf(read: Read, length: number): MaybePromise<SqlRecord> {
  const { request, source } = read;
  const { maxRecords } = source.settings;
  const size = pageSize(read);
  const isCapped = request.limit === undefined || request.limit > maxRecords;
  if (!request.includeCount && !(isCapped && (length >= size || request.offset > 0))) return {};
  const isLast = length < size && (length > 0 || request.offset === 0);
  const total = isLast ? request.offset + length : count(read);
  return whenDone(total, (all) => ({
    ...(request.includeCount || all > maxRecords ? { count: all } : {}),
    ...(all - request.offset > size ? { next: request.offset + size } : {}),
  }));
}

function metaText(meta: SqlRecord): string {
  return Object.keys(meta).length === 0 ? '' : `,"meta":${JSON.stringify(meta)}`;
}

function withSchema({ table, request, source }: Read, meta: SqlRecord): SqlRecord {
  if (!request.includeSchema) return meta;
  return { ...meta, schema: tableView(table, source.settings.serviceId) };
}

function count({ source, table, request }: Read): MaybePromise<number> {
  const { plan, values } = source.plans.count({ table, where: request.where, group: request.group });
  return whenDone(source.database().column(plan, values), ([total]) => Number(total));
}

// Data that JSON in SQL cannot hold (bytes in a text column) makes the statement fail: from then on rows are taken.
function withoutJson<T>(
  plan: ListPlan | KeyPlan,
  asText: () => MaybePromise<T>,
  asRows: () => MaybePromise<T>,
): MaybePromise<T> {
  const otherwise = (error: unknown): MaybePromise<T> => {
    if (!(error instanceof DatabaseError) || error.failure !== 'other') throw error;
    plan.json = undefined;
    return asRows();
  };
  try {
    const done = asText();
    return done instanceof Promise ? done.catch(otherwise) : done;
  } catch (error) {
    return otherwise(error);
  }
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

// An identifier is a value, a list of values, or a record that has them.
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
    return notFound(partsOf(id, keys).map(String).join());
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
