// Reads the tables, views and keys of a SQL Server database from its catalog views, in a few statements.
// Invariant: names starting with `_tenon_` and what the login may not see stay hidden; every list has one
// order, because names of relations depend on it.
import type { MaybePromise, Row, Session } from '../../../../database/connection.ts';
import type { Catalog, ColumnFacts, ForeignKeyFacts, TableFacts } from '../../schema.ts';
import { typeFacts } from './column-type.ts';

/** The statements of the catalog; for tests of their text, too. */
export const catalogStatements = {
  tables: {
    sql: `SELECT o.object_id AS id, s.name AS [schema], o.name AS name, o.type AS kind,
      CAST(p.value AS nvarchar(4000)) AS description
      FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
      LEFT JOIN sys.extended_properties p
        ON p.major_id = o.object_id AND p.minor_id = 0 AND p.class = 1 AND p.name = 'MS_Description'
      WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 AND s.name NOT IN ('sys', 'INFORMATION_SCHEMA')
        AND o.name NOT LIKE '[_]tenon[_]%'
      ORDER BY s.name, o.name`,
  },
  columns: {
    sql: `SELECT c.object_id AS id, c.column_id AS number, c.name AS name,
      COALESCE(b.name, t.name) AS type, c.max_length AS max_length, c.precision AS [precision],
      c.scale AS scale, c.is_nullable AS is_nullable, c.is_identity AS is_identity,
      c.is_computed AS is_computed, c.generated_always_type AS generated_always, d.definition AS [default],
      CAST(p.value AS nvarchar(4000)) AS description
      FROM sys.columns c JOIN sys.objects o ON o.object_id = c.object_id
      JOIN sys.types t ON t.user_type_id = c.user_type_id
      LEFT JOIN sys.types b ON b.user_type_id = t.system_type_id AND t.is_user_defined = 1
      LEFT JOIN sys.default_constraints d ON d.object_id = c.default_object_id
      LEFT JOIN sys.extended_properties p ON p.major_id = c.object_id AND p.minor_id = c.column_id
        AND p.class = 1 AND p.name = 'MS_Description'
      WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
      ORDER BY c.object_id, c.column_id`,
  },
  indexes: {
    sql: `SELECT i.object_id AS id, i.index_id AS number, i.name AS name, i.is_unique AS is_unique,
      i.is_primary_key AS is_primary_key, i.has_filter AS has_filter, c.name AS [column]
      FROM sys.indexes i JOIN sys.objects o ON o.object_id = i.object_id
      JOIN sys.index_columns x ON x.object_id = i.object_id AND x.index_id = i.index_id
      JOIN sys.columns c ON c.object_id = x.object_id AND c.column_id = x.column_id
      WHERE o.type = 'U' AND o.is_ms_shipped = 0 AND x.is_included_column = 0
      ORDER BY i.object_id, i.index_id, x.key_ordinal`,
  },
  keys: {
    sql: `SELECT f.object_id AS id, f.parent_object_id AS table_id, f.referenced_object_id AS ref_id,
      pc.name AS [column], rc.name AS ref_column,
      f.update_referential_action_desc AS on_update, f.delete_referential_action_desc AS on_delete
      FROM sys.foreign_keys f
      JOIN sys.foreign_key_columns k ON k.constraint_object_id = f.object_id
      JOIN sys.columns pc ON pc.object_id = k.parent_object_id AND pc.column_id = k.parent_column_id
      JOIN sys.columns rc ON rc.object_id = k.referenced_object_id AND rc.column_id = k.referenced_column_id
      ORDER BY f.object_id, k.constraint_column_id`,
  },
  version: {
    sql: `SELECT CONVERT(varchar(40), MAX(modify_date), 121) + '/' + CONVERT(varchar(20), COUNT(*)) AS version
      FROM sys.objects WHERE is_ms_shipped = 0`,
  },
};

/** Rows of the four lists. */
export interface CatalogRows {
  readonly tables: readonly Row[];
  readonly columns: readonly Row[];
  readonly indexes: readonly Row[];
  readonly keys: readonly Row[];
}

/** Which schemas are read, and which of them needs no name before its tables. */
export interface SchemaChoice {
  readonly usual: string;
  /** All when empty. */
  readonly only: readonly string[];
}

/** A catalog, and the columns of its indexes by the indexes' names. */
export interface Introspection {
  readonly catalog: Catalog;
  readonly indexes: ReadonlyMap<string, string>;
}

/** Reads everything. */
export async function introspectMssql(
  session: Pick<Session, 'rows'>,
  choice: SchemaChoice,
): Promise<Introspection> {
  const read = async (statement: { sql: string }): Promise<readonly Row[]> => {
    const rows: MaybePromise<Row[]> = session.rows(statement, []);
    return rows;
  };
  const { tables, columns, indexes, keys } = catalogStatements;
  const [first, second, third, fourth] = [
    await read(tables),
    await read(columns),
    await read(indexes),
    await read(keys),
  ];
  const catalog = catalogOf({ tables: first, columns: second, indexes: third, keys: fourth }, choice);
  return { catalog, indexes: indexColumns(third) };
}

function indexColumns(rows: readonly Row[]): ReadonlyMap<string, string> {
  const byName = Map.groupBy(rows, ({ name }) => String(name));
  return new Map([...byName].map(([name, parts]) => [name, parts.map(({ column }) => column).join(', ')]));
}

