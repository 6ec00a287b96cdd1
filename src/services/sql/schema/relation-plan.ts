// What is to be done about a relation: virtual ones are kept beside the database, real ones are foreign keys.
// Invariant: a relation without `is_virtual: false` never changes the database.
import { PlatformError } from '../../../core/errors.ts';
import { conflict, fieldNamed, missing, type PlanMode } from '../reading/plan-context.ts';
import type { Relation, Table } from '../schema.ts';
import type { RelationRequest } from './definition.ts';
import { checkName, excerpt, invalidSchema } from './definition-values.ts';
import type { RelationSaid } from './overlay.ts';
import { checkedAlias, relationSaying } from './overlay-plan.ts';
import type { SchemaPlan } from './schema-plan.ts';

/** The table that relations are planned for; without `table` it is made by the same request. */
export interface RelationPlace {
  readonly name: string;
  readonly path: readonly string[];
  readonly table?: Table;
}

/** A relation and how it is asked for. */
export interface PlannedRelation {
  readonly relation: RelationRequest;
  readonly mode: PlanMode;
}

/** Plans a relation; answers its name. */
export function planRelation(plan: SchemaPlan, place: RelationPlace, planned: PlannedRelation): string {
  const { relation, mode } = planned;
  const there = relation.name === undefined ? undefined : relationNamed(place.table, relation.name);
  if (there !== undefined) {
    if (mode.refusesExisting) throw conflict(`Relation '${there.name}' of '${place.name}' exists already.`);
    return changeRelation(plan, place, { ...planned, there });
  }
  if (!mode.addsFields) {
    throw missing(`Relation '${excerpt(relation.name ?? '')}' does not exist in table '${place.name}'.`);
  }
  return relation.said.is_virtual === false
    ? addKey(plan, place, relation)
    : addVirtual(plan, place, planned);
}

/** Plans that a relation goes: a virtual one, or the foreign key behind one that belongs to another table. */
export function dropRelation(plan: SchemaPlan, table: Table, name: string): string {
  const relation = relationNamed(table, name);
  if (relation === undefined) {
    throw missing(`Relation '${excerpt(name)}' does not exist in table '${table.name}'.`);
  }
  const { ownName } = relation;
  plan.overlay.push({ tableName: table.ownName, part: 'relation', name: ownName, settings: undefined });
  if (relation.isVirtual) return ownName;
  if (relation.type !== 'belongs_to') {
    const owner = relation.junction?.table ?? relation.refTable;
    throw new PlatformError(
      'request.conflict',
      `Relation '${relation.name}' is made by a foreign key of table '${owner}': drop it there.`,
    );
  }
  plan.alteration(table).dropKeys.push(relation.fields.map((field) => columnOf(table, field)));
  return ownName;
}

function relationNamed(table: Table | undefined, name: string): Relation | undefined {
  const wanted = name.toLowerCase();
  const relations = [...(table?.relations.values() ?? [])];
  return (
    relations.find((relation) => relation.ownName.toLowerCase() === wanted) ??
    relations.find((relation) => relation.name.toLowerCase() === wanted)
  );
}

interface ChangedRelation extends PlannedRelation {
  readonly there: Relation;
}

function changeRelation(
  plan: SchemaPlan,
  place: RelationPlace,
  { relation: { said }, mode, there }: ChangedRelation,
): string {
  const { ownName } = there;
  const stored = plan.said(place.name)?.relations.get(ownName);
  const given: RelationSaid = there.isVirtual
    ? checkVirtual(plan, place, { ...stored, ...said })
    : beside(said);
  checkRelationAlias(place, ownName, said.alias);
  if (Object.keys(given).length === 0 && (!mode.replaces || stored === undefined)) return ownName;
  plan.overlay.push(relationSaying(place.name, ownName, { stored, given, replaces: mode.replaces }));
  return ownName;
}

