// Records by their keys, and rows as the records that callers see.
// Invariant: answers stand in the order of the keys asked for, undefined where there is no such record.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Literal } from '../../../core/query.ts';
import {
  type Bindable,
  type MaybePromise,
  type Row,
  type Session,
  whenDone,
} from '../../../database/connection.ts';
import type { Dialect } from '../dialect.ts';
import type { Field, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';

/** A record with JSON values. */
export type SqlRecord = Record<string, unknown>;

/** Which records to fetch. */
export interface FetchRequest {
  readonly table: Table;
  /** One value for each key field. */
  readonly keys: readonly (readonly (Literal | Uint8Array)[])[];
  readonly keyFields: readonly string[];
  readonly fields: readonly string[];
  /** Reads inside a transaction; without it the last committed state. */
  readonly session?: Session;
}

/** Fetches records in the order of their keys; undefined for keys that have none. */
export function fetchRecords(
  source: SqlSource,
  request: FetchRequest,
): MaybePromise<(SqlRecord | undefined)[]> {
  const { table, keys } = request;
  const keyFields = request.keyFields.map((name) => fieldNamed(table, name));
  const fields = request.fields.map((name) => table.shown(name) ?? fieldNamed(table, name));
  const search: Search = {
    source,
    table,
    keyFields,
    selected: [...new Set([...fields, ...keyFields])],
    session: request.session ?? source.database(),
  };
  const bound = keys.map((key) => bindKey(source.dialect, keyFields, key));
  return whenDone(findRows(search, bound), (rows) =>
    rows.map((row) => (row === undefined ? undefined : decodeRow(source.dialect, fields, row))),
  );
}

/** The record that a row is, in the order of the fields. */
export function decodeRow(dialect: Dialect, fields: readonly Field[], row: Row): SqlRecord {
  const record: SqlRecord = {};
  for (const field of fields) record[field.name] = dialect.decode(field, row[field.name]);
  return record;
}

/**
 * What is bound for a key, or undefined when it cannot be the key of any record: too few values or of wrong
 * types.
 */
export function bindKey(
  dialect: Dialect,
  fields: readonly Field[],
  values: readonly unknown[],
): Bindable[] | undefined {
  if (values.length !== fields.length) return undefined;
  const bound: Bindable[] = [];
  for (const [index, field] of fields.entries()) {
    const value = values[index];
    if (value === null || value === undefined) return undefined;
    const key = value instanceof Uint8Array ? value : encodeKey(dialect, field, value);
    if (key === undefined) return undefined;
    bound.push(key);
  }
  return bound;
}

function encodeKey(dialect: Dialect, field: Field, value: unknown): Bindable | undefined {
  // Numbers in canonical form, which nearly all keys are, need no closer look.
  const number = typeof value === 'string' && value.length < 16 ? Number(value) : Number.NaN;
  if (field.type === 'id' && Number.isInteger(number) && String(number) === value) return number;
  try {
    return dialect.encode(field, value);
  } catch (error) {
    if (error instanceof PlatformError && error.status < 500) return undefined;
    throw error;
  }
}

/** Where to look for keys. */
interface Search {
  readonly source: SqlSource;
  readonly table: Table;
  readonly keyFields: readonly Field[];
  readonly selected: readonly Field[];
  readonly session: Session;
}

function findRows(
  search: Search,
  keys: readonly (readonly Bindable[] | undefined)[],
): MaybePromise<(Row | undefined)[]> {
  const { keyFields } = search;
  const size = keyFields.length === 1 ? limits.filterList : Math.floor(limits.filterTerms / keyFields.length);
  const known = keys.filter((key) => key !== undefined);
  const found = new Map<string, Row>();
  const nameOf = (key: readonly unknown[]) => key.map(String).join('\0');
  const next = (from: number): MaybePromise<void> => {
    if (from >= known.length) return undefined;
    return whenDone(rowsOf(search, known.slice(from, from + size)), (rows) => {
      for (const row of rows) {
        const name = nameOf(keyFields.map((field) => row[field.name]));
        if (!found.has(name)) found.set(name, row);
      }
      return next(from + size);
    });
  };
  return whenDone(next(0), () => missingOnes(search, keys, (key) => found.get(nameOf(key))));
}

// A text key may be found under another spelling (a collation that ignores case), so what seems missing is
// asked for.
function missingOnes(
  search: Search,
  keys: readonly (readonly Bindable[] | undefined)[],
  lookUp: (key: readonly Bindable[]) => Row | undefined,
): MaybePromise<(Row | undefined)[]> {
  const rows = keys.map((key) => (key === undefined ? undefined : lookUp(key)));
  const next = (from: number): MaybePromise<(Row | undefined)[]> => {
    const index = rows.findIndex(
      (row, at) => at >= from && row === undefined && keys[at]?.some(isText) === true,
    );
    const key = keys[index];
    if (key === undefined) return rows;
    return whenDone(rowsOf(search, [key]), ([row]) => {
      rows[index] = row;
      return next(index + 1);
    });
  };
  return next(0);
}

// The number of keys is rounded up to 1, 2, 4, 8 …, so that few statements serve all lengths.
function rowsOf(search: Search, keys: readonly (readonly Bindable[])[]): MaybePromise<Row[]> {
  const { source, table, selected: fields, keyFields, session } = search;
  let count = 1;
  while (count < keys.length) count *= 2;
  const last = keys.at(-1) ?? [];
  const values = [...keys, ...new Array<readonly Bindable[]>(count - keys.length).fill(last)].flat();
  const { plan, values: conditions } = source.plans.keyed({ table, fields, keys: keyFields, count });
  return session.rows(plan.rows, [...values, ...conditions]);
}

function isText(value: Bindable): boolean {
  return typeof value === 'string';
}

function fieldNamed(table: Table, name: string): Field {
  const field = table.field(name);
  if (field !== undefined) return field;
  throw new PlatformError('request.invalid_field', `Invalid field requested: ${name}`);
}
