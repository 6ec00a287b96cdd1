// From the JSON of a request on `_schema` to what it asks for (spec §5.8). Invariant: what is understood is
// checked as far as that needs no database; members that nobody knows are ignored, as in records.
import type { Operation } from '../../../core/operation.ts';
import { isRecord, noRecords, readContent, textOf } from '../writing/records.ts';
import { readValidation } from '../writing/validation-rules.ts';
import {
  type ColumnRequest,
  type FieldRequest,
  type ForeignKeyAction,
  type Reference,
  type RelationRequest,
  type TableRequest,
  type TypeWord,
  typeWords,
} from './definition.ts';
import { excerpt, type Given, invalidSchema, Member } from './definition-values.ts';
import { readFunctions } from './field-function.ts';
import { automaticType, type FieldSaid, type RelationSaid, type TableSaid } from './overlay.ts';

/** The objects that the body of a request holds: wrapped in `resource`, as a bare list, or one alone. */
export function readObjects(operation: Operation): readonly Given[] {
  const { list, bare } = readContent(operation.request, operation.action);
  const objects = list ?? (bare === undefined ? [] : [bare]);
  if (objects.every((entry) => isRecord(entry) && Object.keys(entry).length === 0)) throw noRecords();
  const wrong = objects.find((entry) => !isRecord(entry));
  if (wrong === undefined) return objects as readonly Given[];
  throw invalidSchema(`Every entry must be an object, not '${excerpt(textOf(wrong))}'.`);
}

/** A table; `name` stands in the path and need not be in the object. */
export function readTable(given: Given, name?: string): TableRequest {
  const own = nameOf(given, 'a table', name);
  const member = new Member(`Table '${own}'`, given);
  const listed = member.texts('primary_key') ?? [];
  const fields = member.objects('field')?.map((field) => readField(field));
  return {
    name: own,
    said: defined({
      alias: member.text('alias'),
      label: member.text('label'),
      plural: member.text('plural'),
      description: member.text('description', descriptionChars),
      name_field: member.text('name_field'),
    }) satisfies TableSaid,
    fields: fields?.map((field) => (listed.includes(field.name) ? asKey(field) : field)),
    relations: member.objects('related')?.map((relation) => readRelation(relation)),
  };
}

const descriptionChars = 10_000;

function asKey(field: FieldRequest): FieldRequest {
  return field.column === undefined ? field : { ...field, column: { ...field.column, isPrimaryKey: true } };
}

/** A field; `name` stands in the path and need not be in the object. */
export function readField(given: Given, name?: string): FieldRequest {
  const own = nameOf(given, 'a field', name);
  const member = new Member(`Field '${own}'`, given);
  const isVirtual = member.flag('is_virtual') === true;
  const type = member.word('type', Object.keys(typeWords) as TypeWord[]) ?? undefined;
  const said = defined({
    alias: member.text('alias'),
    label: member.text('label'),
    description: member.text('description', descriptionChars),
    picklist: member.texts('picklist'),
    validation: readValidation(own, member.map('validation')),
    db_function: readFunctions(own, member),
    client_info: member.get('client_info'),
    is_virtual: isVirtual ? true : undefined,
    is_aggregate: isVirtual ? member.flag('is_aggregate') : undefined,
    type: isVirtual ? (type === undefined ? undefined : typeWords[type]) : automaticOf(type),
  }) satisfies FieldSaid;
  return { name: own, column: isVirtual ? undefined : readColumn(member, type), said };
}

// A type that is none of these takes back that it was one.
function automaticOf(type: TypeWord | undefined): string | null | undefined {
  return type === undefined ? undefined : automaticType(type);
}

function readColumn(member: Member, type: TypeWord | undefined): ColumnRequest {
  const required = member.flag('required');
  const given = member.get('default');
  return defined({
    type,
    dbType: member.text('db_type') ?? undefined,
    length: member.count('length', 'size'),
    precision: member.count('precision'),
    scale: member.count('scale'),
    default: given,
    allowNull: member.flag('allow_null', 'is_nullable') ?? (required === true ? false : undefined),
    isPrimaryKey: member.flag('is_primary_key'),
    autoIncrement: member.flag('auto_increment'),
    isUnique: member.flag('is_unique'),
    isIndex: member.flag('is_index'),
    fixedLength: member.flag('fixed_length'),
    supportsMultibyte: member.flag('supports_multibyte'),
    reference: readReference(member, type),
  });
}

function readReference(member: Member, type: TypeWord | undefined): Reference | null | undefined {
  const table = member.text('ref_table');
  const isKey = member.flag('is_foreign_key');
  if (isKey === false && table === undefined) return null;
  if (table === undefined || table === null || table === '') {
    if (type === 'reference' || isKey === true) member.wrong('ref_table', 'is needed for a reference');
    return table === undefined ? undefined : null;
  }
  return {
    table,
    field: member.text('ref_field') ?? undefined,
    onUpdate: actionOf(member, 'ref_on_update'),
    onDelete: actionOf(member, 'ref_on_delete'),
  };
}

const foreignKeyActions: readonly ForeignKeyAction[] = [
  'NO ACTION',
  'RESTRICT',
  'CASCADE',
  'SET NULL',
  'SET DEFAULT',
];

function actionOf(member: Member, key: string): ForeignKeyAction | null {
  return member.word(key, foreignKeyActions) ?? null;
}

const relationTypes = ['belongs_to', 'has_one', 'has_many', 'many_many'] as const;

/** A relation; `name` stands in the path and need not be in the object. */
export function readRelation(given: Given, name?: string): RelationRequest {
  const own = name ?? (isRecord(given) && typeof given.name === 'string' ? given.name : undefined);
  const member = new Member(own === undefined ? 'A relation' : `Relation '${excerpt(own)}'`, given);
  return {
    name: own === undefined || own === '' ? undefined : own,
    onUpdate: actionOf(member, 'ref_on_update'),
    onDelete: actionOf(member, 'ref_on_delete'),
    said: defined({
      alias: member.text('alias'),
      label: member.text('label'),
      description: member.text('description', descriptionChars),
      always_fetch: member.flag('always_fetch'),
      flatten: member.flag('flatten'),
      flatten_drop_prefix: member.flag('flatten_drop_prefix'),
      is_virtual: member.flag('is_virtual'),
      type: member.word('type', relationTypes) ?? undefined,
      field: member.text('field') ?? undefined,
      ref_service_id: member.count('ref_service_id'),
      ref_table: member.text('ref_table') ?? undefined,
      ref_field: member.text('ref_field') ?? undefined,
      junction_service_id: member.count('junction_service_id'),
      junction_table: member.text('junction_table'),
      junction_field: member.text('junction_field'),
      junction_ref_field: member.text('junction_ref_field'),
    }) satisfies RelationSaid,
  };
}

function nameOf(given: Given, what: string, inPath: string | undefined): string {
  const name = given.name;
  if (name === undefined || name === null || name === '') {
    if (inPath !== undefined) return inPath;
    throw invalidSchema(`The request has ${what} without a 'name'.`);
  }
  if (typeof name !== 'string') throw invalidSchema(`The 'name' of ${what} must be text.`);
  if (inPath === undefined || inPath.toLowerCase() === name.toLowerCase()) return name;
  throw invalidSchema(
    `The path names ${what} '${excerpt(inPath)}', the body '${excerpt(name)}'. Renaming is done in the ` +
      "database; an 'alias' renames it for callers.",
  );
}

/** An object without the members that are undefined. */
function defined<T extends object>(members: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}
