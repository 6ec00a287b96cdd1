// One table that records relate to, of this service or another, asked by inner calls, so that its scripts run
// and the caller's role counts there. Invariant: one call for any number of keys, more only beyond the limits
// of lists and pages; records come with the key that they were asked for by.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Parameters, ParameterValue } from '../../../core/operation.ts';
import type { Literal, Where } from '../../../core/query.ts';
import type { CallContext } from '../../../core/service.ts';
import { parseFilter } from '../../../query/filter.ts';
import type { SqlRecord } from '../reading/fetch.ts';
import { parseFields } from '../reading/parameters.ts';
import type { Field, ForeignService, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import { callTable } from './inner-call.ts';
import type { RelationRequest } from './related-request.ts';

/** Which table is asked, and for what. */
export interface RelatedTableOptions {
  readonly source: SqlSource;
  readonly context: CallContext;
  readonly wanted: RelationRequest;
  readonly table: string;
  /** Null: a table of this service. */
  readonly service: ForeignService | null;
}

/** A record with the key that it relates by. */
interface Keyed {
  readonly key: string;
  readonly record: SqlRecord;
}

/** The values of a key. */
export type Tuple = readonly Literal[];

/** A key of several values as one text; values may hold any character but NUL. */
export function keyOf(record: SqlRecord, fields: readonly string[]): string {
  const [only = '', second] = fields;
  if (second === undefined) return String(record[only]);
  return fields.map((name) => String(record[name])).join('\0');
}

/** The different keys of records; null in any part relates to nothing. */
export function tuplesOf(records: readonly SqlRecord[], fields: readonly string[]): readonly Tuple[] {
  const found = new Map<string, Tuple>();
  const [only = '', second] = fields;
  for (const record of records) {
    const values = second === undefined ? [record[only]] : fields.map((name) => record[name]);
    if (values.every(isLiteral)) found.set(nameOf(values), values);
  }
  return [...found.values()];
}

function isLiteral(value: unknown): value is Literal {
  return value !== null && value !== undefined && typeof value !== 'object';
}

/** A table that is asked for related records. */
export class RelatedTable {
  readonly #options: RelatedTableOptions;
  /** Undefined when it belongs to another service, which then knows it. */
  readonly #table: Table | undefined;
  #count = 0;

  constructor(options: RelatedTableOptions) {
    this.#options = options;
    this.#table = options.service === null ? options.source.table(options.table) : undefined;
  }

  /** Records whose fields have one of the keys, no more than `limit` for each where that can be said. */
  async find(names: readonly string[], keys: readonly Tuple[], limit?: number): Promise<Keyed[]> {
    const known = keys.filter((key) => this.#canBe(names, key));
    const found = await this.#ofKeys({ names, keys: known, limit });
    const missed = missedBySpelling(known, found);
    if (missed.length > 0) found.push(...(await this.#ofKeys({ names, keys: missed, limit })));
    return found;
  }

  async #ofKeys({ names, keys, limit }: Asked): Promise<Keyed[]> {
    const { selected, shaped } = this.#selection(names);
    const [, second] = names;
    const terms = 2 ** Math.floor(Math.log2(limits.filterTerms / names.length));
    const size = second === undefined ? limits.filterList : terms;
    const found: Keyed[] = [];
    for (let from = 0; from < keys.length; from += size) {
      const chunk = keys.slice(from, from + size);
      const spelled = new Spellings(chunk);
      for (const record of await this.#records({ names, keys: padded(chunk), limit }, selected)) {
        const key = keyOf(record, names);
        const whole = shaped(record);
        if (spelled.isAsked(key)) found.push({ key, record: whole });
        else for (const asked of spelled.behind(key)) found.push({ key: asked, record: whole });
      }
    }
    return found;
  }

  // What is asked for beside the keys, which are taken out of the records when nobody asked for them.
  #selection(names: readonly string[]): Selection {
    const { fields: given, group } = this.#options.wanted;
    const asked = given ?? group;
    if (asked === undefined || (group === undefined && asked.includes('*'))) {
      return { selected: undefined, shaped: (record) => record };
    }
    const isPlain = this.#table !== undefined && group === undefined;
    const fields = isPlain ? parseFields(this.#table, asked).map(({ name }) => name) : asked;
    const extra = names.filter((name) => !fields.includes(name));
    const selected = listed([...fields, ...extra]);
    const shaped = (record: SqlRecord) => {
      if (selected === undefined) return only(record, fields);
      for (const name of extra) delete record[name];
      return record;
    };
    return { selected, shaped };
  }

  // A value of another type than the key's, which SQLite may hold, relates to nothing.
  #canBe(names: readonly string[], key: Tuple): boolean {
    const table = this.#table;
    if (table === undefined) return true;
    const { dialect } = this.#options.source;
    return names.every((name, index) => {
      const field = table.field(name);
      if (field === undefined) return false;
      try {
        dialect.encodeLiteral(field, key[index] ?? null);
        return true;
      } catch {
        return false;
      }
    });
  }

  // A full page is asked for again in pages of a fixed order, because records must not be lost or come twice.
  async #records(asked: Asked, selected: string | undefined): Promise<SqlRecord[]> {
    const first = await this.#ask(asked, { selected, paging: undefined });
    if (first.next === undefined) return this.#counted(first.records);
    const order = await this.#fixedOrder(asked.names);
    const records: SqlRecord[] = [];
    for (let offset: number | undefined = 0; offset !== undefined; ) {
      const page = await this.#ask(asked, { selected, paging: { order, offset } });
      records.push(...this.#counted(page.records));
      offset = page.next;
    }
    return records;
  }

  async #fixedOrder(names: readonly string[]): Promise<readonly string[]> {
    if (this.#options.wanted.group !== undefined) return [...names, ...this.#options.wanted.group];
    if (this.#table !== undefined) return this.#table.primaryKey;
    const { context, table } = this.#options;
    const path = ['_schema', table];
    const known = await callTable(context, { service: this.#service(), path, action: 'GET', parameters: {} });
    const { primary_key: key } = known as { primary_key?: unknown };
    return Array.isArray(key) && key.length > 0 ? key.map(String) : names;
  }

  async #ask(asked: Asked, how: How): Promise<Page> {
    const { context, table } = this.#options;
    const value = await callTable(context, {
      service: this.#service(),
      path: ['_table', this.#table?.name ?? table],
      action: 'GET',
      parameters: this.#parameters(asked, how),
    });
    return pageOf(value, table);
  }

  #service(): string {
    const { service, source, wanted } = this.#options;
    if (service === null) return source.settings.service;
    if (service.name !== null) return service.name;
    throw new PlatformError(
      'request.invalid_parameter',
      `Relationship '${wanted.relation.name}' leads to a service that does not exist.`,
    );
  }

  #parameters(asked: Asked, { selected, paging }: How): Parameters {
    const { wanted, source } = this.#options;
    const { order, group, filter, params, related, inner } = wanted;
    const { text, values } = condition(asked);
    const sorting = [order, ...(paging?.order.map(quoted) ?? [])].filter((part) => part !== undefined).join();
    const parameters: Record<string, ParameterValue> = {
      ...inner,
      filter: filter === undefined ? text : `(${text}) and (${filter})`,
      params: params === undefined ? values : { ...params, ...values },
      ...(selected === undefined ? {} : { fields: selected }),
      ...(sorting === '' ? {} : { order: sorting }),
      ...(group === undefined ? {} : { group: listed([...asked.names, ...group]) ?? '' }),
      ...(paging === undefined ? {} : { offset: paging.offset }),
      // What is always fetched with records of that table is not fetched with related ones: it would not end.
      ...(related !== undefined ? { related } : this.#fetchesMore() ? { related: null } : {}),
    };
    Object.freeze(parameters);
    if (this.#table !== undefined) {
      source.plans.keyedReads.set(parameters, { where: this.#where(asked), perValue: this.#perValue(asked) });
    }
    return parameters;
  }

  #fetchesMore(): boolean {
    if (this.#table === undefined) return true;
    for (const relation of this.#table.relations.values()) if (relation.alwaysFetch) return true;
    return false;
  }

  #where(asked: Asked): Where {
    const { filter, params, meant } = this.#options.wanted;
    const keyed = keyedWhere(asked);
    if (filter === undefined) return keyed;
    const narrowed = parseFilter(filter, {
      field: (name) => this.#table?.field(name)?.name,
      parameter: (name) => literalOf(params?.[name] ?? params?.[`:${name}`]),
      ...(meant === undefined ? {} : { text: meant }),
    });
    return { kind: 'and', terms: [keyed, narrowed] };
  }

  #perValue({ names, limit }: Asked): { fields: readonly Field[]; limit: number } | undefined {
    if (limit === undefined || this.#options.wanted.group !== undefined) return undefined;
    const fields = names.map((name) => this.#table?.field(name)).filter((field) => field !== undefined);
    return { fields, limit };
  }

  #counted(records: SqlRecord[]): SqlRecord[] {
    this.#count += records.length;
    if (this.#count <= limits.relatedRecords) return records;
    const { name } = this.#options.wanted.relation;
    throw new PlatformError(
      'request.invalid_parameter',
      `Relationship '${name}' leads to more than ${limits.relatedRecords} records: ` +
        `set '${name}.limit' or ask for fewer records.`,
    );
  }
}

/** A question for records by keys. */
interface Asked {
  readonly names: readonly string[];
  readonly keys: readonly Tuple[];
  readonly limit: number | undefined;
}

interface How {
  readonly selected: string | undefined;
  readonly paging: { readonly order: readonly string[]; readonly offset: number } | undefined;
}

interface Selection {
  readonly selected: string | undefined;
  readonly shaped: (record: SqlRecord) => SqlRecord;
}

interface Page {
  readonly records: SqlRecord[];
  readonly next: number | undefined;
}

function pageOf(value: unknown, table: string): Page {
  const { resource: records, meta } = (value ?? {}) as { resource?: unknown; meta?: { next?: unknown } };
  if (!Array.isArray(records) || !records.every((record) => typeof record === 'object' && record !== null)) {
    throw new PlatformError(
      'request.failed',
      `A script changed the records of table '${table}' into something that is no list of records.`,
    );
  }
  const next = meta?.next;
  return { records, next: typeof next === 'number' ? next : undefined };
}

/** The condition of keys as a filter, which scripts may read and change. */
function condition({ names, keys }: Asked): { text: string; values: Record<string, string> } {
  const values: Record<string, string> = {};
  let count = 0;
  const mark = (value: Literal) => {
    const name = `k${count++}`;
    values[name] = String(value);
    return `:${name}`;
  };
  const [only, second] = names.map(quoted);
  if (only !== undefined && second === undefined) {
    return { text: `${only} in (${keys.map(([value]) => mark(value ?? null)).join()})`, values };
  }
  const isKey = (key: Tuple) =>
    names.map((name, index) => `${quoted(name)} = ${mark(key[index] ?? null)}`).join(' and ');
  return { text: keys.map((key) => `(${isKey(key)})`).join(' or '), values };
}

function keyedWhere({ names, keys }: Asked): Where {
  const [only, second] = names;
  if (only !== undefined && second === undefined) {
    return { kind: 'in', field: only, values: keys.map(([value]) => value ?? null) };
  }
  const isKey = (key: Tuple): Where => ({
    kind: 'and',
    terms: names.map((field, index) => ({ kind: 'compare', op: '=', field, value: key[index] ?? null })),
  });
  return { kind: 'or', terms: keys.map(isKey) };
}

// Lists of 1, 2, 4, 8 … keys, so that few statements serve all lengths; single fields are padded where they
// are compiled.
function padded(keys: readonly Tuple[]): readonly Tuple[] {
  const last = keys.at(-1);
  if (last === undefined || last.length === 1) return keys;
  let length = 1;
  while (length < keys.length) length *= 2;
  return [...keys, ...new Array<Tuple>(length - keys.length).fill(last)];
}

/**
 * The keys that were asked for, by the ones that records have: a collation that ignores case or accents finds
 * records by another spelling of their key.
 */
class Spellings {
  readonly #names: readonly string[];
  readonly #exact: ReadonlySet<string>;
  #folded: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(keys: readonly Tuple[]) {
    this.#names = keys.map(nameOf);
    this.#exact = new Set(this.#names);
  }

  isAsked(key: string): boolean {
    return this.#exact.has(key);
  }

  /** Those that a key which nobody asked for was found by. */
  behind(key: string): readonly string[] {
    this.#folded ??= Map.groupBy(this.#names, fold);
    return this.#folded.get(fold(key)) ?? [];
  }
}

// Of two spellings of one key only one was found exactly; the other one is asked for alone.
function missedBySpelling(keys: readonly Tuple[], found: readonly Keyed[]): readonly Tuple[] {
  const exact = new Set(found.map(({ key }) => key));
  const missed = keys.filter((key) => key.some(isText) && !exact.has(nameOf(key)));
  if (missed.length === 0 || exact.size === 0) return [];
  const folded = new Set([...exact].map(fold));
  return missed.filter((key) => folded.has(fold(nameOf(key))));
}

function isText(value: Literal): boolean {
  return typeof value === 'string';
}

function nameOf(key: Tuple): string {
  const [only = null] = key;
  if (key.length === 1) return String(only);
  return key.map(String).join('\0');
}

function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().trimEnd();
}

function only(record: SqlRecord, names: readonly string[]): SqlRecord {
  return Object.fromEntries(names.filter((name) => name in record).map((name) => [name, record[name]]));
}

function literalOf(value: unknown): Literal | undefined {
  return typeof value === 'object' && value !== null ? undefined : (value as Literal | undefined);
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
