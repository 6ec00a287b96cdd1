// Lists of rows in memory: filter, order, page, fields and the extras of an answer.
// Invariant: only fields of the kind of record can be named; everything else is refused by name.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Parameters } from '../../core/operation.ts';
import type { Literal, Order, Where } from '../../core/query.ts';
import { parseFilter } from '../../query/filter.ts';
import { selectRows } from '../../query/match.ts';
import { parseOrder } from '../../query/order.ts';
import { countOption, flagOption, isObject, listOption, textOption } from './request.ts';

/** A record as it is answered. */
export type Row = Readonly<Record<string, unknown>>;

/** A field that rows of a kind have. */
export interface Field {
  readonly name: string;
  readonly type: 'integer' | 'float' | 'string' | 'text' | 'boolean' | 'object' | 'array' | 'datetime';
}

/** Who wrote a record and when: the last fields of most kinds. */
export const stampFields: readonly Field[] = [
  { name: 'created_date', type: 'datetime' },
  { name: 'last_modified_date', type: 'datetime' },
  { name: 'created_by_id', type: 'integer' },
  { name: 'last_modified_by_id', type: 'integer' },
];

/** Rows of one kind. */
export interface RowSet {
  readonly name: string;
  readonly identifier: string;
  readonly fields: readonly Field[];
  /** Members of rows that are answered only where the option `related` asks for them. */
  readonly relations?: readonly string[];
  readonly rows: readonly Row[];
  /** What a value of a filter means to the caller: it may name lookups. Absent: itself. */
  readonly meant?: (value: string) => string;
}

/**
 * The fields and relations that a caller asked for, in its order; `all` or the identifier alone when it did
 * not say. Who asks for relations wants records.
 */
export function readProjection(
  set: RowSet,
  options: Parameters,
  otherwise: 'all' | 'identifier',
): readonly string[] {
  const related = readRelations(set, options);
  const asked = listOption(options, 'fields');
  const all = set.fields.map((field) => field.name);
  const isRecord = otherwise === 'all' || related.length > 0;
  if (asked === undefined || asked.length === 0) return isRecord ? [...all, ...related] : [set.identifier];
  if (asked.includes('*')) return [...all, ...related];
  for (const name of asked) {
    if (!all.includes(name))
      throw new PlatformError('request.invalid_field', `Invalid field requested: ${name}`);
  }
  return [...new Set([...asked, ...related])];
}

function readRelations({ relations = [] }: RowSet, options: Parameters): readonly string[] {
  const asked = listOption(options, 'related') ?? [];
  if (asked.includes('*')) return relations;
  const unknown = asked.filter((name) => !relations.includes(name));
  if (unknown.length === 0) return asked;
  throw new PlatformError(
    'request.invalid_parameter',
    `Invalid relationship requested: ${unknown.join(', ')}`,
  );
}

/** The named fields of a row. */
export function project(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
}

/** The rows that `filter` chooses, in their own order. */
export function filterRows(set: RowSet, options: Parameters): readonly Row[] {
  return select(set, { where: readFilter(set, options), order: [], skip: 0, limit: undefined });
}

/** The answer of a list: a page of rows and its `meta`, or what `count_only` or `as_list` ask for instead. */
export function listAnswer(set: RowSet, options: Parameters): unknown {
  const rows = filterRows(set, options);
  if (flagOption(options, 'count_only')) return rows.length;
  const asked = countOption(options, 'limit');
  const skip = countOption(options, 'offset') ?? 0;
  const limit = Math.min(asked ?? limits.records, limits.records);
  const order = readOrder(set, options);
  const page = select({ ...set, rows }, { where: undefined, order, skip, limit });
  const names = readProjection(set, options, 'all');
  const asList = flagOption(options, 'as_list');
  const resource = page.map((row) => (asList ? row[set.identifier] : project(row, names)));
  return withMeta(set, options, { resource, count: rows.length, skip, limit });
}

/** A page of a list: what is answered of it, how many there are in all, and where it is. */
export interface ListPage {
  readonly resource: readonly unknown[];
  readonly count: number;
  readonly skip: number;
  readonly limit: number;
}

/** The answer of a page with its `meta`: a count where it is asked for or where more follows unasked. */
export function withMeta(set: RowSet, options: Parameters, page: ListPage): unknown {
  const { resource, count, skip, limit } = page;
  const hasMore = skip + resource.length < count;
  const isCut = hasMore && countOption(options, 'limit') === undefined;
  const wantsCount = flagOption(options, 'include_count') || isCut;
  const meta = {
    ...(wantsCount ? { count } : {}),
    ...(wantsCount && hasMore ? { next: skip + limit } : {}),
    ...(flagOption(options, 'include_schema') ? { schema: schemaOf(set) } : {}),
  };
  return Object.keys(meta).length === 0 ? { resource } : { resource, meta };
}

interface Page {
  readonly where: Where | undefined;
  readonly order: readonly Order[];
  readonly skip: number;
  readonly limit: number | undefined;
}

function select(set: RowSet, page: Page): readonly Row[] {
  const names = [...set.fields.map((field) => field.name), ...(set.relations ?? [])];
  return selectRows(set.rows, { ...page, select: names });
}

/** The condition that the option `filter` states. */
export function readFilter(set: RowSet, options: Parameters): Where | undefined {
  const text = textOption(options, 'filter');
  if (text === undefined) return undefined;
  const values = isObject(options.params) ? options.params : {};
  return parseFilter(text, {
    ...(set.meant === undefined ? {} : { text: set.meant }),
    field: (name) => fieldNamed(set, name),
    parameter: (name) => literalOf(Object.hasOwn(values, name) ? values[name] : undefined),
  });
}

function literalOf(value: unknown): Literal | undefined {
  const isLiteral = value === null || ['string', 'number', 'boolean'].includes(typeof value);
  return isLiteral ? (value as Literal) : undefined;
}

/** The ordering that the option `order` states; empty when it is not given. */
export function readOrder(set: RowSet, options: Parameters): Order[] {
  const text = textOption(options, 'order');
  return text === undefined ? [] : parseOrder(text, (name) => fieldNamed(set, name));
}

function fieldNamed(set: RowSet, name: string): string | undefined {
  return set.fields.find((field) => field.name === name.toLowerCase())?.name;
}

function schemaOf({ name, identifier, fields }: RowSet) {
  const field = fields.map((entry) => ({ ...entry, is_primary_key: entry.name === identifier }));
  return { name, primary_key: [identifier], field };
}
