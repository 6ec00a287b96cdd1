// Records that are read and written as a list inside the record they belong to (spec §5.11). Invariant: a
// list that was given changes only what it names; nothing of another parent can be named in it.
import { limits } from '../../core/limits.ts';
import type { DetailRepository, Stamps, Store } from '../../core/store.ts';
import type { Change } from './collection.ts';
import { invalidField } from './fields.ts';
import { isObject, type Written } from './request.ts';
import type { Row } from './selection.ts';

/** A list inside the records of a kind. */
export interface NestedList {
  /** Its name in the parent: `lookup_by_role_id`. */
  readonly field: string;
  /** Rows by the id of their parent; of one parent alone where it is given. */
  rows(store: Store, parentId?: number): Promise<ReadonlyMap<number, readonly Row[]>>;
  /** Writes what the parent's record holds under the field. */
  save(change: Change, parentId: number): Promise<void>;
}

/** How one kind of nested records is read and written. */
export interface NestedKind<Entry extends Stamps & { readonly id: number }> {
  readonly field: string;
  /** Field of a nested record that names its parent; null there removes the record. */
  readonly parent: string;
  repository(store: Store): DetailRepository<Entry>;
  parentOf(entry: Entry): number | null;
  rowOf(entry: Entry): Row;
  /** Adds what was written, or makes of an entry what was written. */
  write(change: NestedChange<Entry>): Promise<void>;
}

/** One nested record to be written. */
export interface NestedChange<Entry> {
  readonly store: Store;
  readonly written: Written;
  readonly parentId: number;
  /** Where it stands, for messages: `role_service_access_by_role_id[1]`. */
  readonly place: string;
  /** The entry to change; undefined for a new one. */
  readonly stored: Entry | undefined;
}

// Lookups of the system belong to nobody, and no record has this id.
const nobody = -1;

/** Makes the list of a kind. */
export function nestedList<Entry extends Stamps & { readonly id: number }>(
  kind: NestedKind<Entry>,
): NestedList {
  const member = kind.parent.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
  const ownedBy = (parentId: number) => ({ [member]: parentId }) as Partial<Entry>;
  return {
    field: kind.field,
    rows: async (store, parentId) => {
      const entries = await kind.repository(store).list(parentId === undefined ? {} : ownedBy(parentId));
      const owned = Map.groupBy(entries, (entry) => kind.parentOf(entry) ?? nobody);
      return new Map([...owned].map(([parent, own]) => [parent, own.map((entry) => kind.rowOf(entry))]));
    },
    save: async ({ store, written }, parentId) => {
      const given = readList(written, kind.field);
      if (given.length === 0) return;
      const own = await kind.repository(store).list(ownedBy(parentId));
      for (const [index, item] of given.entries()) {
        const place = `${kind.field}[${index}]`;
        const stored = own.find(({ id }) => id === item.id);
        if (stored === undefined && item.id !== undefined && item.id !== null) {
          throw invalidField(`${place}.id`, 'names no record that belongs here');
        }
        if (stored !== undefined && item[kind.parent] === null)
          await kind.repository(store).delete(stored.id);
        else await kind.write({ store, written: item, parentId, place, stored });
      }
    },
  };
}

/** Rows with their lists; a row is asked for by its `id`. */
export async function withNested(
  store: Store,
  lists: readonly NestedList[],
  rows: readonly Row[],
): Promise<Row[]> {
  // Of one record, as after each write, not all that there are are read.
  const only = rows.length === 1 ? Number(rows[0]?.id) : undefined;
  const found = await Promise.all(
    lists.map(async ({ field, rows: read }) => ({ field, of: await read(store, only) })),
  );
  return rows.map((row) => ({
    ...row,
    ...Object.fromEntries(found.map(({ field, of }) => [field, of.get(Number(row.id)) ?? []])),
  }));
}

function readList(written: Written, field: string): readonly Written[] {
  const given = Object.hasOwn(written, field) ? written[field] : undefined;
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given) || !given.every(isObject)) throw invalidField(field, 'must be a list of objects');
  if (given.length > limits.records) throw invalidField(field, `holds more than ${limits.records} records`);
  return given;
}
