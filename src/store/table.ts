// How entries of the port become rows and back: each field has a kind of cell, its column is its name in
// snake case.
// Invariant: only types that every engine has: text, integers, truth values as 0 and 1, JSON and dates as
// text.
import type { Kysely } from 'kysely';

/** What a column holds. */
type Cell = string | number | null;

/** A row of the system database. */
export type TableRow = Record<string, Cell>;

/** The system database, or a transaction on it. */
export type Handle = Kysely<Record<string, TableRow>>;

/** How a value of a field is kept. */
export interface Kind<Value> {
  read(cell: unknown): Value;
  write(value: Value): Cell;
}

/** The fields of an entry and their kinds. */
export type Kinds<Entry> = { readonly [Field in keyof Entry]-?: Kind<Exclude<Entry[Field], undefined>> };

/** Text that is always there. */
export const text: Kind<string> = { read: (cell) => String(cell), write: (value) => value };

/** Text that may be missing. */
export const optionalText: Kind<string | null> = {
  read: (cell) => (cell === null ? null : String(cell)),
  write: (value) => value,
};

/** A whole number that is always there. */
export const integer: Kind<number> = { read: (cell) => Number(cell), write: (value) => value };

/** A whole number that may be missing. */
export const optionalInteger: Kind<number | null> = {
  read: (cell) => (cell === null ? null : Number(cell)),
  write: (value) => value,
};

/** A truth value. */
export const flag: Kind<boolean> = { read: (cell) => Number(cell) === 1, write: (value) => (value ? 1 : 0) };

/** A JSON object. */
export const json: Kind<Readonly<Record<string, unknown>>> = {
  read: (cell) => JSON.parse(String(cell)) as Record<string, unknown>,
  write: (value) => JSON.stringify(value),
};

/** A JSON list. */
export const jsonList: Kind<readonly unknown[]> = {
  // Null is what rows have that are older than their column: MySQL has no default for texts of any length.
  read: (cell) => (cell === null ? [] : (JSON.parse(String(cell)) as unknown[])),
  write: (value) => JSON.stringify(value),
};

/** JSON of any shape. */
export const anyJson: Kind<unknown> = {
  read: (cell) => JSON.parse(String(cell)) as unknown,
  write: (value) => JSON.stringify(value ?? null),
};

/** Text of which only some values are written. */
export function oneOf<Value extends string>(): Kind<Value> {
  return { read: (cell) => String(cell) as Value, write: (value) => value };
}

/** The column of a field: `isActive` is kept in `is_active`. */
export function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The entry that a row holds. */
export function readRow<Entry extends object>(kinds: Kinds<Entry>, row: TableRow): Entry {
  return readRows(kinds, [row])[0] as Entry;
}

/** The entries that rows hold. The columns are found once for all of them. */
export function readRows<Entry extends object>(kinds: Kinds<Entry>, rows: readonly TableRow[]): Entry[] {
  const names = Object.keys(kinds) as (keyof Entry & string)[];
  const cells = names.map((name) => ({ name, column: columnOf(name), read: kinds[name].read }));
  return rows.map((row) => {
    return Object.fromEntries(cells.map(({ name, column, read }) => [name, read(row[column])])) as Entry;
  });
}

/** The cells of the fields that are given; fields that are no part of the kind of entry are left out. */
export function writeRow<Entry extends object>(kinds: Kinds<Entry>, entry: Partial<Entry>): TableRow {
  return rowWriter(kinds)(entry);
}

/** Writes rows of a kind, as `writeRow`. The columns are found once for all of them. */
export function rowWriter<Entry extends object>(kinds: Kinds<Entry>): (entry: Partial<Entry>) => TableRow {
  const names = Object.keys(kinds) as (keyof Entry & string)[];
  const cells = names.map((name) => ({ name, column: columnOf(name), kind: kinds[name] }));
  return (entry) => {
    const row: TableRow = {};
    for (const { name, column, kind } of cells) {
      const value = entry[name];
      if (value !== undefined) row[column] = kind.write(value as Exclude<Entry[typeof name], undefined>);
    }
    return row;
  };
}

/** Work in a transaction: the one that the handle already is, or a new one. */
export function inTransaction<T>(handle: Handle, work: (handle: Handle) => Promise<T>): Promise<T> {
  return handle.isTransaction ? work(handle) : handle.transaction().execute(work);
}

/** Now, as dates are kept. */
export function timestamp(): string {
  return new Date().toISOString();
}
