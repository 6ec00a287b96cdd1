// Changes of the schema of MySQL and MariaDB. They can not be undone, so that all changes of a table are one
// statement as far as the server allows, which happens as a whole or not at all. Invariant: of a column that
// changes, everything else stays as SHOW CREATE TABLE says it.
import { sql } from 'kysely';
import type { Row, Session } from '../../../../database/connection.ts';
import {
  type ColumnChange,
  type Ddl,
  dbTypeText,
  defaultText,
  foreignKey,
  indexesOf,
  names,
  partName,
  place,
  type Sql,
  type TableChange,
} from '../../schema/ddl.ts';
import type { ColumnDefinition, TypeWord } from '../../schema/definition.ts';
import { type Clause, parseTableText, printEntry, type TableEntry } from '../../schema/table-text.ts';

const types: Readonly<Record<TypeWord, string>> = {
  id: 'int',
  smallid: 'smallint',
  mediumid: 'mediumint',
  bigid: 'bigint',
  tinyint: 'tinyint',
  smallint: 'smallint',
  mediumint: 'mediumint',
  int: 'int',
  integer: 'int',
  bigint: 'bigint',
  boolean: 'tinyint(1)',
  string: 'varchar',
  text: 'text',
  mediumtext: 'mediumtext',
  longtext: 'longtext',
  decimal: 'decimal',
  double: 'double',
  float: 'float',
  money: 'decimal(19,4)',
  date: 'date',
  time: 'time',
  timetz: 'time',
  datetime: 'datetime',
  datetimetz: 'datetime',
  timestamp: 'timestamp',
  timestamptz: 'timestamp',
  timestamp_on_create: 'timestamp',
  timestamp_on_update: 'timestamp',
  user_id: 'int',
  user_id_on_create: 'int',
  user_id_on_update: 'int',
  reference: 'int',
  json: 'json',
  jsonb: 'json',
  object: 'json',
  array: 'json',
  binary: 'longblob',
  uuid: 'char(36)',
  timeuuid: 'char(36)',
};

