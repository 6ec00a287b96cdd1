// What administrators say of tables, fields and relations, laid over what introspection found: aliases,
// labels, rules, virtual fields and relations. Invariant: the database wins: an alias that meanwhile is the
// name of something else, and what is said of something that is gone, count as not said.
import { labelOf, pluralOf } from '../naming.ts';
import {
  type DatabaseFunction,
  defineTable,
  type Field,
  type FieldExtras,
  type ForeignService,
  type Relation,
  type Table,
} from '../schema.ts';
import { virtualField } from './virtual-field.ts';

/** What is said of a table itself, in the words of requests. */
export interface TableSaid {
  readonly alias?: string | null;
  readonly label?: string | null;
  readonly plural?: string | null;
  readonly description?: string | null;
  readonly name_field?: string | null;
}

/** What is said of a field. */
export interface FieldSaid {
  readonly alias?: string | null;
  readonly label?: string | null;
  readonly description?: string | null;
  readonly picklist?: readonly string[] | null;
  readonly validation?: Readonly<Record<string, unknown>> | null;
  readonly db_function?: readonly DatabaseFunction[] | null;
  readonly client_info?: unknown;
  /** Of a virtual field, or one that gets its value by itself. */
  readonly type?: string | null;
  readonly is_virtual?: boolean;
  readonly is_aggregate?: boolean;
}

/** What is said of a relation; a virtual one consists of it. Names are the database's own. */
export interface RelationSaid {
  readonly alias?: string | null;
  readonly label?: string | null;
  readonly description?: string | null;
  readonly always_fetch?: boolean;
  readonly flatten?: boolean;
  readonly flatten_drop_prefix?: boolean;
  readonly is_virtual?: boolean;
  readonly type?: Relation['type'];
  readonly field?: string;
  readonly ref_service_id?: number | null;
  readonly ref_table?: string;
  readonly ref_field?: string;
  readonly junction_service_id?: number | null;
  readonly junction_table?: string | null;
  readonly junction_field?: string | null;
  readonly junction_ref_field?: string | null;
}

/** All that is said of a table, by the database's own names. */
export interface TableOverlay {
  readonly table: TableSaid;
  readonly fields: ReadonlyMap<string, FieldSaid>;
  readonly relations: ReadonlyMap<string, RelationSaid>;
}

/** All that is said of the tables of a service. The same object as long as nothing changed. */
export interface ServiceOverlay {
  /** Another one after each change of the database's schema that went through us, in whichever process. */
  readonly revision: string;
  readonly tables: ReadonlyMap<string, TableOverlay>;
  /** The name of another service; null when there is none with that number. */
  serviceName(id: number): string | null;
}

/** Nothing said. */
export const noOverlay: ServiceOverlay = { revision: '', tables: new Map(), serviceName: () => null };

const nothing: TableOverlay = { table: {}, fields: new Map(), relations: new Map() };

/** The tables as callers know them. */
export function withOverlay(tables: readonly Table[], overlay: ServiceOverlay): readonly Table[] {
  if (overlay.tables.size === 0) return tables;
  const names = aliased(tables.map(({ ownName }) => [ownName, said(overlay, ownName).table.alias]));
  const dressed = tables.map((table) => dressTable(table, said(overlay, table.ownName), names));
  const byOwnName = new Map(dressed.map((table) => [table.ownName, table]));
  return dressed.map((table, index) => {
    const own = tables[index]?.relations.values() ?? [];
    const context = { table, tables: byOwnName, overlay };
    return defineTable({ ...table, relations: relationsOf([...own], context) });
  });
}

function said(overlay: ServiceOverlay, table: string): TableOverlay {
  return overlay.tables.get(table) ?? nothing;
}

