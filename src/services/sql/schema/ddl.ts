// The port of changes of a database's schema: one implementation per dialect. Invariant: every name is
// quoted by the builder, every literal by the dialect; nothing of a request stands in SQL as it came.
import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { MaybePromise, Session } from '../../../database/connection.ts';
import type { Field, Table } from '../schema.ts';
import type { ColumnDefault, ColumnDefinition, ForeignKeyDefinition, TableDefinition } from './definition.ts';

/** A piece of SQL. */
export type Sql = RawBuilder<unknown>;

/** What a column is and what it is to become. */
export interface ColumnChange {
  readonly before: Field;
  readonly after: ColumnDefinition;
  readonly changes: ReadonlySet<'type' | 'default' | 'allowNull' | 'isUnique' | 'isIndex'>;
}

/** Changes of one table; names are the database's own. */
export interface TableChange {
  readonly table: Table;
  readonly add: readonly ColumnDefinition[];
  readonly alter: readonly ColumnChange[];
  readonly drop: readonly string[];
  readonly addKeys: readonly ForeignKeyDefinition[];
  /** Columns of foreign keys that are to go. */
  readonly dropKeys: readonly (readonly string[])[];
}

/** The statements that make a table; `last` may need other new tables. */
export interface TableStatements {
  readonly first: readonly Sql[];
  readonly last: readonly Sql[];
}

/** How an engine changes its schema. */
export interface Ddl {
  /** Whether what was done is undone when a later step fails. */
  readonly isTransactional: boolean;
  /** The most bytes of a name. */
  readonly nameBytes: number;
  /** The schema in which tables are made whose name says none; null where names have one part. */
  readonly defaultSchema: string | null;
  /** Types that callers may name in the engine's own words: in lower case, without parentheses. */
  readonly dbTypes: ReadonlySet<string>;
  createTable(definition: TableDefinition): TableStatements;
  /** May look into the database for what the catalog does not say. */
  alterTable(session: Session, change: TableChange): MaybePromise<readonly Sql[]>;
  dropTable(table: Table): Sql;
}

/** A name of an index or key: of its table and columns, and no longer than any engine allows. */
export function partName(path: readonly string[], columns: readonly string[], kind: string): string {
  const whole = [path.at(-1), ...columns, kind].join('_');
  if (/^[\x20-\x7e]{1,60}$/.test(whole)) return whole;
  const digest = createHash('sha256')
    .update(JSON.stringify([path, columns, kind]))
    .digest('hex')
    .slice(0, 12);
  return `${whole.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 40)}_${digest}`;
}

/** Names, quoted, with commas. */
export function names(list: readonly string[]): Sql {
  return sql.join(list.map((name) => sql.id(name)));
}

/** A table, quoted. */
export function place(path: readonly string[]): Sql {
  return sql.id(...path);
}

/** `FOREIGN KEY (…) REFERENCES … (…) ON UPDATE … ON DELETE …`. */
export function foreignKey(key: ForeignKeyDefinition): Sql {
  const action = (on: 'UPDATE' | 'DELETE', what: string | null) =>
    what === null ? sql`` : sql.raw(` ON ${on} ${what}`);
  const target = sql`${place(key.refPath)} (${names(key.refColumns)})`;
  const actions = sql`${action('UPDATE', key.onUpdate)}${action('DELETE', key.onDelete)}`;
  return sql`FOREIGN KEY (${names(key.columns)}) REFERENCES ${target}${actions}`;
}

/** An index over one column. */
export function index(path: readonly string[], column: string, isUnique: boolean): Sql {
  const name = sql.id(partName(path, [column], isUnique ? 'unique' : 'index'));
  const what = isUnique ? sql`CREATE UNIQUE INDEX` : sql`CREATE INDEX`;
  return sql`${what} ${name} ON ${place(path)} (${sql.id(column)})`;
}

/** The indexes that a new column asks for. */
export function indexesOf(path: readonly string[], { name, isUnique, isIndex }: ColumnDefinition): Sql[] {
  if (isUnique) return [index(path, name, true)];
  return isIndex ? [index(path, name, false)] : [];
}

/** How an engine writes the literals and functions that defaults may be. */
export interface DefaultSpelling {
  text(value: string): string;
  readonly truth: readonly [no: string, yes: string];
  /** The moment at which a record is made, for a type. */
  moment(column: ColumnDefinition): string;
  readonly uuid: string;
}

/** The text of a default. */
export function defaultText(
  column: ColumnDefinition,
  value: ColumnDefault,
  spelling: DefaultSpelling,
): string {
  if (value.kind !== 'literal') return value.kind === 'uuid' ? spelling.uuid : spelling.moment(column);
  const literal = value.value;
  if (typeof literal === 'boolean') return spelling.truth[literal ? 1 : 0];
  return typeof literal === 'string' ? spelling.text(literal) : String(literal);
}

/** A type in the engine's own words that passed `isDbType`; anything else is refused before. */
export function dbTypeText(column: ColumnDefinition): string | undefined {
  return column.dbType === null ? undefined : column.dbType.toLowerCase();
}

/**
 * Whether a text is a type of the engine: a name from its list, with at most two numbers in parentheses and
 * words of the list after them.
 */
export function isDbType({ dbTypes }: Ddl, text: string): boolean {
  const match = dbTypePattern.exec(text.trim());
  if (match === null) return false;
  const [, name = '', , , after = '', list = ''] = match;
  return dbTypes.has(`${name}${after}`.toLowerCase().replaceAll(/\s+/g, ' ').trim() + list);
}

// name, first number, second number, words after the parentheses, `[]`
const dbTypePattern =
  /^([a-z][\w ]{0,60}?)\s*(?:\(\s*(\d{1,10}|max)\s*(?:,\s*(\d{1,4})\s*)?\))?((?: [a-z]+)*)(\[\])?$/i;
