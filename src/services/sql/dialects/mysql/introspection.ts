// Reads tables, views and keys from information_schema, a few statements for each database of the server.
// Invariant: names starting with `_tenon_` stay hidden; what is read is facts, in the server's own names.
import type { Bindable, MaybePromise, Row } from '../../../../database/connection.ts';
import type { Catalog, ColumnFacts, ForeignKeyFacts, TableFacts } from '../../schema.ts';
import { columnType } from './column-type.ts';
import { defaultOf } from './default-value.ts';
import { defaultKey } from './grammar.ts';

/** Which databases of the server are read. */
export interface Scope {
  /** The one whose tables are called by their own names. */
  readonly main: string;
  /** Those whose tables are called `database.table`. */
  readonly others: readonly string[];
  readonly isMariadb: boolean;
}

/** What information_schema says of one database, as rows of texts and numbers. */
export interface DatabaseRows {
  readonly database: string;
  readonly tables: readonly Row[];
  readonly columns: readonly Row[];
  readonly indexes: readonly Row[];
  readonly keys: readonly Row[];
  readonly checks: readonly Row[];
}

/** The columns of unique indexes, by table and index, for messages. */
export type IndexColumns = ReadonlyMap<string, string>;

interface Reader {
  rows(statement: { readonly sql: string }, values: readonly Bindable[]): MaybePromise<Row[]>;
}

const statements = {
  tables: {
    sql: `SELECT table_name AS name, table_type AS type, table_comment AS comment
      FROM information_schema.tables
      WHERE table_schema = ? AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
      AND table_name NOT LIKE '!_tenon!_%' ESCAPE '!' ORDER BY table_name`,
  },
  columns: {
    sql: `SELECT table_name AS tab, column_name AS name, data_type AS data_type, column_type AS column_type,
      character_maximum_length AS length, numeric_precision AS digits, numeric_scale AS scale,
      character_set_name AS charset, collation_name AS collation, is_nullable AS nullable,
      column_default AS fallback, extra AS extra,
      generation_expression AS generated, column_comment AS comment, column_key AS part_of
      FROM information_schema.columns WHERE table_schema = ? ORDER BY table_name, ordinal_position`,
  },
  indexes: {
    sql: `SELECT table_name AS tab, index_name AS name, non_unique AS repeats, column_name AS col,
      sub_part AS part FROM information_schema.statistics WHERE table_schema = ?
      ORDER BY table_name, index_name, seq_in_index`,
  },
  keys: {
    sql: `SELECT k.table_name AS tab, k.constraint_name AS name, k.column_name AS col,
      k.referenced_table_schema AS ref_database, k.referenced_table_name AS ref_table,
      k.referenced_column_name AS ref_column, r.update_rule AS on_update, r.delete_rule AS on_delete
      FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
      ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
      AND r.table_name = k.table_name
      WHERE k.table_schema = ? AND r.constraint_schema = ? AND k.referenced_table_name IS NOT NULL
      ORDER BY k.table_name, k.constraint_name, k.ordinal_position`,
  },
  // MySQL has a type JSON of its own, and names no table here.
  checks: {
    sql: `SELECT table_name AS tab, check_clause AS clause FROM information_schema.check_constraints
      WHERE constraint_schema = ? AND check_clause LIKE 'json_valid(%'`,
  },
};

/** Reads what there is of each database. */
export async function readDatabases(reader: Reader, scope: Scope): Promise<readonly DatabaseRows[]> {
  const all: DatabaseRows[] = [];
  for (const database of [scope.main, ...scope.others]) {
    all.push({
      database,
      tables: await reader.rows(statements.tables, [database]),
      columns: await reader.rows(statements.columns, [database]),
      indexes: await reader.rows(statements.indexes, [database]),
      keys: await reader.rows(statements.keys, [database, database]),
      checks: scope.isMariadb ? await reader.rows(statements.checks, [database]) : [],
    });
  }
  return all;
}

