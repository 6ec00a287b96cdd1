// Related records: one inner call per relation, whatever the number of records, so that the related table's
// scripts run and its access is checked. Invariant: never a call per record.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Parameters, ParameterValue, Result } from '../../core/operation.ts';
import type { Literal, Where } from '../../core/query.ts';
import type { CallContext } from '../../core/service.ts';
import type { SqlRecord } from './fetch.ts';
import { parseFields, type RelationRequest } from './parameters.ts';
import type { Field, Table } from './schema.ts';
import type { SqlSource } from './source.ts';

/** What to attach to the records of a table, and how to ask for it. */
export interface RelatedRequest {
  readonly source: SqlSource;
  readonly table: Table;
  readonly relations: readonly RelationRequest[];
  readonly context: CallContext;
}

/** The fields that records must have for relations to be attached. */
export function keyFieldsOf(table: Table, relations: readonly RelationRequest[]): readonly Field[] {
  return relations.map(({ relation }) => table.field(relation.field)).filter((field) => field !== undefined);
}

/**
 * Puts related records into the given ones, under the relations' names. Throws what an inner call was refused
 * with.
 */
export async function attachRelated(records: readonly SqlRecord[], request: RelatedRequest): Promise<void> {
  if (request.relations.length > limits.relations) {
    throw new PlatformError(
      'request.invalid_parameter',
      `Parameter 'related' names more than ${limits.relations} relationships.`,
    );
  }
  for (const wanted of request.relations) {
    const { relation } = wanted;
    const values = distinct(records.map((record) => record[relation.field]));
    const found =
      relation.junction === null ? await direct(request, wanted, values) : await far(request, wanted, values);
    const isOne = relation.type === 'belongs_to' || relation.type === 'has_one';
    for (const record of records) {
      const list = found.get(String(record[relation.field])) ?? [];
      record[relation.name] = isOne ? (list[0] ?? null) : list;
    }
  }
}

/** Records by the value they relate to. */
type Found = ReadonlyMap<string, readonly SqlRecord[]>;

async function direct(
  request: RelatedRequest,
  wanted: RelationRequest,
  values: readonly Literal[],
): Promise<Found> {
  const { relation, limit } = wanted;
  const children = await new RelatedTable(request, wanted).find(relation.refField, values, limit);
  const sorted = new Sorted(limit);
  for (const { key, record } of children) sorted.put(key, record);
  return sorted.found;
}

// Two steps: the junction's rows say which far records belong to which near ones; far records keep their own
// order.
async function far(
  request: RelatedRequest,
  wanted: RelationRequest,
  values: readonly Literal[],
): Promise<Found> {
  const { relation, limit } = wanted;
  const sorted = new Sorted(limit);
  if (relation.junction === null) return sorted.found;
  const { table, field, refField } = relation.junction;
  const through: RelationRequest = {
    relation: { ...relation, refTable: table },
    fields: listed([field, refField]),
    limit: undefined,
    order: undefined,
  };
  const links = await new RelatedTable(request, through).find(field, values);
  const nearOf = Map.groupBy(links, (link) => String(link.record[refField]));
  const farKeys = distinct(links.map((link) => link.record[refField]));
  for (const { key, record } of await new RelatedTable(request, wanted).find(relation.refField, farKeys)) {
    const near = new Set((nearOf.get(key) ?? []).map((link) => link.key));
    for (const name of near) sorted.put(name, record);
  }
  return sorted.found;
}

/** Records sorted to the values they relate to, no more of them for each than the limit. */
class Sorted {
  readonly found = new Map<string, SqlRecord[]>();
  readonly #limit: number;

  constructor(limit: number | undefined) {
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
  }

  put(key: string, record: SqlRecord): void {
    const list = this.found.get(key);
    if (list === undefined) this.found.set(key, [record]);
    else if (list.length < this.#limit) list.push(record);
  }
}

/** One related table, asked by inner calls. */
class RelatedTable {
  readonly #request: RelatedRequest;
  readonly #wanted: RelationRequest;
  readonly #table: Table;
  #count = 0;

  constructor(request: RelatedRequest, wanted: RelationRequest) {
    this.#request = request;
    this.#wanted = wanted;
    this.#table = request.source.table(wanted.relation.refTable);
  }

