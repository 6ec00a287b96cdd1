// Lists of resources rather than records: the service's root, its tables, and what `_schema` says of them.
// Invariant: a list answers names alone unless `fields` asks for more, as recorded.
import { Body } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { type Action, actions, type Message } from '../../../core/operation.ts';
import { parseNames } from '../../../query/fields.ts';
import { ReadParameters } from '../reading/parameters.ts';
import type { Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import { fieldAnswer, relationAnswer, tableAnswer, type View } from './schema-view.ts';

/** A resource at the root of the service, what can be asked of it, and what is below it. */
export interface RootResource {
  readonly root: string;
  readonly actions: readonly Action[];
  readonly names: readonly string[];
}

/** The root, for a caller. */
export interface RootList {
  readonly resources: readonly RootResource[];
  /** Whether the caller may do something at a path. */
  may(path: readonly string[], action: Action): boolean;
}

/**
 * The root: the resources of which the caller may use anything, or with `as_access_list` everything that
 * access can be granted on, as far as he has it.
 */
export function listRoot(message: Message, { resources, may }: RootList): Body {
  const parameters = new ReadParameters(message);
  const isReached = (root: string) => (name: string) => actions.some((action) => may([root, name], action));
  const seen = resources
    .map(({ root, actions: offered, names }) => ({
      ...{ root, names },
      access: offered.filter((action) => may([root], action)),
    }))
    .filter(({ root, names, access }) => access.length > 0 || names.some(isReached(root)));
  if (parameters.flag('as_access_list')) {
    const components = seen.flatMap(({ root, names }) => [
      `${root}/`,
      `${root}/*`,
      ...names.filter(isReached(root)).flatMap((name) => [`${root}/${name}/`, `${root}/${name}/*`]),
    ]);
    return Body.ofValue({ resource: ['', '*', ...components] });
  }
  return listEntries(
    parameters,
    seen.map(({ root: name, access }) => ({ view: { name }, access })),
  );
}

/** What the caller may do to a table below `_table` or `_schema`. */
export type AccessOf = (table: Table) => readonly Action[];

/** The tables that the caller may do anything to, for `_table` and `_schema`. */
export function listTables(source: SqlSource, message: Message, given: ListedTables): Body {
  const parameters = new ReadParameters(message);
  const { serviceId } = source.settings;
  const entries = source.tables().flatMap((table) => {
    const access = given.accessOf(table);
    const name = given.root === '_table' ? table.name : table.ownName;
    const view = hasMore(parameters)
      ? { ...tableAnswer(given.seen(table), serviceId, access), name }
      : { name };
    return access.length === 0 ? [] : [{ view, access }];
  });
  return listEntries(parameters, entries);
}

/** Which list of tables is asked for, by whom. */
export interface ListedTables {
  readonly root: string;
  readonly accessOf: AccessOf;
  /** A table as it may be described to the caller. */
  seen(table: Table): Table;
}

/** A path below `_schema`. */
interface SchemaPath {
  readonly table: Table;
  /** What follows the table's name. */
  readonly rest: readonly string[];
  readonly accessOf: AccessOf;
}

/** What `_schema` says below a table: itself, its fields or relations, or one of them. */
export function describeTable(source: SqlSource, message: Message, path: SchemaPath): Body {
  const { table, rest, accessOf } = path;
  const parameters = new ReadParameters(message);
  const { serviceId } = source.settings;
  if (rest.length === 0)
    return Body.ofValue(pick(parameters, tableAnswer(table, serviceId, accessOf(table))));
  const isOldSpelling = rest.length === 1 && rest[0] !== '_field' && rest[0] !== '_related';
  const [part, name] = isOldSpelling ? ['_field', rest[0]] : rest;
  if (part !== '_field' && part !== '_related') throw notFound('resource', part ?? '');
  const entries =
    part === '_field'
      ? [...table.fields.values()].map((field) => fieldAnswer(field, table))
      : [...table.relations.values()].map((relation) => relationAnswer(relation, serviceId));
  if (name === undefined) {
    return listEntries(
      parameters,
      entries.map((view) => ({ view })),
    );
  }
  const wanted = name.toLowerCase();
  const isCalled = (name: unknown) => typeof name === 'string' && name.toLowerCase() === wanted;
  const entry = entries.find((view) => isCalled(view.name)) ?? entries.find((view) => isCalled(view.alias));
  if (entry === undefined) throw notFound(part === '_field' ? 'field' : 'relationship', name);
  return Body.ofValue(pick(parameters, entry));
}

/** Whether the caller wants the schema read anew. */
export function wantsRefresh(message: Message): boolean {
  return new ReadParameters(message).flag('refresh');
}

interface Entry {
  readonly view: View;
  readonly access?: readonly string[];
}

/** A list of entries as the parameters ask for it: names, some of their members, or all. */
export function listEntries(parameters: ReadParameters, entries: readonly Entry[]): Body {
  if (parameters.flag('as_list')) return Body.ofValue({ resource: entries.map(({ view }) => view.name) });
  const withAccess = parameters.flag('include_access');
  const resource = entries.map(({ view, access }) => ({
    ...pick(parameters, view),
    ...(withAccess && access !== undefined ? { access } : {}),
  }));
  return Body.ofValue({ resource });
}

function hasMore(parameters: ReadParameters): boolean {
  return parameters.text('fields') !== undefined;
}

function pick(parameters: ReadParameters, view: View): View {
  const text = parameters.text('fields');
  if (text === undefined || text.trim() === '*') return view;
  const names = parseNames(text);
  const unknown = names.find((name) => !Object.hasOwn(view, name));
  if (unknown === undefined) return Object.fromEntries(names.map((name) => [name, view[name]]));
  throw new PlatformError('request.invalid_field', `Invalid field requested: ${unknown}`);
}

function notFound(kind: string, name: string): PlatformError {
  return new PlatformError('request.not_found', `The ${kind} '${name}' does not exist in the table.`);
}
