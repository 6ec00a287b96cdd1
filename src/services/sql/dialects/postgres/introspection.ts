// Reads the tables, views and keys of PostgreSQL's schemas from its catalog, in five statements.
// Invariant: what the user may not read is not there, and what is named `_tenon_…` or belongs to an extension
// stays hidden.
import type { Row, Session } from '../../../../database/connection.ts';
import type { Catalog, ColumnFacts, ForeignKeyFacts, TableFacts } from '../../schema.ts';
import { rangeOf, type TypeRow, type ValueType, valueType } from './column-type.ts';
import { columnDefault } from './default.ts';

/** Which schemas are served: those named, the first one without its name before tables; none means all. */
export interface SchemaChoice {
  readonly schemas: readonly string[];
}

/** What was found, with the types of all columns by their declaration. */
export interface PostgresCatalog extends Catalog {
  readonly types: ReadonlyMap<string, ValueType>;
}

interface ColumnRow {
  readonly table: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly comment: string | null;
  readonly number: number;
  readonly column: string;
  readonly type: number;
  readonly modifier: number;
  readonly declared: string;
  readonly not_null: boolean;
  readonly default: string | null;
  readonly identity: string;
  readonly generated: string;
  readonly description: string | null;
}

interface IndexRow {
  readonly table: number;
  readonly columns: string;
  readonly is_unique: boolean;
  readonly is_primary: boolean;
}

interface KeyRow {
  readonly table: number;
  readonly columns: string;
  readonly ref_table: number;
  readonly ref_columns: string;
  readonly on_update: string;
  readonly on_delete: string;
}

/** SQL: whether schema n is served; $1 is a JSON list of schemas, empty for all but the system's own. */
export const isServed = `(CASE WHEN $1 = '[]' THEN n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  ELSE n.nspname IN (SELECT json_array_elements_text($1::json)) END)`;