  /** Records whose field has one of the values, each with that value as text. */
  async find(
    name: string,
    values: readonly Literal[],
    limit?: number,
  ): Promise<{ readonly key: string; readonly record: SqlRecord }[]> {
    const field = this.#table.field(name);
    if (field === undefined) return [];
    const { fields } = this.#wanted;
    const selected = fields === undefined ? undefined : parseFields(this.#table, fields);
    const names = selected && listed([...new Set([...selected, field])].map((each) => each.name));
    const isMore = selected !== undefined && (names === undefined || !selected.includes(field));
    const found: { key: string; record: SqlRecord }[] = [];
    const known = values.filter((value) => this.#canBe(field, value));
    for (let from = 0; from < known.length; from += limits.filterList) {
      const chunk = known.slice(from, from + limits.filterList);
      for (const record of await this.#records({ field, values: chunk, names, limit })) {
        found.push({ key: String(record[field.name]), record: isMore ? only(record, selected) : record });
      }
    }
    return found;
  }

  // A value of another type than the key's, which SQLite may hold, relates to nothing.
  #canBe(field: Field, value: Literal): boolean {
    try {
      this.#request.source.dialect.encodeLiteral(field, value);
      return true;
    } catch {
      return false;
    }
  }

  // A full page is asked for again in pages of a fixed order, because records must not be lost or come twice.
  async #records(asked: Asked): Promise<SqlRecord[]> {
    const first = await this.#ask(asked, undefined);
    if (first.next === undefined) return this.#counted(first.records);
    const records: SqlRecord[] = [];
    for (let offset: number | undefined = 0; offset !== undefined; ) {
      const page = await this.#ask(asked, offset);
      records.push(...this.#counted(page.records));
      offset = page.next;
    }
    return records;
  }

  async #ask(asked: Asked, offset: number | undefined): Promise<Page> {
    const { source, context } = this.#request;
    const { service } = source.settings;
    const path = ['_table', this.#table.name];
    const result = await context.call({
      service,
      path,
      action: 'GET',
      request: { parameters: this.#parameters(asked, offset), headers: {}, body: undefined },
      uri: `/api/v2/${service}/${path.map(encodeURIComponent).join('/')}`,
    });
    return pageOf(result, this.#table);
  }

  #parameters({ field, values, names, limit }: Asked, offset: number | undefined): Parameters {
    const { order } = this.#wanted;
    const marks = values.map((_value, index) => `:k${index}`);
    const params = Object.fromEntries(values.map((value, index) => [`k${index}`, String(value)]));
    const paging = [order, ...this.#table.primaryKey.map(quoted)].filter((part) => part !== undefined).join();
    const sorting = offset === undefined ? order : paging;
    const parameters: Record<string, ParameterValue> = {
      filter: `${quoted(field.name)} in (${marks.join()})`,
      params,
      ...(names === undefined ? {} : { fields: names }),
      ...(sorting === undefined || sorting === '' ? {} : { order: sorting }),
      ...(offset === undefined ? {} : { offset }),
    };
    Object.freeze(parameters);
    const where: Where = { kind: 'in', field: field.name, values };
    const perValue = limit === undefined ? undefined : { field, limit };
    this.#request.source.plans.keyedReads.set(parameters, { where, perValue });
    return parameters;
  }

  #counted(records: SqlRecord[]): SqlRecord[] {
    this.#count += records.length;
    if (this.#count <= limits.relatedRecords) return records;
    const { name } = this.#wanted.relation;
    throw new PlatformError(
      'request.invalid_parameter',
      `Relationship '${name}' leads to more than ${limits.relatedRecords} records: ` +
        `set '${name}.limit' or ask for fewer records.`,
    );
  }
}

interface Asked {
  readonly field: Field;
  readonly values: readonly Literal[];
  readonly names: string | undefined;
  readonly limit: number | undefined;
}

interface Page {
  readonly records: SqlRecord[];
  readonly next: number | undefined;
}

function pageOf(result: Result, table: Table): Page {
  const value = (result.body ?? Body.ofValue(null)).value as {
    resource?: unknown;
    meta?: { next?: unknown };
  } | null;
  if (result.status >= 400) throw refusalOf(result.status, value);
  const records = value?.resource;
  if (!Array.isArray(records) || !records.every((record) => typeof record === 'object' && record !== null)) {
    throw new PlatformError(
      'request.failed',
      `A script changed the records of table '${table.name}' into something that is no list of records.`,
    );
  }
  const next = value?.meta?.next;
  return { records, next: typeof next === 'number' ? next : undefined };
}

function refusalOf(status: number, value: unknown): PlatformError {
  const error = (value as { error?: { message?: unknown; code?: unknown; context?: unknown } } | null)?.error;
  const message =
    typeof error?.message === 'string' ? error.message : 'Related records could not be retrieved.';
  const code = typeof error?.code === 'number' || typeof error?.code === 'string' ? error.code : status;
  return new PlatformError('request.failed', message, { status, code, context: error?.context ?? null });
}

function distinct(values: readonly unknown[]): Literal[] {
  const found = new Map<string, Literal>();
  for (const value of values) {
    if (value === null || value === undefined || typeof value === 'object') continue;
    found.set(String(value), value as Literal);
  }
  return [...found.values()];
}

function only(record: SqlRecord, fields: readonly Field[]): SqlRecord {
  return Object.fromEntries(
    fields.filter(({ name }) => name in record).map(({ name }) => [name, record[name]]),
  );
}

// A comma list cannot hold a name with a comma: then all fields are asked for, and the extra ones left out
// after.
function listed(names: readonly string[]): string | undefined {
  return names.every((name) => !name.includes(',') && name.trim() === name) ? names.join() : undefined;
}

// Names that are no plain words stand in backquotes, as in filters.
function quoted(name: string): string {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}
