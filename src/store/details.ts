// Records that belong to others and have no name of their own: rows of access, roles of users, lookups.
// Invariant: every change of configuration bumps the generation in its own transaction.
import type { DetailRepository, New, Stamps } from '../core/store.ts';
import type { StoreDialect } from './dialect.ts';
import { writeChange } from './records.ts';
import { type Handle, type Kinds, readRows, type TableRow, timestamp, writeRow } from './table.ts';

/** What distinguishes one kind of details. */
export interface DetailKind<Entry extends Stamps> {
  readonly table: string;
  /** For messages: `lookup`. */
  readonly noun: string;
  readonly kinds: Kinds<Entry>;
  /** Whether other processes must take over its changes; they count as changes of configuration then. */
  readonly isConfiguration?: boolean;
}

/** Where details are kept. */
interface DetailsParts<Entry extends Stamps> {
  readonly handle: Handle;
  readonly dialect: StoreDialect;
  readonly kind: DetailKind<Entry>;
}

/** Reads and writes one kind of details. */
export class Details<Entry extends Stamps & { readonly id: number }> implements DetailRepository<Entry> {
  readonly #parts: DetailsParts<Entry>;

  constructor(parts: DetailsParts<Entry>) {
    this.#parts = parts;
  }

  /** Those that have these values, all without; in the order in which they were made. */
  async list(having: Partial<Entry> = {}): Promise<Entry[]> {
    const { handle, kind } = this.#parts;
    let query = handle.selectFrom(kind.table).selectAll().orderBy('id');
    for (const [column, value] of Object.entries(writeRow(kind.kinds, having))) {
      query = value === null ? query.where(column, 'is', null) : query.where(column, '=', value);
    }
    return readRows(kind.kinds, await query.execute());
  }

  /** Adds one; refuses with `config.conflict` what must be unique and is not. */
  async add(entry: New<Entry>, by: number | null): Promise<void> {
    const { kind } = this.#parts;
    const now = timestamp();
    const stamps = { createdDate: now, lastModifiedDate: now, createdById: by, lastModifiedById: null };
    const { id: _id, ...row } = writeRow(kind.kinds, { ...entry, ...stamps } as unknown as Partial<Entry>);
    await writeChange(this.#change(row), (handle) => handle.insertInto(kind.table).values(row).execute());
  }

  /** Changes the given fields of one; false when there is none with that id. */
  async update(id: number, changes: Partial<New<Entry>>, by: number | null): Promise<boolean> {
    const { kind } = this.#parts;
    const stamps = { lastModifiedDate: timestamp(), lastModifiedById: by };
    const {
      id: _id,
      created_date: _date,
      created_by_id: _by,
      ...row
    } = writeRow(kind.kinds, { ...changes, ...stamps } as unknown as Partial<Entry>);
    return writeChange(this.#change(row), async (handle) => {
      const outcome = await handle.updateTable(kind.table).set(row).where('id', '=', id).executeTakeFirst();
      return Number(outcome.numUpdatedRows) > 0;
    });
  }

  /** Removes one; false when there is none with that id. */
  delete(id: number): Promise<boolean> {
    const { kind } = this.#parts;
    return writeChange(this.#change({}), async (handle) => {
      const outcome = await handle.deleteFrom(kind.table).where('id', '=', id).executeTakeFirst();
      return Number(outcome.numDeletedRows) > 0;
    });
  }

  #change(row: TableRow) {
    const { noun, isConfiguration = true } = this.#parts.kind;
    return { ...this.#parts, noun, row, isConfiguration };
  }
}