/** The catalog that the rows are. */
export function catalogOf(rows: CatalogRows, choice: SchemaChoice): Catalog {
  const wanted = rows.tables.filter(({ schema }) => {
    return choice.only.length === 0 || choice.only.includes(String(schema));
  });
  const names = new Map(wanted.map((row) => [row.id, nameOf(row, choice)]));
  const columns = Map.groupBy(rows.columns, ({ id }) => id);
  const indexes = Map.groupBy(rows.indexes, ({ id }) => id);
  const tables = wanted.map((row) =>
    tableOf(row, {
      name: names.get(row.id) ?? '',
      columns: columns.get(row.id) ?? [],
      indexes: indexes.get(row.id) ?? [],
    }),
  );
  return { tables, foreignKeys: foreignKeysOf(rows.keys, { names, indexes }) };
}

function nameOf({ schema, name }: Row, { usual }: SchemaChoice): string {
  return schema === usual ? String(name) : `${schema}.${name}`;
}

interface TableParts {
  readonly name: string;
  readonly columns: readonly Row[];
  readonly indexes: readonly Row[];
}

function tableOf(row: Row, { name, columns, indexes }: TableParts): TableFacts {
  const byIndex = [...Map.groupBy(indexes, ({ number }) => number).values()];
  const unique = new Set(byIndex.flatMap(uniqueColumn));
  const primaryKey = indexes.filter((each) => isTrue(each.is_primary_key)).map((each) => String(each.column));
  const indexed = new Set(indexes.filter((each) => !isTrue(each.is_primary_key)).map(({ column }) => column));
  return {
    name,
    path: [String(row.schema), String(row.name)],
    isView: String(row.kind).trim() === 'V',
    description: textOrNull(row.description),
    primaryKey,
    columns: columns.map((column) => ({
      ...columnOf(column),
      isUnique: unique.has(String(column.name)),
      isIndex: indexed.has(column.name),
    })),
  };
}

function uniqueColumn(index: readonly Row[]): string[] {
  const [only, second] = index;
  const isWhole = only !== undefined && second === undefined && !isTrue(only.has_filter);
  return isWhole && isTrue(only.is_unique) && !isTrue(only.is_primary_key) ? [String(only.column)] : [];
}

function columnOf(row: Row): Omit<ColumnFacts, 'isUnique' | 'isIndex'> {
  const isIdentity = isTrue(row.is_identity);
  const type = String(row.type);
  const facts = typeFacts({
    type,
    maxLength: Number(row.max_length),
    precision: Number(row.precision),
    scale: Number(row.scale),
    isIdentity,
  });
  const isGenerated =
    isTrue(row.is_computed) || Number(row.generated_always) > 0 || /^(?:timestamp|rowversion)$/.test(type);
  const allowNull = isTrue(row.is_nullable);
  return {
    name: String(row.name),
    ...facts,
    default: defaultOf(row.default, facts.type),
    required: !allowNull && row.default === null && !isIdentity && !isGenerated,
    allowNull,
    autoIncrement: isIdentity,
    isGenerated,
    isExact: true,
    description: textOrNull(row.description),
    picklist: null,
  };
}

// SQL Server puts parentheses around every default: `((0))`, `('text')`, `(getdate())`.
function defaultOf(definition: unknown, type: ColumnFacts['type']): ColumnFacts['default'] {
  if (typeof definition !== 'string') return null;
  let text = definition.trim();
  while (/^\([\s\S]*\)$/.test(text) && isOneGroup(text)) text = text.slice(1, -1).trim();
  if (/^null$/i.test(text)) return null;
  const quoted = /^N?'((?:[^']|'')*)'$/.exec(text)?.[1];
  const value = quoted === undefined ? text : quoted.replaceAll("''", "'");
  if (type === 'boolean' && /^[01]$/.test(value)) return value === '1';
  const isNumber = quoted === undefined && value !== '' && Number.isFinite(Number(value));
  return isNumber ? Number(value) : value;
}

// Whether the first parenthesis is closed by the last.
function isOneGroup(text: string): boolean {
  let depth = 0;
  for (const [index, sign] of [...text].entries()) {
    if (sign === '(') depth++;
    else if (sign === ')' && --depth === 0) return index === [...text].length - 1;
  }
  return false;
}

interface KeyParts {
  readonly names: ReadonlyMap<unknown, string>;
  readonly indexes: ReadonlyMap<unknown, readonly Row[]>;
}

function foreignKeysOf(rows: readonly Row[], { names, indexes }: KeyParts): ForeignKeyFacts[] {
  return [...Map.groupBy(rows, ({ id }) => id).values()].flatMap((parts) => {
    const [key] = parts;
    const table = names.get(key?.table_id);
    const refTable = names.get(key?.ref_id);
    if (key === undefined || table === undefined || refTable === undefined) return [];
    const columns = parts.map(({ column }) => String(column));
    const near = Map.groupBy(indexes.get(key.table_id) ?? [], ({ number }) => number);
    const isUnique = [...near.values()].some(
      (index) =>
        isTrue(index[0]?.is_unique) &&
        !isTrue(index[0]?.has_filter) &&
        index.length === columns.length &&
        index.every(({ column }) => columns.includes(String(column))),
    );
    const action = (text: unknown) => String(text).replaceAll('_', ' ');
    return [
      {
        table,
        columns,
        isUnique,
        refTable,
        refColumns: parts.map(({ ref_column: name }) => String(name)),
        onUpdate: action(key.on_update),
        onDelete: action(key.on_delete),
      },
    ];
  });
}

function isTrue(value: unknown): boolean {
  return value === true || value === 1;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
