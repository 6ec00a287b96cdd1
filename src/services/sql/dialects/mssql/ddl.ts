// Changes of SQL Server's schema. Invariant: constraints that stand in the way of a change, which here even
// defaults are, are asked of the catalog by their columns; those that stay are made again as they were.
import { sql } from 'kysely';
import type { Session } from '../../../../database/connection.ts';
import {
  type ColumnChange,
  type Ddl,
  dbTypeText,
  defaultText,
  foreignKey,
  index,
  indexesOf,
  names,
  partName,
  place,
  type Sql,
  type TableChange,
} from '../../schema/ddl.ts';
import type { ColumnDefinition, ForeignKeyDefinition, TypeWord } from '../../schema/definition.ts';

const types: Readonly<Record<TypeWord, string>> = {
  id: 'int',
  smallid: 'smallint',
  mediumid: 'int',
  bigid: 'bigint',
  // Its own tinyint has no negative numbers.
  tinyint: 'smallint',
  smallint: 'smallint',
  mediumint: 'int',
  int: 'int',
  integer: 'int',
  bigint: 'bigint',
  boolean: 'bit',
  string: 'nvarchar',
  text: 'nvarchar(max)',
  mediumtext: 'nvarchar(max)',
  longtext: 'nvarchar(max)',
  decimal: 'decimal',
  double: 'float',
  float: 'real',
  money: 'money',
  date: 'date',
  time: 'time',
  timetz: 'time',
  datetime: 'datetime2',
  datetimetz: 'datetimeoffset',
  // Its own timestamp is a number of versions.
  timestamp: 'datetime2',
  timestamptz: 'datetimeoffset',
  timestamp_on_create: 'datetime2',
  timestamp_on_update: 'datetime2',
  user_id: 'int',
  user_id_on_create: 'int',
  user_id_on_update: 'int',
  reference: 'int',
  json: 'nvarchar(max)',
  jsonb: 'nvarchar(max)',
  object: 'nvarchar(max)',
  array: 'nvarchar(max)',
  binary: 'varbinary(max)',
  uuid: 'uniqueidentifier',
  timeuuid: 'uniqueidentifier',
};

