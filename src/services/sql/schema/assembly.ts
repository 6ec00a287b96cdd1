// Tables as the service knows them, made of what introspection found. Same for every engine.
// Invariant: what callers say (names) and what SQL says (columns, paths) are told apart here and in the
// overlay alone.
import { labelOf, pluralOf } from '../naming.ts';
import { type ForeignKey, relate } from '../relations/relations.ts';
import {
  type Catalog,
  defineTable,
  type Field,
  type ForeignKeyFacts,
  type Relation,
  type Table,
  type TableFacts,
} from '../schema.ts';
import { noOverlay, type ServiceOverlay, withOverlay } from './overlay.ts';

/** The tables of a catalog, with their relations and what administrators say of them. */
export function assemble(catalog: Catalog, overlay: ServiceOverlay = noOverlay): readonly Table[] {
  const foreignKeys = catalog.foreignKeys.map(keyOf);
  const relations = relate(foreignKeys);
  const tables = catalog.tables.map((facts) => {
    const fields = fieldsOf(facts, foreignKeys);
    return tableOf(facts, fields, relations.get(facts.name) ?? new Map());
  });
  return withOverlay(tables, overlay);
}

function keyOf(facts: ForeignKeyFacts): ForeignKey {
  const { table, columns, isUnique, refTable, refColumns, onUpdate, onDelete } = facts;
  return { table, fields: columns, isUnique, refTable, refFields: refColumns, onUpdate, onDelete };
}

function fieldsOf(facts: TableFacts, foreignKeys: readonly ForeignKey[]): Field[] {
  // A key of one column says more of that column than one of several.
  const keys = foreignKeys
    .filter((key) => key.table === facts.name)
    .toSorted((a, b) => a.fields.length - b.fields.length);
  return facts.columns.map((column) => {
    const reference = keys.find((key) => key.fields.includes(column.name));
    return {
      ...column,
      type: reference !== undefined && column.type === 'integer' ? 'reference' : column.type,
      column: column.name,
      label: labelOf(column.name),
      isPrimaryKey: facts.primaryKey.includes(column.name),
      refTable: reference?.refTable ?? null,
      refField: reference?.refFields[reference.fields.indexOf(column.name)] ?? null,
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
    ownName: facts.name,
    path: facts.path,
    label,
    plural: pluralOf(label),
    description: facts.description,
    nameField: null,
    isView: facts.isView,
    primaryKey: facts.primaryKey,
    fields: new Map(fields.map((field) => [field.name, field])),
    relations,
  });
}