/** The catalog that such rows are. */
export function catalogOf(all: readonly DatabaseRows[], { main, isMariadb }: Scope): Catalog {
  const nameOf = (database: string, table: string) => (database === main ? table : `${database}.${table}`);
  return {
    tables: all.flatMap((rows) => tablesOf(rows, { nameOf, isMain: rows.database === main, isMariadb })),
    foreignKeys: all.flatMap((rows) => foreignKeysOf(rows, nameOf)),
  };
}

/** The columns of all unique indexes. */
export function indexColumnsOf(all: readonly DatabaseRows[]): IndexColumns {
  const columns = new Map<string, string>();
  for (const { indexes } of all) {
    for (const index of indexes) {
      if (Number(index.repeats) !== 0 || index.col === null) continue;
      const key = indexKey(String(index.tab), String(index.name));
      const before = columns.get(key);
      columns.set(key, before === undefined ? String(index.col) : `${before}, ${index.col}`);
    }
  }
  return columns;
}

/** SQL of the defaults of all primary keys that have one, by `defaultKey`. */
export function keyDefaultsOf(
  all: readonly DatabaseRows[],
  { main, isMariadb }: Scope,
): ReadonlyMap<string, string> {
  const defaults = new Map<string, string>();
  for (const { database, columns } of all) {
    for (const { tab, name, fallback, extra, part_of } of columns) {
      if (part_of !== 'PRI' || fallback === null) continue;
      const path = database === main ? [String(tab)] : [database, String(tab)];
      const text = String(fallback);
      const isSql = isMariadb || /default_generated/i.test(String(extra));
      defaults.set(defaultKey(path, String(name)), isSql ? text : `'${text.replaceAll("'", "''")}'`);
    }
  }
  return defaults;
}

/** How an index is found in IndexColumns. */
export function indexKey(table: string, index: string): string {
  return `${table}\0${index}`;
}

interface Naming {
  readonly nameOf: (database: string, table: string) => string;
  readonly isMain: boolean;
  readonly isMariadb: boolean;
}

function tablesOf(rows: DatabaseRows, naming: Naming): TableFacts[] {
  const columns = Map.groupBy(rows.columns, ({ tab }) => tab);
  const indexes = Map.groupBy(rows.indexes, ({ tab }) => tab);
  const json = new Set(rows.checks.map(({ tab, clause }) => `${tab}\0${jsonColumn(String(clause))}`));
  return rows.tables.flatMap(({ name, type, comment }) => {
    const own = columns.get(name) ?? [];
    // A view on something that is gone has no columns.
    if (own.length === 0) return [];
    const table = String(name);
    const isView = type === 'VIEW';
    const keys = keysOf(indexes.get(name) ?? []);
    return {
      name: naming.nameOf(rows.database, table),
      path: naming.isMain ? [table] : [rows.database, table],
      isView,
      description: isView || comment === '' ? null : String(comment),
      primaryKey: keys.primary,
      columns: own.map((column) => {
        const isJson = json.has(`${table}\0${column.name}`);
        return columnOf(column, { keys, isJson, isMariadb: naming.isMariadb });
      }),
    };
  });
}

/** What indexes say of columns. */
interface Keys {
  readonly primary: readonly string[];
  readonly unique: ReadonlySet<string>;
  readonly indexed: ReadonlySet<string>;
}

// Unique by an index over the whole of one column alone. The primary key says so itself.
function keysOf(indexes: readonly Row[]): Keys {
  const unique = new Set<string>();
  const indexed = new Set<string>();
  let primary: string[] = [];
  for (const [name, parts] of Map.groupBy(indexes, (index) => index.name)) {
    const [first, second] = parts;
    const columns = parts.map(({ col }) => String(col));
    if (name === 'PRIMARY') primary = columns;
    else if (Number(first?.repeats) === 0) {
      if (second === undefined && first?.part === null && first.col !== null) unique.add(String(first.col));
    } else for (const column of columns) indexed.add(column);
  }
  return { primary, unique, indexed };
}