const tables = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND ${isServed}
  AND left(c.relname, 7) <> '_tenon_' AND has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
    AND d.deptype = 'e')`;

const statements = {
  columns: {
    sql: `SELECT t.oid AS "table", t.nspname AS schema, t.relname AS name, t.relkind AS kind,
        obj_description(t.oid, 'pg_class') AS comment, a.attnum AS number, a.attname AS "column",
        a.atttypid AS type, a.atttypmod AS modifier, format_type(a.atttypid, a.atttypmod) AS declared,
        a.attnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS "default", a.attidentity AS identity,
        a.attgenerated AS generated, col_description(t.oid, a.attnum) AS description
      FROM (SELECT c.oid, n.nspname, c.relname, c.relkind FROM ${tables}) t
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
      WHERE has_column_privilege(t.oid, a.attnum, 'SELECT')
      ORDER BY t.nspname, t.relname, a.attnum`,
  },
  types: {
    sql: `SELECT t.oid, t.typname AS name, t.typtype AS form, t.typbasetype AS base, t.typtypmod AS modifier,
        t.typnotnull AS "isNotNull",
        CASE WHEN EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) THEN t.typelem ELSE 0 END
          AS element,
        (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)::text
          AS labels
      FROM pg_type t WHERE t.typtype <> 'c'
        AND (t.typelem = 0 OR t.typelem NOT IN (SELECT oid FROM pg_type WHERE typtype = 'c'))`,
  },
  indexes: {
    sql: `SELECT i.indrelid AS "table", i.indisunique AND i.indpred IS NULL AS is_unique,
        i.indisprimary AS is_primary,
        (SELECT json_agg(k ORDER BY o) FROM unnest(i.indkey) WITH ORDINALITY AS u(k, o)
          WHERE o <= i.indnkeyatts)::text AS columns
      FROM pg_index i WHERE i.indisvalid AND i.indrelid IN (SELECT c.oid FROM ${tables})`,
  },
  keys: {
    sql: `SELECT k.conrelid AS "table", k.confrelid AS ref_table, array_to_json(k.conkey)::text AS columns,
        array_to_json(k.confkey)::text AS ref_columns, k.confupdtype AS on_update, k.confdeltype AS on_delete
      FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0
        AND k.conrelid IN (SELECT c.oid FROM ${tables}) ORDER BY k.conrelid, k.conname`,
  },
  // The transactions that last touched the catalog's rows: any change of a table, a type, a comment or a
  // right makes other ones.
  version: {
    sql: `SELECT concat_ws(' ',
        (SELECT concat_ws('-', count(*), sum(c.xmin::text::bigint), max(c.oid)) FROM ${tables}),
        (SELECT concat_ws('-', count(*), sum(a.xmin::text::bigint)) FROM pg_attribute a
          WHERE a.attnum > 0 AND a.attrelid IN (SELECT c.oid FROM ${tables})),
        (SELECT concat_ws('-', count(*), sum(xmin::text::bigint)) FROM pg_constraint),
        (SELECT concat_ws('-', count(*), sum(xmin::text::bigint)) FROM pg_attrdef),
        (SELECT concat_ws('-', count(*), sum(i.xmin::text::bigint)) FROM pg_index i
          WHERE i.indrelid IN (SELECT c.oid FROM ${tables})),
        (SELECT concat_ws('-', count(*), sum(xmin::text::bigint)) FROM pg_enum),
        (SELECT concat_ws('-', count(*), sum(xmin::text::bigint)) FROM pg_proc WHERE oid >= 16384),
        (SELECT concat_ws('-', count(*), sum(xmin::text::bigint)) FROM pg_description WHERE objoid >= 16384),
        (SELECT sum(xmin::text::bigint) FROM pg_namespace))`,
  },
};

/** What tells a changed schema from an unchanged one. */
export async function schemaVersion(session: Session, { schemas }: SchemaChoice): Promise<unknown> {
  return (await session.column(statements.version, [JSON.stringify(schemas)]))[0];
}

/** All types but composite ones, by number. */
export async function readTypes(session: Session): Promise<ReadonlyMap<number, TypeRow>> {
  const rows = asRows<TypeRow>(await session.rows(statements.types, []));
  return new Map(rows.map((row) => [row.oid, row]));
}

/** Reads everything. */
export async function introspectPostgres(session: Session, choice: SchemaChoice): Promise<PostgresCatalog> {
  const served = [JSON.stringify(choice.schemas)];
  const types = await readTypes(session);
  const columns = asRows<ColumnRow>(await session.rows(statements.columns, served));
  const indexes = asRows<IndexRow>(await session.rows(statements.indexes, served));
  const keys = asRows<KeyRow>(await session.rows(statements.keys, served));
  const indexesOf = Map.groupBy(indexes, ({ table }) => table);
  const shapes = new Map<number, Shape>();
  for (const [table, own] of Map.groupBy(columns, (column) => column.table)) {
    const shape = shapeOf(own, { indexes: indexesOf.get(table) ?? [], choice });
    if (shape !== undefined) shapes.set(table, shape);
  }
  const known = new Map<string, ValueType>();
  for (const column of columns) {
    known.set(column.declared, valueType(types, { oid: column.type, modifier: column.modifier }));
  }
  return {
    tables: [...shapes.values()].map((shape) => tableFacts(shape, known)),
    foreignKeys: keys.flatMap((key) => keyFacts(key, shapes)),
    types: known,
  };
}

/** What callers say for an object of a schema. */
export function apiName(schema: string, name: string, { schemas }: SchemaChoice): string {
  return schema === (schemas[0] ?? 'public') ? name : `${schema}.${name}`;
}

/** What the catalog says of one table. */
interface Shape {
  readonly name: string;
  readonly first: ColumnRow;
  readonly columns: readonly ColumnRow[];
  readonly primaryKey: readonly string[];
  /** Each unique key's columns. */
  readonly unique: readonly (readonly string[])[];
  readonly indexed: ReadonlySet<string>;
}

interface Surroundings {
  readonly indexes: readonly IndexRow[];
  readonly choice: SchemaChoice;
}

function shapeOf(columns: readonly ColumnRow[], { indexes, choice }: Surroundings): Shape | undefined {
  const [first] = columns;
  if (first === undefined) return undefined;
  const named = indexes.map((index) => ({ ...index, names: columnNames(columns, index.columns) }));
  return {
    name: apiName(first.schema, first.name, choice),
    first,
    columns,
    primaryKey: named.find((index) => index.is_primary)?.names ?? [],
    unique: named.flatMap(({ is_unique, names }) => (is_unique && names !== undefined ? [names] : [])),
    indexed: new Set(named.flatMap(({ is_unique, names }) => (is_unique ? [] : (names?.slice(0, 1) ?? [])))),
  };
}

// Undefined when one of them is an expression or may not be read.
function columnNames(columns: readonly ColumnRow[], numbers: string): readonly string[] | undefined {
  const names = (JSON.parse(numbers) as number[]).map(
    (number) => columns.find((column) => column.number === number)?.column,
  );
  const known = names.filter((name) => name !== undefined);
  return known.length === names.length ? known : undefined;
}

function tableFacts(shape: Shape, types: ReadonlyMap<string, ValueType>): TableFacts {
  const { first, columns, primaryKey, name } = shape;
  return {
    name,
    path: [first.schema, first.name],
    isView: first.kind === 'v' || first.kind === 'm',
    description: first.comment,
    primaryKey,
    columns: columns.map((column) => columnFacts(column, shape, types.get(column.declared))),
  };
}

function columnFacts(column: ColumnRow, shape: Shape, found: ValueType | undefined): ColumnFacts {
  const type = found?.type ?? 'string';
  const isCounted = column.identity !== '' || /^nextval\(/.test(column.default ?? '');
  const isWhole = type === 'smallint' || type === 'integer' || type === 'bigint';
  const isGenerated = column.generated !== '' || column.identity === 'a';
  const [key, second] = shape.primaryKey;
  const isOnlyKey = key === column.column && second === undefined;
  const allowNull = !column.not_null && found?.isNotNull !== true;
  const isFilled = isCounted || isGenerated || column.default !== null;
  return {
    name: column.column,
    type: isCounted && isWhole && isOnlyKey ? 'id' : type,
    dbType: column.declared,
    length: found?.length ?? null,
    precision: found?.precision ?? null,
    scale: found?.scale ?? null,
    default: isCounted || column.generated !== '' ? null : columnDefault(column.default, type),
    required: !allowNull && !isFilled,
    allowNull,
    fixedLength: found?.name === 'bpchar',
    supportsMultibyte: type === 'string' || type === 'text',
    autoIncrement: isCounted && isWhole,
    isGenerated,
    isUnique: !isOnlyKey && shape.unique.some(([only, more]) => only === column.column && more === undefined),
    isIndex: shape.indexed.has(column.column),
    isExact: true,
    description: column.description,
    picklist: found?.labels ?? null,
    range: found === undefined ? null : rangeOf(found),
  };
}

const actions: Readonly<Record<string, string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};

function keyFacts(key: KeyRow, shapes: ReadonlyMap<number, Shape>): ForeignKeyFacts[] {
  const [from, to] = [shapes.get(key.table), shapes.get(key.ref_table)];
  if (from === undefined || to === undefined) return [];
  const columns = columnNames(from.columns, key.columns);
  const refColumns = columnNames(to.columns, key.ref_columns);
  if (columns === undefined || refColumns === undefined) return [];
  return [
    {
      table: from.name,
      columns,
      isUnique: from.unique.some((names) => names.every((name) => columns.includes(name))),
      refTable: to.name,
      refColumns,
      onUpdate: actions[key.on_update] ?? 'NO ACTION',
      onDelete: actions[key.on_delete] ?? 'NO ACTION',
    },
  ];
}

function asRows<Shape>(rows: readonly Row[]): readonly Shape[] {
  return rows as unknown as readonly Shape[];
}
