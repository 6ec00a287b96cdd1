// Tables, fields and relations as callers see them, key by key as recorded (spec §5.8).
import type { Action } from '../../../core/operation.ts';
import { verbBits } from '../../../core/role.ts';
import type { Field, Relation, Table } from '../schema.ts';

/** Keys and values of an answer. */
export type View = Readonly<Record<string, unknown>>;

/** A table as `meta.schema` shows it. */
export function tableView(table: Table, serviceId: number | undefined): View {
  return {
    name: table.ownName,
    label: table.label,
    description: table.description,
    native: [],
    plural: table.plural,
    is_view: table.isView,
    primary_key: table.primaryKey,
    name_field: table.nameField,
    field: [...table.fields.values()].map((field) => fieldView(field, table)),
    related: [...table.relations.values()].map((relation) => relationView(relation, serviceId)),
    constraints: [],
  };
}

/** A table as `_schema/{table}` shows it: with aliases, and with what the caller may do. */
export function tableAnswer(table: Table, serviceId: number | undefined, access: readonly Action[]): View {
  return {
    alias: aliasOf(table.name, table.ownName),
    ...tableView(table, serviceId),
    field: [...table.fields.values()].map((field) => fieldAnswer(field, table)),
    related: [...table.relations.values()].map((relation) => relationAnswer(relation, serviceId)),
    access: access.reduce((mask, action) => mask | verbBits[action], 0),
  };
}

/** A field as `_schema/{table}/_field/{field}` shows it. */
export function fieldAnswer(field: Field, table: Table): View {
  return { alias: aliasOf(field.name, field.limit?.column ?? field.column), ...fieldView(field, table) };
}

/** A relation as `_schema/{table}/_related/{relation}` shows it. */
export function relationAnswer(relation: Relation, serviceId: number | undefined): View {
  return { alias: aliasOf(relation.name, relation.ownName), ...relationView(relation, serviceId) };
}

function aliasOf(name: string, ownName: string): string | null {
  return name === ownName ? null : name;
}

function fieldView(field: Field, table: Table): View {
  const { extras, limit } = field;
  // An expression may name what the caller does not know.
  const isTold = extras !== undefined && extras.functions.length > 0 && table.concealed === undefined;
  return {
    name: limit?.column ?? field.column,
    label: field.label,
    description: field.description,
    native: [],
    type: field.extras?.automatic ?? field.type,
    db_type: field.dbType,
    length: field.length,
    precision: field.precision,
    scale: field.scale,
    default: field.default,
    required: field.required,
    allow_null: field.allowNull,
    fixed_length: field.fixedLength,
    supports_multibyte: field.supportsMultibyte,
    auto_increment: field.autoIncrement,
    is_primary_key: field.isPrimaryKey,
    is_unique: field.isUnique,
    is_index: field.isIndex,
    is_foreign_key: field.refTable !== null,
    ref_table: field.refTable,
    ref_field: field.refField,
    ref_on_update: field.refOnUpdate,
    ref_on_delete: field.refOnDelete,
    picklist: field.picklist,
    validation: limit === undefined ? (extras?.validation ?? null) : readOnlyRule(extras?.validation),
    db_function: isTold ? extras.functions : null,
    is_virtual: extras?.isVirtual ?? false,
    is_aggregate: extras?.isAggregate ?? false,
    ...(extras === undefined || extras.clientInfo === null ? {} : { client_info: extras.clientInfo }),
  };
}

// A role's limits look like what administrators say of a field for everybody.
function readOnlyRule(validation: Readonly<Record<string, unknown>> | null | undefined): View {
  return { ...validation, api_read_only: validation?.api_read_only ?? null };
}

function relationView(relation: Relation, serviceId: number | undefined): View {
  const { junction } = relation;
  const id = serviceId ?? null;
  return {
    name: relation.ownName,
    label: relation.label,
    description: relation.description,
    native: [],
    type: relation.type,
    field: relation.field,
    is_virtual: relation.isVirtual,
    ref_service_id: relation.refService?.id ?? id,
    ref_table: relation.refTable,
    ref_field: relation.refField,
    ref_on_update: relation.refOnUpdate,
    ref_on_delete: relation.refOnDelete,
    junction_service_id: junction === null ? null : (relation.junctionService?.id ?? id),
    junction_table: junction?.table ?? null,
    junction_field: junction?.field ?? null,
    junction_ref_field: junction?.refField ?? null,
    always_fetch: relation.alwaysFetch,
    flatten: relation.flatten,
    flatten_drop_prefix: relation.flattenDropPrefix,
  };
}