// An alias counts unless something else is called that, in whichever case.
function aliased(entries: readonly (readonly [name: string, alias: string | null | undefined])[]) {
  const taken = new Set(entries.map(([name]) => name.toLowerCase()));
  const names = new Map<string, string>();
  for (const [name, alias] of entries) {
    const isFree = typeof alias === 'string' && !taken.has(alias.toLowerCase());
    const isOwn = typeof alias === 'string' && alias.toLowerCase() === name.toLowerCase();
    if (isFree) taken.add(alias.toLowerCase());
    names.set(name, isFree || isOwn ? alias : name);
  }
  return names;
}

function dressTable(table: Table, overlay: TableOverlay, names: ReadonlyMap<string, string>): Table {
  const label = overlay.table.label ?? table.label;
  const fields = fieldsOf(table, overlay);
  const nameOf = (column: string) => fields.find((field) => field.column === column)?.name ?? column;
  const nameField = overlay.table.name_field ?? null;
  return defineTable({
    ...table,
    name: names.get(table.ownName) ?? table.ownName,
    label,
    plural: overlay.table.plural ?? (overlay.table.label == null ? table.plural : pluralOf(label)),
    description: overlay.table.description ?? table.description,
    nameField: nameField === null ? null : nameOf(nameField),
    primaryKey: table.primaryKey.map(nameOf),
    fields: new Map(fields.map((field) => [field.name, field])),
  });
}

function fieldsOf(table: Table, overlay: TableOverlay): readonly Field[] {
  const own = [...table.fields.values()];
  const columns = new Set(own.map(({ column }) => column));
  const virtual = [...overlay.fields].flatMap(([name, given]) =>
    given.is_virtual === true && !columns.has(name) ? [virtualField(name, given.type ?? null)] : [],
  );
  const all = [...own, ...virtual];
  const names = aliased(all.map(({ column }) => [column, overlay.fields.get(column)?.alias]));
  return all.map((field) => dressField(field, overlay.fields.get(field.column), names));
}

function dressField(field: Field, given: FieldSaid | undefined, names: ReadonlyMap<string, string>): Field {
  if (given === undefined) return field;
  const name = names.get(field.column) ?? field.column;
  return {
    ...field,
    name,
    label: given.label ?? field.label,
    description: given.description ?? field.description,
    picklist: given.picklist ?? field.picklist,
    extras: extrasOf(field, given, name),
  };
}

function extrasOf(field: Field, given: FieldSaid, name: string): FieldExtras {
  const isVirtual = field.extras?.isVirtual === true;
  return {
    alias: name === field.column ? null : name,
    automatic: isVirtual ? null : automaticType(given.type),
    validation: given.validation ?? null,
    functions: given.db_function ?? [],
    isVirtual,
    isAggregate: isVirtual && given.is_aggregate === true,
    clientInfo: given.client_info ?? null,
  };
}

const automaticTypes: readonly FieldExtras['automatic'][] = [
  'timestamp_on_create',
  'timestamp_on_update',
  'user_id',
  'user_id_on_create',
  'user_id_on_update',
];

/** The type of a field that gets its value by itself; null for any other. */
export function automaticType(type: string | null | undefined): FieldExtras['automatic'] {
  return automaticTypes.find((known) => known === type) ?? null;
}

/** What the relations of a table are told by. */
interface RelationContext {
  readonly table: Table;
  readonly tables: ReadonlyMap<string, Table>;
  readonly overlay: ServiceOverlay;
}

function relationsOf(own: readonly Relation[], context: RelationContext): ReadonlyMap<string, Relation> {
  const given = said(context.overlay, context.table.ownName).relations;
  const known = new Set(own.map(({ ownName }) => ownName));
  const virtual = [...given].flatMap(([name, relation]) =>
    relation.is_virtual === true && !known.has(name) ? (virtualRelation(name, relation, context) ?? []) : [],
  );
  const all = [...own.map((relation) => renamed(relation, context)), ...virtual];
  const names = aliased(all.map(({ ownName }) => [ownName, given.get(ownName)?.alias]));
  const dressed = all.map((relation) => ({
    ...relation,
    ...flagsOf(relation, given.get(relation.ownName)),
    name: names.get(relation.ownName) ?? relation.ownName,
  }));
  const sorted = dressed.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(sorted.map((relation) => [relation.name, relation]));
}

