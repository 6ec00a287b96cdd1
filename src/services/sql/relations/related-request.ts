// Which relations a request asks for, and what of their records (spec §5.9): `related=a,b` with options such
// as `a.fields`, or a map of them as scripts set it. Invariant: names that a table does not have are refused.
import { PlatformError } from '../../../core/errors.ts';
import type { Parameters, ParameterValue } from '../../../core/operation.ts';
import { parseNames } from '../../../query/fields.ts';
import type { ReadParameters } from '../reading/parameters.ts';
import type { Relation, Table } from '../schema.ts';

/** A relation that is asked for, with what is wanted of its records. */
export interface RelationRequest {
  readonly relation: Relation;
  /** Names as given; absent for all. */
  readonly fields?: readonly string[] | undefined;
  /** At most so many records for each parent. */
  readonly limit?: number | undefined;
  readonly order?: string | undefined;
  readonly group?: readonly string[] | undefined;
  readonly filter?: string | undefined;
  /** What a value of the filter means to the caller. */
  readonly meant?: ((text: string) => string) | undefined;
  /** Values of the filter's placeholders. */
  readonly params?: Readonly<Record<string, ParameterValue>> | undefined;
  /** Relations of the related records. */
  readonly related?: string | undefined;
  /** What is asked of those, under the names that it has there. */
  readonly inner?: Parameters | undefined;
}

/**
 * The relations that `related` asks for, in the table's order; with `withAlways` also those that come
 * unasked, unless `related` stands there without a value. Throws `request.invalid_parameter`.
 */
export function parseRelated(
  table: Table,
  parameters: ReadParameters,
  { withAlways = false }: { readonly withAlways?: boolean } = {},
): readonly RelationRequest[] {
  const related = parameters.get('related');
  const wanted = wantedOf(related, parameters);
  const hasAll = wanted.delete('*');
  for (const { name, alwaysFetch } of table.relations.values()) {
    const comes = hasAll || (alwaysFetch && withAlways && related !== null);
    if (comes && !wanted.has(name)) wanted.set(name, {});
  }
  for (const name of wanted.keys()) {
    if (!table.relations.has(name)) {
      throw new PlatformError('request.invalid_parameter', `Invalid relationship requested: ${name}`);
    }
  }
  if (wanted.size === 0) return [];
  const found = [...table.relations.values()].filter((relation) => wanted.has(relation.name));
  return found.map((relation) => relationRequest(relation, wanted.get(relation.name) ?? {}, parameters));
}

type Options = Readonly<Record<string, unknown>>;

function wantedOf(related: unknown, parameters: ReadParameters): Map<string, Options> {
  if (!isMap(related)) {
    return new Map(parseNames(parameters.text('related') ?? '').map((name) => [name, {}]));
  }
  return new Map(Object.entries(related).map(([name, options]) => [name, isMap(options) ? options : {}]));
}

function relationRequest(relation: Relation, options: Options, parameters: ReadParameters): RelationRequest {
  const option = new RelationOptions(relation.name, options, parameters);
  const params = parameters.get('params');
  const related = option.text('related');
  const filter = option.text('filter');
  // Said now, because the filter is only read when records are asked for.
  if (filter !== undefined) parameters.meant(filter);
  return {
    relation,
    fields: option.names('fields'),
    limit: option.limit(),
    order: option.text('order'),
    group: option.names('group'),
    filter,
    meant: parameters.meant,
    params: isMap(params) ? (params as Readonly<Record<string, ParameterValue>>) : undefined,
    related,
    inner: related === undefined ? undefined : parameters.within(relation.name),
  };
}

/** The options of one relation. */
class RelationOptions {
  readonly #relation: string;
  readonly #options: Options;
  readonly #parameters: ReadParameters;

  constructor(relation: string, options: Options, parameters: ReadParameters) {
    this.#relation = relation;
    this.#options = options;
    this.#parameters = parameters;
  }

  text(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === 'string') return value === '' ? undefined : value;
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join();
    throw this.#invalid(name, 'must be text');
  }

  names(name: string): readonly string[] | undefined {
    const text = this.text(name);
    const names = text === undefined ? [] : parseNames(text);
    return names.length === 0 ? undefined : names;
  }

  limit(): number | undefined {
    const value = this.#get('limit');
    if (value === undefined) return undefined;
    const number = typeof value === 'string' && /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) {
      throw this.#invalid('limit', 'must be a whole number, 0 or more');
    }
    return number === 0 ? undefined : number;
  }

  // As written in a body, and as PHP and our own parser of query strings spell `{relation}.fields`.
  #get(name: string): unknown {
    const relation = this.#relation;
    const spellings = [`${relation}.${name}`, `${relation}_${name}`.replace(/[ .[]/g, '_')];
    const given = spellings.map((spelling) => this.#parameters.get(spelling));
    return this.#options[name] ?? given.find((value) => value !== undefined) ?? undefined;
  }

  #invalid(name: string, what: string): PlatformError {
    return new PlatformError('request.invalid_parameter', `Parameter '${this.#relation}.${name}' ${what}.`);
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
