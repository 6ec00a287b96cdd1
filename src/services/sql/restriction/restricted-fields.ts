// A table as a role sees it (beyond spec §5.13): hidden fields are not there, masked ones answer their mask,
// read-only ones are not written. Invariant: what is hidden leaves nothing behind that names it or needs it,
// so that nobody can tell it from what never was.
import { PlatformError } from '../../../core/errors.ts';
import type { FieldRule } from '../../../core/restriction.ts';
import { labelOf } from '../naming.ts';
import { virtualField } from '../schema/virtual-field.ts';
import { defineTable, type Field, type ForeignService, type Relation, type Table } from '../schema.ts';

/** Rules for fields, by name in lower case. */
export type FieldRules = ReadonlyMap<string, FieldRule>;

/** Another table of the service, whole, and what the same role may not do with its fields. */
export interface RuledTable {
  readonly table: Table;
  readonly rules: FieldRules;
}

/** The other tables of the service by name; undefined where nothing is known of one. */
export type OtherTables = (name: string) => RuledTable | undefined;

const noOthers: OtherTables = () => undefined;

/** The table that a role sees; the same object where nothing of it is restricted. */
export function restrictFields(table: Table, rules: FieldRules, others: OtherTables = noOthers): Table {
  const ruled: RuledTable = { table, rules };
  const isKept = (name: string) => isUsable(ruled, name);
  const relations = [...table.relations.values()].filter((relation) => isWhole(relation, ruled, others));
  const fields = seenFields(ruled, others);
  const isSame = fields.every((field) => table.fields.get(field.name) === field);
  if (isSame && fields.length === table.fields.size && relations.length === table.relations.size)
    return table;
  const kept = [...table.fields.values()].filter(({ name }) => !isKept(name));
  const concealed = [...(table.concealed ?? []), ...kept];
  return defineTable({
    ...table,
    nameField: table.nameField !== null && isKept(table.nameField) ? table.nameField : null,
    primaryKey: table.primaryKey.every(isKept) ? table.primaryKey : [],
    fields: new Map(fields.map((field) => [field.name, field])),
    relations: new Map(relations.map((relation) => [relation.name, relation])),
    ...(concealed.length === 0 ? {} : { concealed }),
  });
}

/**
 * The rule for a field; undefined when there is none. Callers say names and aliases; a rule that was written
 * for a column goes on to hold when the column is given an alias.
 */
export function ruleFor({ table, rules }: RuledTable, field: Field): FieldRule | undefined {
  if (rules.size === 0) return undefined;
  const named = rules.get(field.name.toLowerCase());
  const column = (field.limit?.column ?? field.column).toLowerCase();
  if (column === field.name.toLowerCase()) return named;
  const owner = table.shown(column);
  const own = owner === undefined || owner === field ? rules.get(column) : undefined;
  return stronger(named, own);
}

/**
 * Refuses a table of which a role keeps a field back that is not there: it may be called otherwise now. Only
 * rules of rows that are about this one table are sure to have meant a field of it.
 */
export function refuseLostRules(ruled: RuledTable, own: readonly FieldRule[]): void {
  const isAbout = (rule: FieldRule) => {
    const rules = new Map([[rule.field.toLowerCase(), rule]]);
    return [...ruled.table.fields.values()].some(
      (field) => ruleFor({ ...ruled, rules }, field) !== undefined,
    );
  };
  const names = new Set(own.map(({ field }) => field.toLowerCase()));
  for (const [name, rule] of ruled.rules) {
    if (!names.has(name) || isAbout(rule)) continue;
    throw new PlatformError(
      'access.inapplicable_filter',
      `Access Forbidden. This role keeps back a field of table '${ruled.table.name}' that is not there. ` +
        'An administrator has to correct the role.',
    );
  }
}

function stronger(one: FieldRule | undefined, other: FieldRule | undefined): FieldRule | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return strength[one.access] >= strength[other.access] ? one : other;
}

/** How much a rule takes away. */
export const strength = { read_only: 1, masked: 2, hidden: 3 } as const;

function isUsable(ruled: RuledTable, name: string): boolean {
  const field = ruled.table.shown(name);
  if (field === undefined) return true;
  const access = ruleFor(ruled, field)?.access;
  return access === undefined || access === 'read_only';
}

function seenFields(ruled: RuledTable, others: OtherTables): readonly Field[] {
  const fields: Field[] = [];
  for (const field of ruled.table.fields.values()) {
    const rule = ruleFor(ruled, field);
    const seen = rule === undefined ? field : limited(field, rule, fields.length);
    if (seen !== undefined) fields.push(withoutHiddenTarget(seen, others));
  }
  return fields;
}

function limited(field: Field, { access, mask }: FieldRule, index: number): Field | undefined {
  if (access === 'hidden') return undefined;
  if (access === 'read_only') return { ...field, limit: { access, mask: null, column: field.column } };
  // An aggregate is no part of records, so there is nothing to show a mask in.
  return field.extras?.isAggregate === true ? undefined : masked(field, mask, index);
}

// A constant under a name of its own: no clause can reach the column by it, and whether there is a value can
// not be told either.
function masked(field: Field, mask: string | null, index: number): Field {
  const plain = virtualField(field.name, 'string');
  const extras = plain.extras && { ...plain.extras, isVirtual: false, alias: field.extras?.alias ?? null };
  return {
    ...plain,
    column: `tenon mask ${index}`,
    label: field.label === '' ? labelOf(field.name) : field.label,
    description: field.description,
    isExact: true,
    ...(extras === undefined ? {} : { extras }),
    // No text of a database holds NUL.
    limit: { access: 'masked', mask: mask?.includes('\0') === true ? null : mask, column: field.column },
  };
}

// What a field refers to is nobody's to know who does not know the other field.
function withoutHiddenTarget(field: Field, others: OtherTables): Field {
  const { refTable, refField } = field;
  if (refTable === null || refField === null || isUsableThere(refTable, [refField], others)) return field;
  return { ...field, refTable: null, refField: null, refOnUpdate: null, refOnDelete: null };
}

// A relation is there when both its ends are, and those of its junction. Other services see to theirs.
function isWhole(relation: Relation, ruled: RuledTable, others: OtherTables): boolean {
  if (!relation.fields.every((name) => isUsable(ruled, name))) return false;
  const { junction, junctionService, refService, refTable, refFields } = relation;
  const isOwn = (service: ForeignService | null) => service === null;
  if (isOwn(refService) && !isUsableThere(refTable, refFields, others)) return false;
  if (junction === null || !isOwn(junctionService)) return true;
  return isUsableThere(junction.table, [...junction.fields, ...junction.refFields], others);
}

function isUsableThere(table: string, fields: readonly string[], others: OtherTables): boolean {
  const other = others(table);
  return other === undefined || fields.every((name) => isUsable(other, name));
}
