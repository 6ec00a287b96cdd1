// Changes of SQLite's schema. Its ALTER TABLE can add and drop plain columns only; everything else makes the
// table anew under another name, copies the rows, and gives the copy the old name. Invariant: of the old
// table's text only the clauses that are meant change; indexes, triggers, checks and counters stay.
import { sql } from 'kysely';
import type { Row, Session } from '../../../../database/connection.ts';
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
import type { ColumnDefinition, TypeWord } from '../../schema/definition.ts';
import {
  type Clause,
  type ClauseKind,
  parseTableText,
  printTableText,
  type TableEntry,
} from '../../schema/table-text.ts';
import { withoutKey, withoutUnique } from './table-entries.ts';

const types: Readonly<Record<TypeWord, string>> = {
  id: 'integer',
  smallid: 'integer',
  mediumid: 'integer',
  bigid: 'integer',
  tinyint: 'tinyint',
  smallint: 'smallint',
  mediumint: 'mediumint',
  int: 'integer',
  integer: 'integer',
  bigint: 'bigint',
  boolean: 'boolean',
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
  user_id: 'integer',
  user_id_on_create: 'integer',
  user_id_on_update: 'integer',
  reference: 'integer',
  json: 'json',
  jsonb: 'json',
  object: 'json',
  array: 'json',
  binary: 'blob',
  uuid: 'uuid',
  timeuuid: 'uuid',
};

const defaultLength = 255;
const defaultPrecision = 10;

function typeText(column: ColumnDefinition): string {
  const given = dbTypeText(column);
  if (given !== undefined) return given;
  const { type, length, precision, scale, fixedLength } = column;
  if (type === 'string') return `${fixedLength ? 'char' : 'varchar'}(${length ?? defaultLength})`;
  if (type === 'decimal') return `decimal(${precision ?? length ?? defaultPrecision},${scale ?? 0})`;
  if (type === 'binary' && length !== null) return `varbinary(${length})`;
  return types[type];
}

const spelling = {
  text: (value: string) => `'${value.replaceAll("'", "''")}'`,
  truth: ['0', '1'],
  moment: ({ type }: ColumnDefinition) =>
    type === 'date'
      ? 'CURRENT_DATE'
      : type === 'time' || type === 'timetz'
        ? 'CURRENT_TIME'
        : 'CURRENT_TIMESTAMP',
  uuid:
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || " +
    "'-' || substr('89ab', 1 + (abs(random()) % 4), 1) || substr(hex(randomblob(2)), 2) || '-' || " +
    'hex(randomblob(6))))',
} as const;

function presetText(column: ColumnDefinition): string | undefined {
  return column.default === null ? undefined : `DEFAULT ${defaultText(column, column.default, spelling)}`;
}

function columnSql(column: ColumnDefinition): Sql {
  const parts = [sql.id(column.name), sql.raw(typeText(column))];
  if (column.autoIncrement) parts.push(sql.raw('PRIMARY KEY AUTOINCREMENT'));
  else if (!column.allowNull) parts.push(sql.raw('NOT NULL'));
  const preset = presetText(column);
  if (preset !== undefined) parts.push(sql.raw(preset));
  return sql.join(parts, sql` `);
}