const dbTypes = new Set([
  ...Object.values(types).map((type) => type.replace(/\(.*/, '')),
  ...[
    'tinyint',
    'char',
    'nchar',
    'varchar',
    'text',
    'ntext',
    'numeric',
    'smallmoney',
    'datetime',
    'smalldatetime',
  ],
  ...[
    'binary',
    'image',
    'xml',
    'rowversion',
    'geography',
    'geometry',
    'hierarchyid',
    'sql_variant',
    'sysname',
  ],
]);

const defaultLength = 255;
const defaultPrecision = 18;
const longest = { national: 4000, other: 8000 };

function typeText(column: ColumnDefinition): string {
  const given = dbTypeText(column);
  if (given !== undefined) return given;
  const { type, length, precision, scale, fixedLength, supportsMultibyte } = column;
  if (type === 'string') {
    const size = length ?? defaultLength;
    const isLong = size > (supportsMultibyte ? longest.national : longest.other);
    const name = `${supportsMultibyte ? 'n' : ''}${fixedLength && !isLong ? 'char' : 'varchar'}`;
    return `${name}(${isLong ? 'max' : size})`;
  }
  if (type === 'decimal') return `decimal(${precision ?? length ?? defaultPrecision},${scale ?? 0})`;
  if (type === 'binary' && length !== null && length <= longest.other) {
    return `${fixedLength ? 'binary' : 'varbinary'}(${length})`;
  }
  return types[type];
}

const spelling = {
  text: (value: string) => `N'${value.replaceAll("'", "''")}'`,
  truth: ['0', '1'],
  moment: ({ type }: ColumnDefinition) =>
    types[type] === 'datetimeoffset' ? 'sysdatetimeoffset()' : `CAST(sysutcdatetime() AS ${types[type]})`,
  uuid: 'newid()',
} as const;

function preset(path: readonly string[], column: ColumnDefinition): Sql | undefined {
  if (column.default === null) return undefined;
  const text = sql.raw(defaultText(column, column.default, spelling));
  return sql`CONSTRAINT ${sql.id(partName(path, [column.name], 'default'))} DEFAULT ${text}`;
}

function columnSql(path: readonly string[], column: ColumnDefinition): Sql {
  const parts = [sql.id(column.name), sql.raw(typeText(column))];
  if (column.autoIncrement) parts.push(sql.raw('IDENTITY(1,1)'));
  parts.push(sql.raw(column.allowNull ? 'NULL' : 'NOT NULL'));
  const made = preset(path, column);
  if (made !== undefined) parts.push(made);
  return sql.join(parts, sql` `);
}

/** How SQL Server changes its schema; tables without another schema's name are made in `schema`. */
export function mssqlDdl(schema: string): Ddl {
  return {
    isTransactional: true,
    nameBytes: 120,
    defaultSchema: schema,
    dbTypes,
    createTable: ({ path, columns, primaryKey, foreignKeys }) => {
      const key = primaryKey.length === 0 ? [] : [sql`PRIMARY KEY (${names(primaryKey)})`];
      const entries = [...columns.map((column) => columnSql(path, column)), ...key];
      return {
        first: [
          sql`CREATE TABLE ${place(path)} (${sql.join(entries)})`,
          ...columns.flatMap((column) => indexesOf(path, column)),
        ],
        last: foreignKeys.map((one) => addKey(path, one)),
      };
    },
    alterTable,
    dropTable: ({ path }) => sql`DROP TABLE ${place(path)}`,
  };
}

// It has no RESTRICT, and NO ACTION does the same there.
function addKey(path: readonly string[], key: ForeignKeyDefinition): Sql {
  const action = (given: ForeignKeyDefinition['onUpdate']) => (given === 'RESTRICT' ? 'NO ACTION' : given);
  const own = { ...key, onUpdate: action(key.onUpdate), onDelete: action(key.onDelete) };
  const name = sql.id(partName(path, key.columns, 'foreign'));
  return sql`ALTER TABLE ${place(path)} ADD CONSTRAINT ${name} ${foreignKey(own)}`;
}

interface Part {
  readonly name: string;
  readonly kind: 'foreign' | 'unique constraint' | 'unique index' | 'index' | 'default';
  readonly columns: readonly string[];
  /** Of a default: what it is. */
  readonly definition: string;
}

const object = "OBJECT_ID(QUOTENAME(@1) + N'.' + QUOTENAME(@2))";

/** What is asked of the catalog; for tests of its text, too. */
export const partsStatement = {
  sql: `SELECT f.name AS name, 'foreign' AS kind, c.name AS [column], k.constraint_column_id AS place,
        NULL AS definition
      FROM sys.foreign_keys f JOIN sys.foreign_key_columns k ON k.constraint_object_id = f.object_id
      JOIN sys.columns c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
      WHERE f.parent_object_id = ${object}
    UNION ALL
    SELECT i.name, CASE WHEN i.is_unique_constraint = 1 THEN 'unique constraint'
        WHEN i.is_unique = 1 THEN 'unique index' ELSE 'index' END, c.name, x.key_ordinal, NULL
      FROM sys.indexes i JOIN sys.index_columns x ON x.object_id = i.object_id AND x.index_id = i.index_id
      JOIN sys.columns c ON c.object_id = x.object_id AND c.column_id = x.column_id
      WHERE i.object_id = ${object} AND i.is_primary_key = 0 AND x.is_included_column = 0
    UNION ALL
    SELECT d.name, 'default', c.name, 1, d.definition
      FROM sys.default_constraints d JOIN sys.columns c
        ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
      WHERE d.parent_object_id = ${object}
    ORDER BY name, place`,
};

async function partsOf(session: Session, path: readonly string[]): Promise<readonly Part[]> {
  const rows = await session.rows(partsStatement, [path[0] ?? '', path[1] ?? '']);
  return [...Map.groupBy(rows, (row) => String(row.name))].map(([name, own]) => ({
    name,
    kind: String(own[0]?.kind) as Part['kind'],
    columns: own.map((row) => String(row.column)),
    definition: String(own[0]?.definition ?? ''),
  }));
}

async function alterTable(session: Session, change: TableChange): Promise<readonly Sql[]> {
  const { path } = change.table;
  const parts = await partsOf(session, path);
  const table = place(path);
  return [
    ...change.dropKeys.flatMap((columns) => dropped(path, over(parts, ['foreign'], columns))),
    ...change.drop.flatMap((column) =>
      dropped(
        path,
        parts.filter(({ kind, columns }) => kind !== 'foreign' && columns.includes(column)),
      ),
    ),
    ...change.alter.flatMap((one) => goingIndexes(parts, path, one)),
    ...change.drop.map((column) => sql`ALTER TABLE ${table} DROP COLUMN ${sql.id(column)}`),
    ...change.alter.flatMap((one) => altered(parts, path, one)),
    ...change.add.map((column) => sql`ALTER TABLE ${table} ADD ${columnSql(path, column)}`),
    ...change.addKeys.map((key) => addKey(path, key)),
    ...change.add.flatMap((column) => indexesOf(path, column)),
    ...change.alter.flatMap((one) => newIndexes(path, one)),
  ];
}

function over(
  parts: readonly Part[],
  kinds: readonly Part['kind'][],
  columns: readonly string[],
): readonly Part[] {
  return parts.filter(
    ({ kind, columns: own }) => kinds.includes(kind) && own.join('\0') === columns.join('\0'),
  );
}

function dropped(path: readonly string[], parts: readonly Part[]): readonly Sql[] {
  return parts.map(({ kind, name }) =>
    kind === 'index' || kind === 'unique index'
      ? sql`DROP INDEX ${sql.id(name)} ON ${place(path)}`
      : sql`ALTER TABLE ${place(path)} DROP CONSTRAINT ${sql.id(name)}`,
  );
}

function goingIndexes(parts: readonly Part[], path: readonly string[], change: ColumnChange): readonly Sql[] {
  const { before, after, changes } = change;
  const kinds: Part['kind'][] = [
    ...(changes.has('isUnique') && !after.isUnique ? (['unique constraint', 'unique index'] as const) : []),
    ...(changes.has('isIndex') && !after.isIndex ? (['index'] as const) : []),
  ];
  return dropped(path, over(parts, kinds, [before.column]));
}

function altered(parts: readonly Part[], path: readonly string[], change: ColumnChange): readonly Sql[] {
  const { before, after, changes } = change;
  const table = place(path);
  const presets = over(parts, ['default'], [before.column]);
  const isColumnChanged = changes.has('type') || changes.has('allowNull');
  const statements: Sql[] = [];
  if (changes.has('type') || changes.has('default')) statements.push(...dropped(path, presets));
  if (isColumnChanged) {
    const type = sql.raw(changes.has('type') ? typeText(after) : before.dbType);
    const nullable = sql.raw(after.allowNull ? 'NULL' : 'NOT NULL');
    statements.push(sql`ALTER TABLE ${table} ALTER COLUMN ${sql.id(before.column)} ${type} ${nullable}`);
  }
  const add = (what: Sql) => sql`ALTER TABLE ${table} ADD ${what} FOR ${sql.id(before.column)}`;
  const made = preset(path, after);
  if (changes.has('default') && made !== undefined) statements.push(add(made));
  if (changes.has('type') && !changes.has('default')) {
    for (const { name, definition } of presets) {
      statements.push(add(sql`CONSTRAINT ${sql.id(name)} DEFAULT ${sql.raw(definition)}`));
    }
  }
  return statements;
}

function newIndexes(path: readonly string[], { before, after, changes }: ColumnChange): readonly Sql[] {
  return (['isUnique', 'isIndex'] as const)
    .filter((what) => changes.has(what) && after[what])
    .map((what) => index(path, before.column, what === 'isUnique'));
}
