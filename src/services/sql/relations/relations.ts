// The relations that foreign keys make between tables, named as recorded (spec §5.9). Same for every engine.
// Invariant: every name of a table's relation is unique; a key of several columns is named by all of them.
import { labelOf } from '../naming.ts';
import type { Relation } from '../schema.ts';

/** A foreign key of one or more columns, its names resolved to those of the tables. */
export interface ForeignKey {
  readonly table: string;
  readonly fields: readonly string[];
  /** Whether the fields are unique, so that there is at most one record for each one they refer to. */
  readonly isUnique: boolean;
  readonly refTable: string;
  /** As many as `fields`. */
  readonly refFields: readonly string[];
  readonly onUpdate: string;
  readonly onDelete: string;
}

/** What a foreign key says of a relation. */
type Plain = Omit<Relation, 'label' | 'ownName' | keyof typeof unsaid>;

// What only administrators say.
const unsaid = {
  description: null,
  isVirtual: false,
  refService: null,
  junctionService: null,
  alwaysFetch: false,
  flatten: false,
  flattenDropPrefix: false,
};

/** Relations by table name, each table's in alphabetical order. */
export function relate(keys: readonly ForeignKey[]): Map<string, Map<string, Relation>> {
  const found = new Map<string, Relation[]>();
  const add = (table: string, relation: Plain) => {
    const list = found.get(table) ?? [];
    found.set(table, list);
    list.push(named(relation, list));
  };
  for (const key of keys) add(key.table, belongsTo(key));
  for (const key of keys) add(key.refTable, has(key));
  for (const [near, far] of junctions(keys)) add(near.refTable, manyToMany(near, far));
  const sorted = new Map<string, Map<string, Relation>>();
  for (const [table, list] of found) {
    const inOrder = list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    sorted.set(table, new Map(inOrder.map((relation) => [relation.name, relation])));
  }
  return sorted;
}

function belongsTo(key: ForeignKey): Plain {
  return {
    name: `${key.refTable}_by_${key.fields.join('_')}`,
    type: 'belongs_to',
    ...paired(key.fields, key.refFields),
    refTable: key.refTable,
    refOnUpdate: key.onUpdate,
    refOnDelete: key.onDelete,
    junction: null,
  };
}

function has(key: ForeignKey): Plain {
  return {
    name: `${key.table}_by_${key.fields.join('_')}`,
    type: key.isUnique ? 'has_one' : 'has_many',
    ...paired(key.refFields, key.fields),
    refTable: key.table,
    refOnUpdate: key.onUpdate,
    refOnDelete: key.onDelete,
    junction: null,
  };
}

function manyToMany(near: ForeignKey, far: ForeignKey): Plain {
  return {
    name: `${far.refTable}_by_${near.table}`,
    type: 'many_many',
    ...paired(near.refFields, far.refFields),
    refTable: far.refTable,
    refOnUpdate: far.onUpdate,
    refOnDelete: far.onDelete,
    junction: { table: near.table, ...paired(near.fields, far.fields) },
  };
}

/** The fields by which records relate, as lists and as callers read them. */
function paired(
  fields: readonly string[],
  refFields: readonly string[],
): Pick<Relation, 'field' | 'refField' | 'fields' | 'refFields'> {
  return { field: fields.join(), refField: refFields.join(), fields, refFields };
}

// Every ordered pair of foreign keys in one table joins the two tables that they refer to.
function* junctions(keys: readonly ForeignKey[]): Generator<readonly [ForeignKey, ForeignKey]> {
  for (const [, group] of Map.groupBy(keys, (key) => key.table)) {
    for (const near of group) {
      for (const far of group) if (near.fields.join() !== far.fields.join()) yield [near, far];
    }
  }
}

// Two ways between the same tables would have one name: later ones say which column they go by.
function named(relation: Plain, others: readonly Relation[]): Relation {
  const isTaken = (candidate: string) => others.some((other) => other.name === candidate);
  let { name } = relation;
  const columns = relation.junction?.fields ?? relation.refFields;
  if (isTaken(name)) name = `${name}_by_${columns.join('_')}`;
  for (let n = 2; isTaken(name); n++) name = `${relation.name}_${n}`;
  return { ...relation, ...unsaid, name, ownName: name, label: labelOf(name) };
}
