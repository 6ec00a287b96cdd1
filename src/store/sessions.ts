// Repository of open sessions. Invariant: a closed session never opens again; it only disappears when pruned.
import type { SessionRecord, SessionRepository } from '../core/store.ts';
import {
  type Handle,
  integer,
  type Kinds,
  optionalText,
  readRow,
  text,
  timestamp,
  writeRow,
} from './table.ts';

const table = 'session';

const kinds: Kinds<SessionRecord> = {
  id: text,
  userId: integer,
  createdDate: text,
  expiresDate: text,
  refreshUntilDate: text,
  closedDate: optionalText,
};

/** Sessions of the system database. */
export class Sessions implements SessionRepository {
  readonly #handle: Handle;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  async open(session: Omit<SessionRecord, 'closedDate'>): Promise<void> {
    await this.#handle
      .insertInto(table)
      .values(writeRow(kinds, { ...session, closedDate: null }))
      .execute();
  }

  get(id: string): Promise<SessionRecord | undefined> {
    return find(this.#handle, id);
  }

  async extend(id: string, expiresDate: string): Promise<void> {
    await this.#handle
      .updateTable(table)
      .set(writeRow(kinds, { expiresDate }))
      .where('id', '=', id)
      .where('closed_date', 'is', null)
      .execute();
  }

  async close(id: string): Promise<void> {
    await this.#handle
      .updateTable(table)
      .set({ closed_date: timestamp() })
      .where('id', '=', id)
      .where('closed_date', 'is', null)
      .execute();
  }

  async closeAll(userId: number, except: string | null): Promise<void> {
    await this.#handle
      .updateTable(table)
      .set({ closed_date: timestamp() })
      .where('user_id', '=', userId)
      .where('id', '!=', except ?? '')
      .where('closed_date', 'is', null)
      .execute();
  }

  async prune(): Promise<number> {
    const query = this.#handle.deleteFrom(table).where('refresh_until_date', '<', timestamp());
    return Number((await query.executeTakeFirst()).numDeletedRows);
  }
}

async function find(handle: Handle, id: string): Promise<SessionRecord | undefined> {
  const row = await handle.selectFrom(table).selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : readRow(kinds, row);
}
