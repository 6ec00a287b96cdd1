// GET on a table: lists, counts, and records by identifier (spec §5.5, §5.7).
// Invariant: SQL text comes from plans only; what SQLite made JSON of is passed on without being looked at.
import { Body } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Message, Operation, Principal, Result } from '../../../core/operation.ts';
import type { CallContext } from '../../../core/service.ts';
import { DatabaseError, type MaybePromise, whenDone } from '../../../database/connection.ts';
import type { JsonRecords } from '../dialect.ts';
import type { Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import { decodeRow } from './fetch.ts';
import { countRecords, hasMeta, metaOf, pageSize } from './page.ts';
import { parseRead, ReadParameters } from './parameters.ts';
import type { KeyedRead, PreparedRead } from './plan.ts';
import { readByIds, readOne } from './read-keys.ts';
import { answer, attached, type Read, selectedFields, shapeOf, withoutJson, writeList } from './reading.ts';
import { isLong, readLong } from './stream.ts';

/** What of a table is read: all of it, or the record of an identifier. */
export interface ReadTarget {
  readonly table: Table;
  readonly id: string | undefined;
  readonly context: CallContext;
}

/** Answers a GET on a table. Throws `request.*` for what is asked wrongly or not there. */
export function readRecords(
  source: SqlSource,
  operation: Operation,
  target: ReadTarget,
): MaybePromise<Result> {
  const { table, id, context } = target;
  const keyed = source.plans.keyedReads.get(operation.request.parameters);
  const { request: message, principal } = operation;
  const prepared = prepare(source, { table, message, keyed, principal });
  const { request } = prepared;
  const read: Read = { source, table, request, prepared, keyed, context };
  if (request.grouping !== undefined) return readGroups(read, id);
  if (id !== undefined) return readOne(read, id);
  if (request.ids !== undefined) return readByIds(read, request.ids);
  return readList(read);
}

function readList(read: Read): MaybePromise<Result> {
  const { request } = read;
  if (request.countOnly) return whenDone(countRecords(read), (total) => answer(Body.ofText(String(total))));
  // Who names no limit mostly has few records, which are quicker as a whole; who names a great one has many.
  const most = isLong(read) ? limits.streamFrom + 1 : pageSize(read);
  if (most < pageSize(read) && request.limit !== undefined) return readLong(read);
  return whenDone(readWhole(read, most), (result) => result ?? readLong(read));
}

// A list that is read at once; undefined when it goes on behind `most` records on the same page.
function readWhole(read: Read, most: number): MaybePromise<Result | undefined> {
  const { request, keyed } = read;
  return request.relations.length === 0 && keyed === undefined ? readText(read, most) : readRows(read, most);
}

function isCut(read: Read, most: number, length: number): boolean {
  return length >= most && most < pageSize(read);
}

function readGroups(read: Read, id: string | undefined): MaybePromise<Result> {
  if (id !== undefined || read.request.ids !== undefined) {
    throw new PlatformError(
      'request.invalid_parameter',
      "Parameters 'group', 'having' and aggregates can not be combined with identifiers: use 'filter'.",
    );
  }
  const otherwise = (error: unknown): never => {
    throw refusedGroups(error);
  };
  try {
    const done = readList(read);
    return done instanceof Promise ? done.catch(otherwise) : done;
  } catch (error) {
    return otherwise(error);
  }
}

// Some types have no order or equality, and some sums are beyond what the engine can hold.
function refusedGroups(error: unknown): unknown {
  if (!(error instanceof DatabaseError) || error.failure === 'busy' || error.failure === 'unavailable') {
    return error;
  }
  return new PlatformError(
    'request.invalid_field',
    'The database can not group or aggregate these fields: a type has no order, or a sum is too large.',
    { cause: error },
  );
}

/** A read as it was asked for. */
interface Asked {
  readonly table: Table;
  readonly message: Message;
  readonly keyed: KeyedRead | undefined;
  readonly principal: Principal;
}

// Doors hand out the same frozen parameters for the same query string, so a query string is understood once.
function prepare(source: SqlSource, { table, message, keyed, principal }: Asked): PreparedRead {
  const { parameters } = message;
  const { requests } = source.plans;
  let known = requests.get(table);
  const found = message.body === undefined ? known?.get(parameters) : undefined;
  if (found !== undefined) return found;
  const read = new ReadParameters(message, principal);
  const request = parseRead(table, read, keyed?.where);
  const prepared: PreparedRead = { request, list: undefined, one: undefined };
  const isKept = message.body === undefined && keyed === undefined && Object.isFrozen(parameters);
  if (!isKept || read.isPersonal) return prepared;
  if (known === undefined) {
    known = new WeakMap();
    requests.set(table, known);
  }
  known.set(parameters, prepared);
  return prepared;
}

function readText(read: Read, most: number): MaybePromise<Result | undefined> {
  const { source, request, prepared } = read;
  prepared.list ??= source.plans.list(shapeOf(read, request.fields));
  const { plan, values } = prepared.list;
  const { json, counted } = plan;
  const page = source.dialect.grammar.pageValues(most, request.offset);
  const bind = [...values, ...page];
  const database = source.database();
  if (json === undefined || counted === undefined) {
    const { fields } = request;
    const found = source.dialect.readJson?.(database, { statement: plan.rows, values: bind, fields });
    return found?.then((records) => writeText(read, most, records)) ?? readRows(read, most);
  }
  const asText = (): MaybePromise<Result | undefined> => {
    if (!hasMeta(read)) {
      return whenDone(database.column(json, bind), ([text]) => answer(Body.ofText(`{"resource":${text}}`)));
    }
    return whenDone(database.rows(counted, bind), ([row]) =>
      writeText(read, most, { text: String(row?.text), count: Number(row?.count) }),
    );
  };
  return withoutJson(plan, asText, () => readRows(read, most));
}

function writeText(read: Read, most: number, { text, count }: JsonRecords): MaybePromise<Result | undefined> {
  if (isCut(read, most, count)) return undefined;
  return whenDone(metaOf(read, count), (meta) => {
    const rest = meta === undefined ? '' : `,"meta":${JSON.stringify(meta)}`;
    return answer(Body.ofText(`{"resource":${text}${rest}}`));
  });
}

function readRows(read: Read, most: number): MaybePromise<Result | undefined> {
  const { source, request, keyed } = read;
  const fields = selectedFields(read);
  const { plan, values } = source.plans.list(shapeOf(read, fields));
  const perValue = keyed?.perValue === undefined ? [] : [keyed.perValue.limit];
  const page = source.dialect.grammar.pageValues(most, request.offset);
  const bind = [...values, ...perValue, ...page];
  return whenDone(source.database().rows(plan.rows, bind), (rows) => {
    if (isCut(read, most, rows.length)) return undefined;
    const records = rows.map((row) => decodeRow(source.dialect, fields, row));
    return whenDone(attached(read, records), (whole) =>
      whenDone(metaOf(read, rows.length), (meta) => writeList(whole, meta)),
    );
  });
}
