// Named, stamped records: what the repositories of services, scripts and users have in common.
// Invariant: every change of configuration bumps the generation in its own transaction.
import { PlatformError } from '../core/errors.ts';
import type { New, Repository, Stamps } from '../core/store.ts';
import type { StoreDialect } from './dialect.ts';
import { bumpGeneration } from './generation.ts';
import {
  columnOf,
  type Handle,
  inTransaction,
  type Kinds,
  optionalInteger,
  readRow,
  readRows,
  type TableRow,
  text,
  timestamp,
  writeRow,
} from './table.ts';

/** Kinds of the stamps that every configuration record carries. */
export const stampKinds: Kinds<Stamps> = {
  createdDate: text,
  lastModifiedDate: text,
  createdById: optionalInteger,
  lastModifiedById: optionalInteger,
};

/** What distinguishes one kind of records. */
export interface RecordKind<Entry extends Stamps> {
  readonly table: string;
  /** For messages: `service`. */
  readonly noun: string;
  readonly kinds: Kinds<Entry>;
  /** Field that a record is found by. */
  readonly key: keyof Entry & string;
  /** Unique field that the caller gives, by which a new record is read back. */
  readonly natural: keyof Entry & string;
}

/** Where records are kept. */
export interface RecordsParts<Entry extends Stamps> {
  readonly handle: Handle;
  readonly dialect: StoreDialect;
  readonly kind: RecordKind<Entry>;
}

/** Reads and writes one kind of records. */
export class Records<Entry extends Stamps, Key extends string | number> implements Repository<Entry, Key> {
  readonly #handle: Handle;
  readonly #dialect: StoreDialect;
  readonly #kind: RecordKind<Entry>;

  constructor({ handle, dialect, kind }: RecordsParts<Entry>) {
    this.#handle = handle;
    this.#dialect = dialect;
    this.#kind = kind;
  }

  /** All records, ordered by their key. */
  async list(): Promise<Entry[]> {
    const { table, key, kinds } = this.#kind;
    const rows = await this.#handle.selectFrom(table).selectAll().orderBy(columnOf(key)).execute();
    return readRows(kinds, rows);
  }

  /** The record with a key. */
  get(key: Key): Promise<Entry | undefined> {
    return this.find(this.#kind.key, key);
  }

  /** The record whose unique field has a value. */
  find(field: keyof Entry & string, value: string | number): Promise<Entry | undefined> {
    return this.#find(this.#handle, field, value);
  }

  /** Adds a record; refuses with `config.conflict` what must be unique and is not. */
  create(entry: New<Entry>, by: number | null): Promise<Entry> {
    const { table, natural } = this.#kind;
    const now = timestamp();
    const stamps = { createdDate: now, lastModifiedDate: now, createdById: by, lastModifiedById: null };
    const row = this.#row({ ...entry, ...stamps } as unknown as Partial<Entry>);
    return this.#write(row, async (handle) => {
      await handle.insertInto(table).values(row).execute();
      // Read back by the unique name: RETURNING is no part of MySQL, and a last insert id none of PostgreSQL.
      const made = await this.#find(handle, natural, row[columnOf(natural)] as string);
      if (made === undefined) throw new Error(`the new ${this.#kind.noun} cannot be read back`);
      return made;
    });
  }

  /** Changes the given fields of a record. */
  update(key: Key, changes: Partial<New<Entry>>, by: number | null): Promise<Entry | undefined> {
    const stamps = { lastModifiedDate: timestamp(), lastModifiedById: by };
    const {
      created_date: _date,
      created_by_id: _by,
      ...row
    } = this.#row({
      ...changes,
      ...stamps,
    } as unknown as Partial<Entry>);
    return this.#write(row, async (handle) => {
      const { table, key: field } = this.#kind;
      await handle.updateTable(table).set(row).where(columnOf(field), '=', key).execute();
      return this.#find(handle, field, key);
    });
  }

  /** Removes a record; false when there is none with that key. */
  delete(key: Key): Promise<boolean> {
    return this.#write({}, async (handle) => {
      const { table, key: field } = this.#kind;
      const outcome = await handle.deleteFrom(table).where(columnOf(field), '=', key).executeTakeFirst();
      return Number(outcome.numDeletedRows) > 0;
    });
  }

  // A generated key is never written, even when whole records are handed back.
  #row(entry: Partial<Entry>): TableRow {
    const { key, natural, kinds } = this.#kind;
    const row = writeRow(kinds, entry);
    if (key !== natural) delete row[columnOf(key)];
    return row;
  }

  async #find(handle: Handle, field: string, value: string | number): Promise<Entry | undefined> {
    const { table, kinds } = this.#kind;
    const query = handle.selectFrom(table).selectAll().where(columnOf(field), '=', value);
    const row = await query.executeTakeFirst();
    return row === undefined ? undefined : readRow(kinds, row);
  }

  #write<T>(row: TableRow, work: (handle: Handle) => Promise<T>): Promise<T> {
    const handle = this.#handle;
    return writeChange({ handle, dialect: this.#dialect, noun: this.#kind.noun, row }, work);
  }
}

/** A change of configuration: where, of what, and the cells that it writes. */
interface WrittenChange {
  readonly handle: Handle;
  readonly dialect: StoreDialect;
  readonly noun: string;
  readonly row: TableRow;
  /** Absent: it is one that other processes must take over. */
  readonly isConfiguration?: boolean;
}

/** Makes a change and counts it; what must be unique and is not becomes `config.conflict`. */
export async function writeChange<T>(
  { handle, dialect, noun, row, isConfiguration = true }: WrittenChange,
  work: (handle: Handle) => Promise<T>,
): Promise<T> {
  try {
    return await inTransaction(handle, async (inside) => {
      const outcome = await work(inside);
      if (isConfiguration) await bumpGeneration(inside);
      return outcome;
    });
  } catch (error) {
    const column = dialect.conflict(error);
    if (column === undefined) throw error;
    const message = `The ${column} '${row[column]}' is already taken by another ${noun}.`;
    throw new PlatformError('config.conflict', message, { cause: error });
  }
}
