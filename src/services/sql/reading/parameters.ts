// What a read asks for: the parameters of spec §5.5 with their aliases, checked against a table. Invariant:
// whatever is malformed or unknown is refused with a 400 that names the parameter; nothing is skipped.
import { PlatformError } from '../../../core/errors.ts';
import type { Message, Parameters, ParameterValue, Principal } from '../../../core/operation.ts';
import type { Literal, Order, Where } from '../../../core/query.ts';
import { parseNames } from '../../../query/fields.ts';
import { parseFilter } from '../../../query/filter.ts';
import { mayNameLookups, withLookups } from '../../../query/lookups.ts';
import { parseOrder } from '../../../query/order.ts';
import { parseRelated, type RelationRequest } from '../relations/related-request.ts';
import type { Field, Table } from '../schema.ts';
import { readTruth } from '../values/values.ts';
import { asksForGroups, type Grouping, parseGroups } from './grouping.ts';

/** A read of a table, understood. */
export interface ReadRequest {
  readonly fields: readonly Field[];
  readonly where: Where | undefined;
  readonly order: readonly Order[];
  /** Set when groups are asked for; `fields`, `order` and `where` are then those of the groups. */
  readonly grouping: Grouping | undefined;
  /** Undefined when none was given (0 counts as none). */
  readonly limit: number | undefined;
  readonly offset: number;
  /** Identifiers as given: text, number, or an object or list for keys of several fields. */
  readonly ids: readonly unknown[] | undefined;
  readonly idFields: readonly Field[] | undefined;
  readonly includeCount: boolean;
  readonly countOnly: boolean;
  readonly includeSchema: boolean;
  readonly relations: readonly RelationRequest[];
}

const aliases: Readonly<Record<string, readonly string[]>> = {
  fields: ['fields', 'select'],
  filter: ['filter', 'where'],
  limit: ['limit', 'top'],
  offset: ['offset', 'skip'],
  order: ['order', 'sort', 'order_by'],
  group: ['group', 'group_by'],
};

/** The parameters of the query, then those of a body that is an object; the query wins. */
export class ReadParameters {
  readonly #query: Parameters;
  readonly #body: Readonly<Record<string, unknown>>;
  readonly #principal: Principal | undefined;
  /** Whether something was read that may mean another thing to another caller. */
  isPersonal = false;

  /** With the caller, values in filters may name lookups. */
  constructor(message: Message, principal?: Principal) {
    this.#query = message.parameters;
    this.#principal = principal;
    const value = message.body?.exactValue;
    this.#body = isMap(value) ? value : {};
  }

  /** The value of a parameter under any of its names; undefined when it is absent or empty. */
  get(name: string): unknown {
    for (const source of [this.#query, this.#body]) {
      for (const alias of aliases[name] ?? [name]) {
        const value = Object.hasOwn(source, alias) ? source[alias] : undefined;
        if (value !== undefined && value !== '') return value;
      }
    }
    return undefined;
  }

  /** A text; a list of texts becomes one with commas. */
  text(name: string): string | undefined {
    const value = this.get(name);
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'bigint') return String(value);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(',');
    throw invalid(name, 'must be text');
  }

  /** A whole number from 0 on. */
  integer(name: string): number | undefined {
    return integerOf(name, this.get(name));
  }

  /** A switch: false when absent, true when it stands alone (`?include_count`). */
  flag(name: string): boolean {
    const value = this.get(name);
    if (value === undefined) return false;
    if (value === null || typeof value === 'boolean') return value ?? true;
    const truth = typeof value === 'object' ? undefined : readTruth(String(value));
    if (truth === undefined) throw invalid(name, 'must be true or false');
    return truth;
  }

  /** A list, given as such or as text with commas. */
  list(name: string): readonly unknown[] | undefined {
    const value = this.get(name);
    if (value === undefined || value === null || Array.isArray(value)) return value ?? undefined;
    if (typeof value === 'object' || typeof value === 'boolean')
      throw invalid(name, 'must be a list of values');
    return String(value)
      .split(',')
      .map((item) => item.trim());
  }

  /** Identifiers: `ids`, or the records of the body. */
  ids(): readonly unknown[] | undefined {
    const ids = this.namedIds();
    if (ids !== undefined) return ids;
    const records = this.#body.resource;
    return Array.isArray(records) ? records : undefined;
  }