const whole = ['tinyint', 'smallint', 'mediumint', 'int', 'integer', 'bigint'];
const dbTypes = new Set([
  ...Object.values(types).map((type) => type.replace(/\(.*/, '')),
  ...[...whole, 'decimal', 'float', 'double'].flatMap((type) => [type, `${type} unsigned`]),
  ...[
    'char',
    'binary',
    'varbinary',
    'tinyblob',
    'blob',
    'mediumblob',
    'tinytext',
    'numeric',
    'double precision',
  ],
  ...[
    'year',
    'bit',
    'bool',
    'boolean',
    'uuid',
    'inet4',
    'inet6',
    'geometry',
    'point',
    'polygon',
    'linestring',
  ],
]);

const defaultLength = 255;
const defaultPrecision = 10;

function typeText(column: ColumnDefinition): string {
  const given = dbTypeText(column);
  if (given !== undefined) return given;
  const { type, length, precision, scale, fixedLength } = column;
  if (type === 'string') return `${fixedLength ? 'char' : 'varchar'}(${length ?? defaultLength})`;
  if (type === 'decimal') return `decimal(${precision ?? length ?? defaultPrecision},${scale ?? 0})`;
  if (type === 'binary' && length !== null) return fixedLength ? `binary(${length})` : `varbinary(${length})`;
  return types[type];
}

const spelling = {
  // Backslashes mean one thing or another by a setting of the server; bytes do not.
  text: (value: string) =>
    value.includes('\\')
      ? `(CONVERT(X'${Buffer.from(value).toString('hex')}' USING utf8mb4))`
      : `'${value.replaceAll("'", "''")}'`,
  truth: ['0', '1'],
  moment: ({ type }: ColumnDefinition) =>
    type === 'date'
      ? '(CURRENT_DATE)'
      : type === 'time' || type === 'timetz'
        ? '(CURRENT_TIME)'
        : 'CURRENT_TIMESTAMP',
  uuid: '(UUID())',
} as const;

// Long types take expressions only.
function presetText(column: ColumnDefinition): string | undefined {
  if (column.default === null) return undefined;
  const text = defaultText(column, column.default, spelling);
  const isLong = /text|blob|json/.test(typeText(column)) && !text.startsWith('(');
  return `DEFAULT ${isLong ? `(${text})` : text}`;
}

function columnSql(column: ColumnDefinition): Sql {
  const parts = [sql.id(column.name), sql.raw(typeText(column))];
  parts.push(sql.raw(column.allowNull ? 'NULL' : 'NOT NULL'));
  if (column.autoIncrement) parts.push(sql.raw('AUTO_INCREMENT'));
  const preset = presetText(column);
  if (preset !== undefined) parts.push(sql.raw(preset));
  return sql.join(parts, sql` `);
}

/** How MySQL and MariaDB change their schema. */
export const mysqlDdl: Ddl = {
  isTransactional: false,
  // 64 characters; bytes are counted, because names of parts grow out of them.
  nameBytes: 64,
  defaultSchema: null,
  dbTypes,
  createTable: ({ path, columns, primaryKey, foreignKeys }) => {
    const key = primaryKey.length === 0 ? [] : [sql`PRIMARY KEY (${names(primaryKey)})`];
    const made = sql`CREATE TABLE ${place(path)} (${sql.join([...columns.map(columnSql), ...key])})`;
    return {
      first: [made, ...columns.flatMap((column) => indexesOf(path, column))],
      last: foreignKeys.map((one) => sql`ALTER TABLE ${place(path)} ${addedKey(path, one)}`),
    };
  },
  alterTable,
  dropTable: ({ path }) => sql`DROP TABLE ${place(path)}`,
};

function addedKey(path: readonly string[], key: TableChange['addKeys'][number]): Sql {
  return sql`ADD CONSTRAINT ${sql.id(partName(path, key.columns, 'foreign'))} ${foreignKey(key)}`;
}

const questions = {
  keys: {
    sql: `SELECT constraint_name AS name, column_name AS col FROM information_schema.key_column_usage
      WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND referenced_table_name IS NOT NULL
      ORDER BY constraint_name, ordinal_position`,
  },
  indexes: {
    sql: `SELECT index_name AS name, column_name AS col, non_unique AS repeats
      FROM information_schema.statistics
      WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND index_name <> 'PRIMARY'
      ORDER BY index_name, seq_in_index`,
  },
};

interface Part {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isUnique: boolean;
}

function partsOf(rows: readonly Row[]): readonly Part[] {
  return [...Map.groupBy(rows, (row) => String(row.name))].map(([name, columns]) => ({
    name,
    columns: columns.map((row) => String(row.col)),
    isUnique: Number(columns[0]?.repeats) === 0,
  }));
}

async function alterTable(session: Session, change: TableChange): Promise<readonly Sql[]> {
  const { path } = change.table;
  const where = [path.length > 1 ? (path[0] ?? null) : null, path.at(-1) ?? ''];
  const keys = partsOf(await session.rows(questions.keys, where));
  const indexes = partsOf(await session.rows(questions.indexes, where));
  const entries = await entriesOf(session, change);
  const going = change.dropKeys.flatMap((columns) =>
    keys.filter((key) => key.columns.join('\0') === columns.join('\0')),
  );
  const changed: Sql[] = [
    ...goingIndexes(indexes, change).map(({ name }) => sql`DROP INDEX ${sql.id(name)}`),
    ...change.alter.flatMap((one) => modified(one, entries.get(one.before.column.toLowerCase()))),
    ...change.drop.map((column) => sql`DROP COLUMN ${sql.id(column)}`),
    ...change.add.map((column) => sql`ADD COLUMN ${columnSql(column)}`),
    ...change.add.flatMap((column) => addedIndexes(path, column.name, column)),
    ...change.alter.flatMap((one) => addedIndexes(path, one.before.column, newIndexes(one))),
    ...change.addKeys.map((key) => addedKey(path, key)),
  ];
  const table = place(path);
  // A key that goes and one of its name that comes can not be in one statement.
  const drops = going.map(({ name }) => sql`DROP FOREIGN KEY ${sql.id(name)}`);
  return [drops, changed]
    .filter((list) => list.length > 0)
    .map((list) => sql`ALTER TABLE ${table} ${sql.join(list)}`);
}

async function entriesOf(
  session: Session,
  { table, alter }: TableChange,
): Promise<ReadonlyMap<string, TableEntry>> {
  if (alter.length === 0) return new Map();
  const [row] = await session.rows({ sql: `SHOW CREATE TABLE ${table.path.map(quoted).join('.')}` }, []);
  const text = String(row?.['Create Table'] ?? '');
  const { entries } = parseTableText(text, { backslashes: true });
  return new Map(
    entries.flatMap((entry) => (entry.column === undefined ? [] : [[entry.column.toLowerCase(), entry]])),
  );
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

// Of an index over several columns the server would keep the rest, which may then no longer be unique.
function goingIndexes(indexes: readonly Part[], { drop, alter }: TableChange): readonly Part[] {
  return indexes.filter(({ columns, isUnique }) => {
    const [only, second] = columns;
    if (isUnique && second !== undefined && columns.some((column) => drop.includes(column))) return true;
    const one = second === undefined ? alter.find(({ before }) => before.column === only) : undefined;
    const what = isUnique ? 'isUnique' : 'isIndex';
    return one?.changes.has(what) === true && !one.after[what];
  });
}

function modified({ after, changes }: ColumnChange, entry: TableEntry | undefined): readonly Sql[] {
  const isColumnChanged = changes.has('type') || changes.has('default') || changes.has('allowNull');
  if (!isColumnChanged) return [];
  if (entry === undefined) throw new Error('the column is not in its table');
  let { clauses } = entry;
  if (changes.has('type')) clauses = retyped(clauses, after);
  if (changes.has('allowNull')) {
    clauses = placed(without(clauses, ['null', 'not null']), 'null', after.allowNull ? 'NULL' : 'NOT NULL');
  }
  if (changes.has('default')) {
    const preset = presetText(after);
    clauses = without(clauses, ['default']);
    if (preset !== undefined) clauses = placed(clauses, 'default', preset);
  }
  // `NOT NULL DEFAULT NULL` is no definition.
  if (!after.allowNull)
    clauses = clauses.filter(({ kind, text }) => kind !== 'default' || !/^\s*default\s+null\s*$/i.test(text));
  return [sql`MODIFY COLUMN ${sql.raw(printEntry({ ...entry, clauses }))}`];
}

// Character sets belong to texts, and the check of a JSON column to JSON.
function retyped(clauses: readonly Clause[], column: ColumnDefinition): readonly Clause[] {
  const type = typeText(column);
  const isText = /char|text|enum|set/.test(type);
  const kept = clauses.filter(({ kind, text }) => {
    if (kind === 'other' && /^\s*(?:character|charset|collate)\b/i.test(text)) return isText;
    return kind !== 'check' || !/json_valid/i.test(text);
  });
  return kept.map((clause) => (clause.kind === 'type' ? { kind: 'type', text: ` ${type}` } : clause));
}

function without(clauses: readonly Clause[], kinds: readonly Clause['kind'][]): readonly Clause[] {
  return clauses.filter(({ kind }) => !kinds.includes(kind));
}

// After the type with its character set, before all else.
function placed(clauses: readonly Clause[], kind: Clause['kind'], text: string): readonly Clause[] {
  const isOfType = ({ kind: other, text: own }: Clause) =>
    other === 'name' || other === 'type' || /^\s*(?:character|charset|collate)\b/i.test(own);
  const last = clauses.findLastIndex(
    (clause) => isOfType(clause) || (kind === 'default' && /null/.test(clause.kind)),
  );
  return clauses.toSpliced(last + 1, 0, { kind, text: ` ${text}` });
}

interface IndexWish {
  readonly isUnique: boolean;
  readonly isIndex: boolean;
}

function addedIndexes(
  path: readonly string[],
  column: string,
  { isUnique, isIndex }: IndexWish,
): readonly Sql[] {
  if (!isUnique && !isIndex) return [];
  const name = sql.id(partName(path, [column], isUnique ? 'unique' : 'index'));
  return [sql`ADD ${isUnique ? sql`UNIQUE INDEX` : sql`INDEX`} ${name} (${sql.id(column)})`];
}

function newIndexes({ after, changes }: ColumnChange): IndexWish {
  return {
    isUnique: changes.has('isUnique') && after.isUnique,
    isIndex: changes.has('isIndex') && after.isIndex,
  };
}
