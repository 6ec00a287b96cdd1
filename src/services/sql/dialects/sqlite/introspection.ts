// Reads the tables, views and keys of an SQLite database from its pragmas. Invariant: names starting with
// `_tenon_` or `sqlite_` stay hidden; a view that is broken hides itself, nothing else.
import { DatabaseError } from '../../../../database/connection.ts';
import type { SqliteSession } from '../../../../database/sqlite.ts';
import type { Catalog, ColumnFacts, ForeignKeyFacts } from '../../schema.ts';
import { columnType } from './column-type.ts';

interface TableRow {
  readonly name: string;
  readonly type: 'table' | 'view' | 'virtual';
  readonly wr: number;
  readonly strict: number;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  readonly pk: number;
  readonly hidden: number;
}

interface KeyRow {
  readonly id: number;
  readonly seq: number;
  readonly table: string;
  readonly from: string;
  readonly to: string | null;
  readonly on_update: string;
  readonly on_delete: string;
}

interface IndexRow {
  readonly name: string;
  readonly unique: number;
  readonly origin: string;
  readonly partial: number;
  readonly column: string | null;
}

/** What the pragmas say of one table. */
interface Shape {
  readonly table: TableRow;
  readonly columns: readonly ColumnRow[];
  readonly keys: readonly KeyRow[];
  readonly primaryKey: readonly string[];
  /** The only column of an `INTEGER PRIMARY KEY`, which is the row's own number. */
  readonly rowId: string | undefined;
  readonly unique: ReadonlySet<string>;
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly indexed: ReadonlySet<string>;
}

// In a fixed order (foreign keys as declared, which is backwards here), because names of relations depend on
// it.
const statements = {
  tables: {
    sql:
      "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' " +
      "AND type IN ('table', 'view', 'virtual') " +
      "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_tenon\\_%' ESCAPE '\\' ORDER BY name",
  },
  columns: {
    sql: 'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid',
  },
  keys: {
    sql:
      'SELECT id, seq, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(?) ' +
      'ORDER BY id DESC, seq',
  },
  indexes: {
    sql:
      'SELECT l.name AS name, l."unique" AS "unique", l.origin AS origin, l.partial AS partial, ' +
      'i.name AS "column" FROM pragma_index_list(?) l, pragma_index_info(l.name) i',
  },
};

type Reader = Pick<SqliteSession, 'rows'>;

/** Reads everything. */
export function introspectSqlite(session: Reader): Catalog {
  const rows = session.rows(statements.tables, []) as unknown as TableRow[];
  const shapes = rows.map((table) => readShape(session, table)).filter((shape) => shape !== undefined);
  return {
    tables: shapes.map((shape) => ({
      name: shape.table.name,
      path: [shape.table.name],
      isView: shape.table.type === 'view',
      description: null,
      primaryKey: shape.primaryKey,
      columns: columnsOf(shape),
    })),
    foreignKeys: shapes.flatMap((shape) => foreignKeysOf(shape, shapes)),
  };
}

function readShape(session: Reader, table: TableRow): Shape | undefined {
  const columns = readColumns(session, table);
  if (columns.length === 0) return undefined;
  const keys = session.rows(statements.keys, [table.name]) as unknown as KeyRow[];
  const indexes = session.rows(statements.indexes, [table.name]) as unknown as IndexRow[];
  const keysUnique = uniqueKeys(indexes);
  const keyColumns = columns.filter((column) => column.pk > 0).toSorted((a, b) => a.pk - b.pk);
  const primaryKey = keyColumns.map((column) => column.name);
  const isRowId =
    !indexes.some((index) => index.origin === 'pk') && /^integer$/i.test(keyColumns[0]?.type ?? '');
  return {
    table,
    columns,
    keys,
    primaryKey,
    rowId: primaryKey.length === 1 && table.wr === 0 && isRowId ? primaryKey[0] : undefined,
    unique: new Set(keysUnique.flatMap((key) => (key.length === 1 ? key : []))),
    uniqueKeys: keysUnique,
    indexed: new Set(
      indexes.flatMap((index) => (index.origin === 'c' && index.unique === 0 ? (index.column ?? []) : [])),
    ),
  };
}