function flagsOf(relation: Relation, given: RelationSaid | undefined) {
  return {
    label: given?.label ?? relation.label,
    description: given?.description ?? relation.description,
    alwaysFetch: given?.always_fetch === true,
    flatten: given?.flatten === true,
    flattenDropPrefix: given?.flatten_drop_prefix === true,
  };
}

// The names of a relation's tables and fields are those that callers say.
function renamed(relation: Relation, { table, tables }: RelationContext): Relation {
  const far = tables.get(relation.refTable);
  const { junction } = relation;
  const middle = junction === null ? undefined : tables.get(junction.table);
  const fields = relation.fields.map((column) => fieldName(table, column));
  const refFields = relation.refFields.map((column) => fieldName(far, column));
  return {
    ...relation,
    ...{ fields, field: fields.join(), refFields, refField: refFields.join() },
    refTable: far?.name ?? relation.refTable,
    junction:
      junction === null
        ? null
        : joined(
            middle?.name ?? junction.table,
            junction.fields.map((column) => fieldName(middle, column)),
            junction.refFields.map((column) => fieldName(middle, column)),
          ),
  };
}

function joined(table: string, fields: readonly string[], refFields: readonly string[]) {
  return { table, field: fields.join(), refField: refFields.join(), fields, refFields };
}

function fieldName(table: Table | undefined, column: string): string {
  return fieldOf(table, column)?.name ?? column;
}

function fieldOf(table: Table | undefined, column: string): Field | undefined {
  if (table === undefined) return undefined;
  for (const field of table.fields.values()) if (field.column === column) return field;
  return undefined;
}

// Of another service we know what was said; of this one, whether it is still true.
function virtualRelation(name: string, given: RelationSaid, context: RelationContext): Relation | undefined {
  const { type, field = '', ref_table: refTable = '', ref_field: refField = '' } = given;
  const { table, tables, overlay } = context;
  const refService = foreign(given.ref_service_id, overlay);
  const far = refService === null ? tables.get(refTable) : undefined;
  const isGone = refService === null && fieldOf(far, refField) === undefined;
  if (type === undefined || isGone || fieldOf(table, field) === undefined) return undefined;
  const junction = type === 'many_many' ? virtualJunction(given, context) : null;
  if (junction === undefined) return undefined;
  const names = { field: fieldName(table, field), refField: fieldName(far, refField) };
  return {
    ...{ name, ownName: name, label: labelOf(name), description: null, type },
    ...{ ...names, fields: [names.field], refFields: [names.refField] },
    refTable: far?.name ?? refTable,
    ...{ refOnUpdate: null, refOnDelete: null, isVirtual: true, refService, junction },
    junctionService: junction === null ? null : foreign(given.junction_service_id, overlay),
    ...{ alwaysFetch: false, flatten: false, flattenDropPrefix: false },
  };
}

function virtualJunction(given: RelationSaid, { tables, overlay }: RelationContext) {
  const { junction_table: name, junction_field: near, junction_ref_field: far } = given;
  if (name == null || near == null || far == null) return undefined;
  if (foreign(given.junction_service_id, overlay) !== null) return joined(name, [near], [far]);
  const table = tables.get(name);
  const [nearField, farField] = [fieldOf(table, near), fieldOf(table, far)];
  if (table === undefined || nearField === undefined || farField === undefined) return undefined;
  return joined(table.name, [nearField.name], [farField.name]);
}

function foreign(id: number | null | undefined, overlay: ServiceOverlay): ForeignService | null {
  return id === null || id === undefined ? null : { id, name: overlay.serviceName(id) };
}