  /** The identifiers in `ids`; keys of several fields as lists: `(1,a),(2,b)`. */
  namedIds(): readonly unknown[] | undefined {
    const text = this.get('ids');
    if (typeof text !== 'string' || !/^\s*\(/.test(text)) return this.list('ids');
    return [...text.matchAll(/\(([^()]*)\)/g)].map(([, key = '']) =>
      key.split(',').map((part) => part.trim()),
    );
  }

  /** Options for the relations of a relation's records: `{relation}.{other}.fields` and the like. */
  within(relation: string): Parameters {
    const found: Record<string, ParameterValue> = {};
    const prefixes = [`${relation}.`, `${relation}_`.replace(/[ .[]/g, '_')];
    for (const source of [this.#body, this.#query]) {
      for (const [name, value] of Object.entries(source)) {
        const prefix = prefixes.find((each) => name.startsWith(each));
        const rest = prefix === undefined ? '' : name.slice(prefix.length);
        if (/[._](?:fields|limit|order|group|filter|related)$/.test(rest))
          found[rest] = value as ParameterValue;
      }
    }
    return found;
  }

  /** What a filter's value means to the caller. */
  readonly meant = (text: string): string => {
    if (this.#principal === undefined || !mayNameLookups(text)) return text;
    this.isPersonal = true;
    return withLookups(text, this.#principal);
  };

  /** The value of a filter's `:name`. */
  placeholder(name: string): Literal | undefined {
    const values = this.get('params');
    if (!isMap(values)) return undefined;
    const value = Object.hasOwn(values, name) ? values[name] : values[`:${name}`];
    return typeof value === 'object' && value !== null ? undefined : (value as Literal | undefined);
  }
}

/**
 * Understands a read of a table; a condition that is known already stands for the filter's text.
 * Throws `request.invalid_parameter`, `request.invalid_field` or `request.invalid_filter`.
 */
export function parseRead(table: Table, parameters: ReadParameters, where?: Where): ReadRequest {
  const limit = parameters.integer('limit');
  const idFields = namedFields(table, parameters.text('id_field'));
  return {
    ...parseSelection(table, parameters, where),
    limit: limit === 0 ? undefined : limit,
    offset: parameters.integer('offset') ?? 0,
    ids: parameters.ids(),
    // Blank text names none, which is as if it was not given.
    idFields: idFields.length === 0 ? undefined : idFields,
    includeCount: parameters.flag('include_count'),
    countOnly: parameters.flag('count_only'),
    includeSchema: parameters.flag('include_schema'),
  };
}

type SelectionOfRead = Pick<ReadRequest, 'fields' | 'where' | 'order' | 'grouping' | 'relations'>;

function parseSelection(table: Table, parameters: ReadParameters, known: Where | undefined): SelectionOfRead {
  const fields = parameters.text('fields');
  const group = namedFields(table, parameters.text('group'));
  const order = parameters.text('order');
  const having = parameters.text('having');
  const where = known ?? parseWhere(table, parameters);
  if (!asksForGroups(table, { fields, group })) {
    if (having !== undefined)
      throw invalid('having', "needs 'group' or aggregates in 'fields'; use 'filter'");
    return {
      fields: parseFields(table, fields),
      where,
      order: order === undefined ? [] : parseOrder(order, (name) => table.field(name)?.name),
      grouping: undefined,
      relations: parseRelated(table, parameters, { withAlways: true }),
    };
  }
  const parameter = (name: string) => parameters.placeholder(name);
  const grouped = parseGroups(table, {
    ...{ fields, group, order, having, where, parameter },
    text: parameters.meant,
  });
  if (parseRelated(table, parameters).length > 0) {
    throw invalid('related', `can not be combined with ${group.length > 0 ? "'group'" : 'aggregates'}`);
  }
  return { ...grouped, where: grouped.having, relations: [] };
}

// Aggregates of records are no part of a record.
function allFields(table: Table): readonly Field[] {
  const fields = [...table.fields.values()];
  return fields.some(({ extras }) => extras?.isAggregate === true)
    ? fields.filter(({ extras }) => extras?.isAggregate !== true)
    : fields;
}

/** The fields that a text or list names; all for `*` and undefined. Throws `request.invalid_field`. */
export function parseFields(table: Table, names: string | readonly string[] | undefined): readonly Field[] {
  if (names === undefined) return allFields(table);
  const fields = new Set<Field>();
  for (const name of typeof names === 'string' ? parseNames(names) : names) {
    if (name === '*') for (const field of allFields(table)) fields.add(field);
    else fields.add(table.shown(name) ?? known(table, name));
  }
  if (fields.size === 0) throw invalid('fields', 'must name at least one field');
  return [...fields];
}

function parseWhere(table: Table, parameters: ReadParameters): Where | undefined {
  const filter = parameters.text('filter');
  if (filter === undefined) return undefined;
  return parseFilter(filter, {
    field: (name) => table.field(name)?.name,
    parameter: (name) => parameters.placeholder(name),
    text: parameters.meant,
  });
}

function namedFields(table: Table, text: string | undefined): readonly Field[] {
  return text === undefined ? [] : parseNames(text).map((name) => known(table, name));
}

function known(table: Table, name: string): Field {
  const field = table.field(name);
  if (field !== undefined) return field;
  throw new PlatformError('request.invalid_field', `Invalid field requested: ${name}`);
}

function integerOf(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' && /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw invalid(name, 'must be a whole number, 0 or more');
}

function invalid(name: string, what: string): PlatformError {
  return new PlatformError('request.invalid_parameter', `Parameter '${name}' ${what}.`);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