/** How SQLite changes its schema. */
export const sqliteDdl: Ddl = {
  isTransactional: true,
  nameBytes: 255,
  defaultSchema: null,
  dbTypes: new Set([
    ...Object.values(types).map((type) => type.replace(/\(.*/, '')),
    ...['int', 'char', 'nchar', 'nvarchar', 'character', 'varying character', 'clob', 'real', 'numeric'],
    ...['number', 'double precision', 'int2', 'int8', 'varbinary', 'binary', 'bool', 'bit', 'tinytext'],
  ]),
  createTable: ({ path, columns, primaryKey, foreignKeys }) => {
    const counts = columns.some((column) => column.autoIncrement);
    const entries = [
      ...columns.map(columnSql),
      ...(primaryKey.length === 0 || counts ? [] : [sql`PRIMARY KEY (${names(primaryKey)})`]),
      ...foreignKeys.map(foreignKey),
    ];
    const made = sql`CREATE TABLE ${place(path)} (${sql.join(entries)})`;
    return { first: [made, ...columns.flatMap((column) => indexesOf(path, column))], last: [] };
  },
  alterTable: (session, change) => alter(session, change),
  dropTable: ({ path }) => sql`DROP TABLE ${place(path)}`,
};

interface Part {
  readonly type: 'table' | 'index' | 'trigger';
  readonly name: string;
  readonly sql: string | null;
}

interface IndexPart {
  readonly name: string;
  readonly unique: number;
  readonly origin: string;
  readonly columns: readonly string[];
}

const questions = {
  parts: {
    sql: 'SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE ORDER BY rowid',
  },
  indexes: {
    sql:
      'SELECT l.name AS name, l."unique" AS "unique", l.origin AS origin, i.name AS "column" ' +
      'FROM pragma_index_list(?) l, pragma_index_info(l.name) i ORDER BY l.seq, i.seqno',
  },
  generated: { sql: 'SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 0' },
};

async function alter(session: Session, change: TableChange): Promise<readonly Sql[]> {
  const [name = ''] = change.table.path;
  const parts = (await session.rows(questions.parts, [name])) as unknown as Part[];
  const own = parts.find(({ type }) => type === 'table')?.sql ?? '';
  const text = parseTableText(own, { backslashes: false });
  const indexes = indexesFrom(await session.rows(questions.indexes, [name]));
  const dropped = goingIndexes(indexes, change);
  const changed = { ...text, entries: changedEntries(text.entries, change, indexes) };
  const added =
    change.addKeys.length > 0 || change.add.some((column) => !canBeAdded(column)) ? change.add : [];
  const isRebuilt = printTableText(changed) !== own || added.length > 0 || change.addKeys.length > 0;
  const plain = change.add.filter((column) => !added.includes(column));
  const generated = new Set((await session.column(questions.generated, [name])).map(String));
  const kept = text.entries.flatMap(({ column }) =>
    column === undefined || generated.has(column) ? [] : [column],
  );
  const rebuilt = {
    change,
    parts,
    dropped,
    kept,
    text: withNew(changed.entries, added, change),
    frame: text,
  };
  return [
    ...dropped.map((index) => sql`DROP INDEX ${sql.id(index)}`),
    ...(isRebuilt ? rebuild(rebuilt) : []),
    ...plain.map((column) => sql`ALTER TABLE ${sql.id(name)} ADD COLUMN ${columnSql(column)}`),
    ...change.drop.map((column) => sql`ALTER TABLE ${sql.id(name)} DROP COLUMN ${sql.id(column)}`),
    ...change.add.flatMap((column) => indexesOf([name], column)),
    ...change.alter.flatMap((one) => newIndexes(name, one)),
  ];
}

function indexesFrom(rows: readonly Row[]): readonly IndexPart[] {
  return [...Map.groupBy(rows, (row) => String(row.name))].map(([name, columns]) => ({
    name,
    unique: Number(columns[0]?.unique),
    origin: String(columns[0]?.origin),
    columns: columns.map((row) => String(row.column)),
  }));
}

// SQLite adds a column only where it may be NULL or has a constant default.
function canBeAdded(column: ColumnDefinition): boolean {
  if (column.default !== null && column.default.kind !== 'literal') return false;
  return column.allowNull || column.default !== null;
}

function goingIndexes(indexes: readonly IndexPart[], { drop, alter }: TableChange): readonly string[] {
  const isGoing = ({ columns, unique }: IndexPart) => {
    if (columns.some((column) => drop.includes(column))) return true;
    const [only, second] = columns;
    const change = second === undefined ? alter.find(({ before }) => before.column === only) : undefined;
    if (change === undefined) return false;
    return unique === 1
      ? change.changes.has('isUnique') && !change.after.isUnique
      : change.changes.has('isIndex') && !change.after.isIndex;
  };
  return indexes.filter((one) => one.origin === 'c' && isGoing(one)).map((one) => one.name);
}

function newIndexes(table: string, { before, after, changes }: ColumnChange): readonly Sql[] {
  if (changes.has('isUnique') && after.isUnique) return [index([table], before.column, true)];
  return changes.has('isIndex') && after.isIndex ? [index([table], before.column, false)] : [];
}

function changedEntries(
  entries: readonly TableEntry[],
  change: TableChange,
  indexes: readonly IndexPart[],
): readonly TableEntry[] {
  let changed = [...entries];
  for (const columns of change.dropKeys) changed = withoutKey(changed, columns);
  const isUnique = (column: string) =>
    indexes.some(({ origin, columns }) => origin === 'u' && columns.length === 1 && columns[0] === column);
  const noLongerUnique = [
    ...change.drop,
    ...change.alter
      .filter((one) => one.changes.has('isUnique') && !one.after.isUnique)
      .map((one) => one.before.column),
  ];
  for (const column of noLongerUnique) if (isUnique(column)) changed = withoutUnique(changed, column);
  return changed.map((entry) => {
    const one = change.alter.find(({ before }) => before.column === entry.column);
    return one === undefined ? entry : changedEntry(entry, one);
  });
}

function changedEntry(entry: TableEntry, { after, changes }: ColumnChange): TableEntry {
  let { clauses } = entry;
  if (changes.has('type')) clauses = withClause(clauses, 'type', typeText(after));
  if (changes.has('default')) clauses = withClause(clauses, 'default', presetText(after));
  if (changes.has('allowNull')) {
    clauses = withClause(
      withClause(clauses, 'null', undefined),
      'not null',
      after.allowNull ? undefined : 'NOT NULL',
    );
  }
  return { ...entry, clauses };
}

// Undefined text takes the clause out, with the name that it may have.
function withClause(
  clauses: readonly Clause[],
  kind: ClauseKind,
  text: string | undefined,
): readonly Clause[] {
  const at = clauses.findIndex((clause) => clause.kind === kind);
  if (at < 0) {
    if (text === undefined) return clauses;
    const place = kind === 'type' ? 1 : clauses.length;
    return clauses.toSpliced(place, 0, { kind, text: ` ${text}` });
  }
  if (text !== undefined) return clauses.with(at, { kind, text: ` ${text}` });
  const isNamed = /^\s*constraint\b/i.test(clauses[at - 1]?.text ?? '');
  return isNamed ? clauses.toSpliced(at - 1, 2) : clauses.toSpliced(at, 1);
}

// New columns stand before the constraints of the table, new keys after them.
function withNew(
  entries: readonly TableEntry[],
  added: readonly ColumnDefinition[],
  { addKeys }: TableChange,
): readonly (TableEntry | Sql)[] {
  const firstConstraint = entries.findIndex(({ column }) => column === undefined);
  const at = firstConstraint < 0 ? entries.length : firstConstraint;
  return [...entries.slice(0, at), ...added.map(columnSql), ...entries.slice(at), ...addKeys.map(foreignKey)];
}

interface Rebuilt {
  readonly change: TableChange;
  readonly parts: readonly Part[];
  readonly dropped: readonly string[];
  /** Columns whose values are copied. */
  readonly kept: readonly string[];
  readonly text: readonly (TableEntry | Sql)[];
  readonly frame: { readonly head: string; readonly tail: string };
}

function rebuild({ change, parts, dropped, kept, text, frame }: Rebuilt): readonly Sql[] {
  const [name = ''] = change.table.path;
  const temporary = partName(['_tenon_new'], [name], 'table');
  const entries = text.map((entry) =>
    'clauses' in entry ? sql.raw(entry.clauses.map((clause) => clause.text).join('')) : sql` ${entry}`,
  );
  const columns = names(kept);
  const isKept = (part: Part) => part.type !== 'table' && part.sql !== null && !dropped.includes(part.name);
  return [
    sql`CREATE TABLE ${sql.id(temporary)} (${sql.join(entries, sql`,`)}${sql.raw(frame.tail)}`,
    sql`INSERT INTO ${sql.id(temporary)} (${columns}) SELECT ${columns} FROM ${sql.id(name)}`,
    ...(/autoincrement/i.test(parts[0]?.sql ?? '') ? keepCounter(name, temporary) : []),
    sql`DROP TABLE ${sql.id(name)}`,
    sql`ALTER TABLE ${sql.id(temporary)} RENAME TO ${sql.id(name)}`,
    ...parts.filter(isKept).map((part) => sql.raw(part.sql ?? '')),
  ];
}

// Numbers once given are not given again, also when the rows that had them are gone.
function keepCounter(name: string, temporary: string): readonly Sql[] {
  const [from, to] = [sql.lit(name), sql.lit(temporary)];
  return [
    sql`DELETE FROM sqlite_sequence WHERE name = ${to}`,
    sql`INSERT INTO sqlite_sequence (name, seq) SELECT ${to}, seq FROM sqlite_sequence WHERE name = ${from}`,
  ];
}