interface ColumnContext {
  readonly keys: Keys;
  readonly isJson: boolean;
  readonly isMariadb: boolean;
}

function columnOf(row: Row, { keys, isJson, isMariadb }: ColumnContext): ColumnFacts {
  const name = String(row.name);
  const extra = String(row.extra).toLowerCase();
  const form = columnType({
    dataType: String(row.data_type).toLowerCase(),
    columnType: String(row.column_type).toLowerCase() === 'tinyint(1)' ? 'tinyint(1)' : declaredOf(row),
    length: numberOf(row.length),
    precision: numberOf(row.digits),
    scale: numberOf(row.scale),
    charset: row.charset === null ? null : String(row.charset),
    isJson,
  });
  const autoIncrement = extra.includes('auto_increment');
  const isGenerated =
    /(?:virtual|stored|persistent) generated/.test(extra) ||
    /generated always|row start|row end/i.test(extra);
  const allowNull = row.nullable === 'YES';
  const isExpression = extra.includes('default_generated');
  const fallback = row.fallback === null ? null : String(row.fallback);
  const given = defaultOf(isGenerated ? null : fallback, { type: form.type, isMariadb, isExpression });
  return {
    name,
    ...form,
    type: autoIncrement ? 'id' : form.type,
    default: given,
    required: !allowNull && given === null && !autoIncrement && !isGenerated && !isStamped(row, extra),
    allowNull,
    autoIncrement,
    isGenerated,
    isUnique: keys.unique.has(name),
    isIndex: keys.indexed.has(name),
    isExact: true,
    tellsCase: /_(?:bin|cs)$/.test(String(row.collation)),
    description: row.comment === '' || row.comment === null ? null : String(row.comment),
  };
}

// A first TIMESTAMP column may set itself without a default that is told.
function isStamped(row: Row, extra: string): boolean {
  return row.data_type === 'timestamp' && extra.includes('on update');
}

// Members of enumerations keep their case.
function declaredOf(row: Row): string {
  const declared = String(row.column_type);
  return declared.startsWith('enum') || declared.startsWith('set') ? declared : declared.toLowerCase();
}

function foreignKeysOf(
  { database, keys, indexes }: DatabaseRows,
  nameOf: Naming['nameOf'],
): ForeignKeyFacts[] {
  const unique = uniqueLists(indexes);
  const found: ForeignKeyFacts[] = [];
  for (const [, parts] of Map.groupBy(keys, ({ tab, name }) => `${tab}\0${name}`)) {
    const [key] = parts;
    if (key === undefined) continue;
    const columns = parts.map(({ col }) => String(col));
    found.push({
      table: nameOf(database, String(key.tab)),
      columns,
      isUnique: unique.has(`${key.tab}\0${columns.toSorted().join('\0')}`),
      refTable: nameOf(String(key.ref_database), String(key.ref_table)),
      refColumns: parts.map(({ ref_column }) => String(ref_column)),
      onUpdate: String(key.on_update),
      onDelete: String(key.on_delete),
    });
  }
  return found;
}

function uniqueLists(indexes: readonly Row[]): ReadonlySet<string> {
  const lists = new Set<string>();
  for (const [, parts] of Map.groupBy(indexes, ({ tab, name }) => `${tab}\0${name}`)) {
    const isWhole = parts.every(({ repeats, part }) => Number(repeats) === 0 && part === null);
    const columns = parts.map(({ col }) => String(col)).toSorted();
    if (isWhole) lists.add(`${parts[0]?.tab}\0${columns.join('\0')}`);
  }
  return lists;
}

// json_valid(`a`)
function jsonColumn(clause: string): string | undefined {
  return /^json_valid\(`((?:[^`]|``)+)`\)$/i.exec(clause)?.[1]?.replaceAll('``', '`');
}

function numberOf(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