// What the database says of a relation is not ours to change here.
function beside(said: RelationSaid): RelationSaid {
  const { alias, label, description, always_fetch, flatten, flatten_drop_prefix } = said;
  const given = { alias, label, description, always_fetch, flatten, flatten_drop_prefix };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function checkRelationAlias(place: RelationPlace, ownName: string, alias: string | null | undefined): void {
  const others = [...(place.table?.relations.values() ?? [])].map((relation) => ({
    ownName: relation.ownName,
    alias: relation.name === relation.ownName ? null : relation.name,
  }));
  checkedAlias({ ownName, alias }, 'relation', others);
  if (alias == null || place.table?.field(alias) === undefined) return;
  throw conflict(
    `The alias '${alias}' of relation '${ownName}' is taken: a field of '${place.name}' is called that.`,
  );
}

function addKey(plan: SchemaPlan, place: RelationPlace, relation: RelationRequest): string {
  const { type, field, ref_table: refTable, ref_field: refField } = relation.said;
  const { table } = place;
  if (type !== 'belongs_to' || field === undefined || refTable === undefined || table === undefined) {
    throw invalidSchema(
      "A relation with 'is_virtual' false is a foreign key: it needs 'type' belongs_to, 'field' and " +
        "'ref_table' of a table that is there.",
    );
  }
  const column = columnOf(table, field);
  const { onUpdate, onDelete } = relation;
  plan.addKey(table, plan.targets.key([column], { table: refTable, field: refField, onUpdate, onDelete }));
  const name = `${plan.targets.table(refTable)?.ownName ?? refTable}_by_${column}`;
  const given = beside(relation.said);
  if (Object.keys(given).length > 0) {
    plan.overlay.push(relationSaying(place.name, name, { stored: undefined, given, replaces: false }));
  }
  return name;
}

function addVirtual(plan: SchemaPlan, place: RelationPlace, { relation }: PlannedRelation): string {
  const said = checkVirtual(plan, place, { ...relation.said, is_virtual: true });
  const name = relation.name ?? virtualName(plan, said);
  if (relation.name !== undefined) checkName(name, 'a relation');
  if (place.table?.field(name) !== undefined) {
    throw conflict(`A field of table '${place.name}' is called '${name}' already.`);
  }
  checkRelationAlias(place, name, said.alias);
  plan.overlay.push(relationSaying(place.name, name, { stored: undefined, given: said, replaces: false }));
  return name;
}

// As such relations are called (spec §5.9).
function virtualName({ context }: SchemaPlan, said: RelationSaid): string {
  const by =
    said.type === 'belongs_to'
      ? said.field
      : said.type === 'many_many'
        ? said.junction_table
        : said.ref_field;
  const service = said.ref_service_id == null ? null : context.overlay.serviceName(said.ref_service_id);
  return `${service === null ? '' : `${service}.`}${said.ref_table}_by_${by}`;
}

// The names of a virtual relation, brought to those of the database. Throws naming what is not there.
function checkVirtual(plan: SchemaPlan, place: RelationPlace, said: RelationSaid): RelationSaid {
  const { type, field, ref_table: refTable, ref_field: refField } = said;
  if (type === undefined || field === undefined || refTable === undefined || refField === undefined) {
    throw invalidSchema("A virtual relation needs 'type', 'field', 'ref_table' and 'ref_field'.");
  }
  const refService = foreignId(plan, 'ref_service_id', said.ref_service_id);
  const far = refService === null ? sideOf(plan, 'ref', { table: refTable, fields: [refField] }) : undefined;
  const junction = type === 'many_many' ? junctionOf(plan, said) : {};
  return {
    ...said,
    field: place.table === undefined ? field : columnOf(place.table, field),
    ref_service_id: refService,
    ref_table: far?.table ?? refTable,
    ref_field: far?.fields[0] ?? refField,
    ...junction,
  };
}

function junctionOf(plan: SchemaPlan, said: RelationSaid): RelationSaid {
  const { junction_table: table, junction_field: near, junction_ref_field: far } = said;
  if (table == null || near == null || far == null) {
    throw invalidSchema(
      "A relation of type many_many needs 'junction_table', 'junction_field' and 'junction_ref_field'.",
    );
  }
  const service = foreignId(plan, 'junction_service_id', said.junction_service_id);
  const found = service === null ? sideOf(plan, 'junction', { table, fields: [near, far] }) : undefined;
  return {
    junction_service_id: service,
    junction_table: found?.table ?? table,
    junction_field: found?.fields[0] ?? near,
    junction_ref_field: found?.fields[1] ?? far,
  };
}

function sideOf(
  plan: SchemaPlan,
  side: 'ref' | 'junction',
  { table, fields }: { readonly table: string; readonly fields: readonly string[] },
) {
  const found = plan.targets.table(table);
  if (found === undefined) {
    throw invalidSchema(`'${side}_table' names '${excerpt(table)}', which is no table of this database.`);
  }
  return { table: found.ownName, fields: fields.map((field) => columnOf(found, field)) };
}

// Null for our own service, however it is said.
function foreignId(plan: SchemaPlan, key: string, id: number | null | undefined): number | null {
  const { serviceId, overlay } = plan.context;
  if (id === undefined || id === null || id === serviceId) return null;
  if (overlay.serviceName(id) !== null) return id;
  throw invalidSchema(`'${key}' names ${id}, which is no service.`);
}

function columnOf(table: Table, name: string): string {
  const field = fieldNamed(table, name);
  if (field !== undefined && field.extras?.isVirtual !== true) return field.column;
  throw invalidSchema(`'${excerpt(name)}' is no column of table '${table.name}'.`);
}
