// Tables, fields and relations as callers see them, key by key as recorded (spec §5.8).
import { actions } from '../../core/operation.ts';
import type { Field, Relation, Table } from './schema.ts';

/** Keys and values of an answer. */
export type View = Readonly<Record<string, unknown>>;

// The bits of GET 1, POST 2, PUT 4, PATCH 8 and DELETE 16: all of them.
const ALL_ACCESS = 31;
const READ_ACCESS = 1;

/** A table as `meta.schema` shows it. */
export function tableView(table: Table, serviceId: number | undefined): View {
  return {
    name: table.name,
    label: table.label,
    description: null,
    native: [],
    plural: table.plural,
    is_view: table.isView,
    primary_key: table.primaryKey,
    name_field: null,
    field: [...table.fields.values()].map(fieldView),
    related: [...table.relations.values()].map((relation) => relationView(relation, serviceId)),
    constraints: [],
  };
}

/** A table as `_schema/{table}` shows it: with aliases, of which there are none, and the caller's access. */
export function tableAnswer(table: Table, serviceId: number | undefined): View {
  return {
    alias: null,
    ...tableView(table, serviceId),
    field: [...table.fields.values()].map(fieldAnswer),
    related: [...table.relations.values()].map((relation) => relationAnswer(relation, serviceId)),
    access: table.isView ? READ_ACCESS : ALL_ACCESS,
  };
}

/** A field as `_schema/{table}/_field/{field}` shows it. */
export function fieldAnswer(field: Field): View {
  return { alias: null, ...fieldView(field) };
}

/** A relation as `_schema/{table}/_related/{relation}` shows it. */
export function relationAnswer(relation: Relation, serviceId: number | undefined): View {
  return { alias: null, ...relationView(relation, serviceId) };
}

/** What may be done to a table by somebody who may do everything. */
export function accessOf(table: Table): readonly string[] {
  return table.isView ? ['GET'] : actions;
}

function fieldView(field: Field): View {
  return {
    name: field.name,
    label: field.label,
    description: null,
    native: [],
    type: field.type,
    db_type: field.dbType,
    length: field.length,
    precision: field.precision,
    scale: field.scale,
    default: field.default,
    required: field.required,
    allow_null: field.allowNull,
    fixed_length: field.fixedLength,
    supports_multibyte: false,
    auto_increment: field.autoIncrement,
    is_primary_key: field.isPrimaryKey,
    is_unique: field.isUnique,
    is_index: field.isIndex,
    is_foreign_key: field.refTable !== null,
    ref_table: field.refTable,
    ref_field: field.refField,
    ref_on_update: field.refOnUpdate,
    ref_on_delete: field.refOnDelete,
    picklist: null,
    validation: null,
    db_function: null,
    is_virtual: false,
    is_aggregate: false,
  };
}

function relationView(relation: Relation, serviceId: number | undefined): View {
  const { junction } = relation;
  const id = serviceId ?? null;
  return {
    name: relation.name,
    label: relation.label,
    description: null,
    native: [],
    type: relation.type,
    field: relation.field,
    is_virtual: false,
    ref_service_id: id,
    ref_table: relation.refTable,
    ref_field: relation.refField,
    ref_on_update: relation.refOnUpdate,
    ref_on_delete: relation.refOnDelete,
    junction_service_id: junction === null ? null : id,
    junction_table: junction?.table ?? null,
    junction_field: junction?.field ?? null,
    junction_ref_field: junction?.refField ?? null,
    always_fetch: false,
    flatten: false,
    flatten_drop_prefix: false,
  };
}
