// What a write asks for, read from an operation before anything is done: which records, with which values,
// and how. Invariant: a selection is always explicit; a parameter that is given but empty is refused, never
// taken for "all".
import { PlatformError } from '../../../core/errors.ts';
import type { Operation } from '../../../core/operation.ts';
import type { CallContext } from '../../../core/service.ts';
import { ReadParameters } from '../reading/parameters.ts';
import { meantContent } from '../record-lookups.ts';
import type { Field, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import { typedContent } from '../values/text-content.ts';
import type { OnFailure } from './batch.ts';
import { besideRecords, isRecord, noRecords, readContent, textOf, type WriteContent } from './records.ts';

/** Where a write goes. */
export interface WriteTarget {
  readonly table: Table;
  /** The identifier in the path. */
  readonly id: string | undefined;
  readonly context: CallContext;
}

/** Which records are meant; `record` is what all of them are changed to, undefined for DELETE. */
export type Selection =
  | { readonly kind: 'records'; readonly records: readonly unknown[] }
  | { readonly kind: 'ids'; readonly ids: readonly unknown[]; readonly record: unknown }
  | { readonly kind: 'filter'; readonly filter: string; readonly record: unknown }
  | { readonly kind: 'all' };

/** A write as asked for. */
export interface WriteRequest {
  readonly operation: Operation;
  readonly table: Table;
  readonly context: CallContext;
  readonly selection: Selection;
  /**
   * Whether one record was named in the path: it is answered bare, and refused without the words of a
   * batch.
   */
  readonly isSingle: boolean;
  readonly onFailure: OnFailure;
  /** The fields that identify records, in this request. */
  readonly keys: readonly Field[];
  readonly parameters: ReadParameters;
}

/** Reads a write. Throws `request.*` with the recorded messages (spec §5.7) or naming the parameter. */
export function readWrite(source: SqlSource, operation: Operation, target: WriteTarget): WriteRequest {
  const { table, id, context } = target;
  refuseView(table);
  if (operation.action === 'POST' && id !== undefined) {
    throw invalidRecord('Create record by identifier not currently supported.');
  }
  const { request, action, principal } = operation;
  const typed = typedContent(readContent(request, action), request.body, table);
  const content = meantContent(typed, { source, table, principal });
  const parameters = new ReadParameters(besideRecords(request, content), principal);
  const keys = keyFields(source, table, { action: operation.action, parameters });
  const selection = select({ operation, content, parameters, id, keyCount: keys.length });
  refuseOversize(source, selection);
  if (keys.length > 1 && selection.kind === 'ids' && selection.ids.some((one) => typeof one !== 'object')) {
    throw compositeKey(table, keys);
  }
  return {
    operation,
    table,
    context,
    selection,
    isSingle: id !== undefined,
    onFailure: failureRule(parameters),
    keys,
    parameters,
  };
}

interface Parts {
  readonly operation: Operation;
  readonly content: WriteContent;
  readonly parameters: ReadParameters;
  readonly id: string | undefined;
  /** How many fields identify a record. */
  readonly keyCount: number;
}

function select(parts: Parts): Selection {
  const { operation, content, parameters, id, keyCount } = parts;
  if (operation.action === 'POST') return { kind: 'records', records: listed(content) };
  const isDelete = operation.action === 'DELETE';
  const record = () => (isDelete ? undefined : oneRecord(content));
  if (id === undefined) refuseEmpty(operation, content);
  const ids = id === undefined ? parameters.namedIds() : [partsOf(id, keyCount)];
  if (ids !== undefined) return { kind: 'ids', ids, record: record() };
  const filter = parameters.text('filter');
  if (filter !== undefined) return { kind: 'filter', filter, record: record() };
  if (!isDelete || content.list !== undefined) return { kind: 'records', records: listed(content) };
  if (parameters.flag('force')) return { kind: 'all' };
  throw new PlatformError('request.no_records', 'No filter or records given for delete request.');
}

// A key of several fields stands in the path with commas; too few or too many are refused by name.
function partsOf(id: string, keyCount: number): unknown {
  const parts = id.split(',');
  return keyCount > 1 && parts.length === keyCount ? parts : id;
}

function listed(content: WriteContent): readonly unknown[] {
  if (content.list === undefined || content.list.length === 0) throw noRecords();
  return content.list;
}

// One record for many identifiers: several would leave open which of them is meant.
function oneRecord(content: WriteContent): unknown {
  const records = content.list ?? [content.bare];
  const [record] = records;
  if (record === undefined || (isRecord(record) && Object.keys(record).length === 0)) throw noRecords();
  if (records.length > 1) {
    throw invalidRecord(
      `One record is needed for these identifiers or this filter, but ${records.length} were given. ` +
        'Leave the identifiers out when every record holds its own.',
    );
  }
  return record;
}

interface Identified {
  readonly action: Operation['action'];
  readonly parameters: ReadParameters;
}

function keyFields(source: SqlSource, table: Table, { action, parameters }: Identified): readonly Field[] {
  const named = action === 'POST' ? undefined : parameters.list('id_field');
  // Whether there is a record of a value is nothing to be told of fields that the caller may not read.
  const shown = named === undefined ? table : source.table(table.name);
  const keys = (named ?? table.primaryKey).map((name) => {
    const field = table.field(textOf(name));
    if (field !== undefined && shown.field(field.name) !== undefined) return field;
    throw new PlatformError(
      'request.invalid_field',
      `Parameter 'id_field' names '${textOf(name)}', which is no field of table '${table.name}'.`,
    );
  });
  if (keys.length > 0 || action === 'POST') return keys;
  throw invalidRecord(
    `Table '${table.name}' has no primary key: name the field that identifies records in 'id_field'.`,
  );
}

function failureRule(parameters: ReadParameters): OnFailure {
  const goesOn = parameters.flag('continue');
  const undoes = parameters.flag('rollback');
  if (goesOn && undoes) {
    throw new PlatformError(
      'request.invalid_parameter',
      "Parameters 'continue' and 'rollback' can not both be true.",
    );
  }
  return goesOn ? 'continue' : undoes ? 'rollback' : 'stop';
}

function refuseOversize(source: SqlSource, selection: Selection): void {
  const { maxRecords } = source.settings;
  const size =
    selection.kind === 'records'
      ? selection.records.length
      : selection.kind === 'ids'
        ? selection.ids.length
        : 0;
  if (size <= maxRecords) return;
  throw invalidRecord(
    `The request has ${size} records; this service takes at most ${maxRecords} at once (max_records).`,
  );
}

// An empty list of identifiers is a program's mistake; with `force` it would end in an empty table.
function refuseEmpty({ request }: Operation, { beside }: WriteContent): void {
  for (const name of ['ids', 'filter', 'where']) {
    const values = [request.parameters, beside].flatMap((from) =>
      Object.hasOwn(from, name) ? [from[name]] : [],
    );
    if (!values.some(isBlank)) continue;
    throw new PlatformError('request.invalid_parameter', `Parameter '${name}' is given but empty.`);
  }
}

function isBlank(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === null || (typeof value === 'string' && /^[\s,]*$/.test(value));
}

function refuseView(table: Table): void {
  if (table.isView) throw invalidRecord(`'${table.name}' is a view: its records can not be written.`);
}

function compositeKey(table: Table, keys: readonly Field[]): PlatformError {
  const names = keys.map((key) => `'${key.name}'`).join(', ');
  return invalidRecord(
    `Records of table '${table.name}' are identified by several fields (${names}): ` +
      'name all of them, as `1,a` in the path, as `(1,a),(2,b)` in ids or in the records, or use a filter.',
  );
}

function invalidRecord(message: string): PlatformError {
  return new PlatformError('request.invalid_record', message);
}