// A view on a missing table and a virtual table without its module cannot be read: they are as good as not
// there.
function readColumns(session: Reader, table: TableRow): ColumnRow[] {
  try {
    const rows = session.rows(statements.columns, [table.name]) as unknown as ColumnRow[];
    return rows.filter((column) => column.hidden !== 1);
  } catch (error) {
    if (error instanceof DatabaseError && error.failure === 'other' && table.type !== 'table') return [];
    throw error;
  }
}

// Unique by a constraint or index that holds for all rows. The primary key says so itself.
function uniqueKeys(indexes: readonly IndexRow[]): readonly (readonly string[])[] {
  return [...Map.groupBy(indexes, (index) => index.name).values()].flatMap((columns) => {
    const [first] = columns;
    const isWhole = first?.unique === 1 && first.partial === 0 && first.origin !== 'pk';
    const names = columns.flatMap(({ column }) => column ?? []);
    return isWhole && names.length === columns.length ? [names] : [];
  });
}

function foreignKeysOf(shape: Shape, shapes: readonly Shape[]): ForeignKeyFacts[] {
  const found: ForeignKeyFacts[] = [];
  for (const [, parts] of Map.groupBy(shape.keys, (key) => key.id)) {
    const [key] = parts;
    const target = shapes.find((other) => key !== undefined && isSame(other.table.name, key.table));
    if (key === undefined || target === undefined) continue;
    const columns = parts.map(({ from }) => columnNamed(shape, from));
    const refColumns = parts.map(({ to, seq }) =>
      to === null ? target.primaryKey[seq] : columnNamed(target, to),
    );
    if (!columns.every(isKnown) || !refColumns.every(isKnown)) continue;
    found.push({
      table: shape.table.name,
      columns,
      isUnique: isUniqueKey(shape, columns),
      refTable: target.table.name,
      refColumns,
      onUpdate: key.on_update,
      onDelete: key.on_delete,
    });
  }
  return found;
}

function columnNamed({ columns }: Shape, name: string): string | undefined {
  return columns.find((column) => isSame(column.name, name))?.name;
}

function isKnown(name: string | undefined): name is string {
  return name !== undefined;
}

function isUniqueKey(shape: Shape, columns: readonly string[]): boolean {
  const { primaryKey, uniqueKeys: keys } = shape;
  const isWithin = (key: readonly string[]) => key.length > 0 && key.every((name) => columns.includes(name));
  return isWithin(primaryKey) || keys.some(isWithin);
}

function columnsOf(shape: Shape): ColumnFacts[] {
  return shape.columns.map((column) => {
    const { type: declared, ...form } = columnType(column.type);
    const isRowId = column.name === shape.rowId;
    const isGenerated = column.hidden === 2 || column.hidden === 3;
    const type = isRowId ? 'id' : declared;
    const allowNull = column.notnull === 0;
    return {
      name: column.name,
      type,
      ...form,
      default: defaultOf(column.dflt_value, type),
      required: !allowNull && column.dflt_value === null && !isRowId && !isGenerated,
      allowNull,
      supportsMultibyte: false,
      autoIncrement: isRowId,
      isGenerated,
      isUnique: shape.unique.has(column.name),
      isIndex: shape.indexed.has(column.name),
      isExact: isRowId || (shape.table.strict === 1 && form.dbType !== 'any'),
      description: null,
      picklist: null,
      range: null,
    };
  });
}

// Literals become values; expressions such as CURRENT_TIMESTAMP stay text.
function defaultOf(text: string | null, type: ColumnFacts['type']): ColumnFacts['default'] {
  if (text === null || /^null$/i.test(text)) return null;
  const quoted = /^'((?:[^']|'')*)'$/.exec(text)?.[1];
  const value = quoted === undefined ? text : quoted.replaceAll("''", "'");
  if (type === 'boolean' && /^(?:[01]|true|false)$/i.test(value)) return /^(?:1|true)$/i.test(value);
  const isNumber = quoted === undefined && value.trim() !== '' && Number.isFinite(Number(value));
  return isNumber ? Number(value) : value;
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
