// The relations that foreign keys make between tables, named as recorded (spec §5.9). Same for every engine.
// Invariant: only keys of one column relate; every name of a table's relation is unique.
import { labelOf } from './naming.ts';
import type { Relation } from './schema.ts';

/** A foreign key of one column, its names resolved to those of the tables. */
export interface ForeignKey {
  readonly table: string;
  readonly field: string;
  /** Whether `field` is unique, so that there is at most one record for each one it refers to. */
  readonly isUnique: boolean;
  readonly refTable: string;
  readonly refField: string;
  readonly onUpdate: string;
  readonly onDelete: string;
}

/** Relations by table name, each table's in alphabetical order. */
export function relate(keys: readonly ForeignKey[]): Map<string, Map<string, Relation>> {
  const found = new Map<string, Relation[]>();
  const add = (table: string, relation: Omit<Relation, 'label'>) => {
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

function belongsTo(key: ForeignKey): Omit<Relation, 'label'> {
  return {
    name: `${key.refTable}_by_${key.field}`,
    type: 'belongs_to',
    field: key.field,
    refTable: key.refTable,
    refField: key.refField,
    refOnUpdate: key.onUpdate,
    refOnDelete: key.onDelete,
    junction: null,
  };
}

function has(key: ForeignKey): Omit<Relation, 'label'> {
  return {
    name: `${key.table}_by_${key.field}`,
    type: key.isUnique ? 'has_one' : 'has_many',
    field: key.refField,
    refTable: key.table,
    refField: key.field,
    refOnUpdate: key.onUpdate,
    refOnDelete: key.onDelete,
    junction: null,
  };
}

function manyToMany(near: ForeignKey, far: ForeignKey): Omit<Relation, 'label'> {
  return {
    name: `${far.refTable}_by_${near.table}`,
    type: 'many_many',
    field: near.refField,
    refTable: far.refTable,
    refField: far.refField,
    refOnUpdate: far.onUpdate,
    refOnDelete: far.onDelete,
    junction: { table: near.table, field: near.field, refField: far.field },
  };
}

// Every ordered pair of foreign keys in one table joins the two tables that they refer to.
function* junctions(keys: readonly ForeignKey[]): Generator<readonly [ForeignKey, ForeignKey]> {
  for (const [, group] of Map.groupBy(keys, (key) => key.table)) {
    for (const near of group) {
      for (const far of group) if (near.field !== far.field) yield [near, far];
    }
  }
}

// Two ways between the same tables would have one name: later ones say which column they go by.
function named(relation: Omit<Relation, 'label'>, others: readonly Relation[]): Relation {
  const isTaken = (candidate: string) => others.some((other) => other.name === candidate);
  let { name } = relation;
  if (isTaken(name)) name = `${name}_by_${relation.junction?.field ?? relation.refField}`;
  for (let n = 2; isTaken(name); n++) name = `${relation.name}_${n}`;
  return { ...relation, name, label: labelOf(name) };
}
