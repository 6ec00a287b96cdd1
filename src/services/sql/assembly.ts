// Tables as the service knows them, made of what introspection found. Same for every engine.
// Invariant: what callers say (names) and what SQL says (columns, paths) are told apart here and nowhere else.
import { labelOf, pluralOf } from './naming.ts';
import { type ForeignKey, relate } from './relations.ts';
import {
  type Catalog,
  defineTable,
  type Field,
  type ForeignKeyFacts,
  type Relation,
  type Table,
  type TableFacts,
} from './schema.ts';

/** The tables of a catalog, with their relations. */
export function assemble(catalog: Catalog): readonly Table[] {
  const foreignKeys = catalog.foreignKeys.flatMap(singleKey);
  const relations = relate(foreignKeys);
  return catalog.tables.map((facts) => {
    const fields = fieldsOf(facts, foreignKeys);
    return tableOf(facts, fields, relations.get(facts.name) ?? new Map());
  });
}

function singleKey(key: ForeignKeyFacts): ForeignKey[] {
  const [field, second] = key.columns;
  const [refField] = key.refColumns;
  if (field === undefined || refField === undefined || second !== undefined) return [];
  const { table, isUnique, refTable, onUpdate, onDelete } = key;
  return [{ table, field, isUnique, refTable, refField, onUpdate, onDelete }];
}

function fieldsOf(facts: TableFacts, foreignKeys: readonly ForeignKey[]): Field[] {
  return facts.columns.map((column) => {
    const reference = foreignKeys.find((key) => key.table === facts.name && key.field === column.name);
    return {
      ...column,
      type: reference !== undefined && column.type === 'integer' ? 'reference' : column.type,
      column: column.name,
      label: labelOf(column.name),
      isPrimaryKey: facts.primaryKey.includes(column.name),
      refTable: reference?.refTable ?? null,
      refField: reference?.refField ?? null,
      refOnUpdate: reference?.onUpdate ?? null,
      refOnDelete: reference?.onDelete ?? null,
    };
  });
}

function tableOf(
  facts: TableFacts,
  fields: readonly Field[],
  relations: ReadonlyMap<string, Relation>,
): Table {
  const label = labelOf(facts.name);
  return defineTable({
    name: facts.name,
    path: facts.path,
    label,
    plural: pluralOf(label),
    description: facts.description,
    isView: facts.isView,
    primaryKey: facts.primaryKey,
    fields: new Map(fields.map((field) => [field.name, field])),
    relations,
  });
}
