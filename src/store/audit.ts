// Repository of the audit log. Invariant: the content that a digest is made of is kept as it was digested, so
// that the chain can be followed whatever JSON library reads it later.
import type { AuditEntry, AuditRecord, AuditRepository } from '../core/store.ts';
import { type Handle, inTransaction, type TableRow } from './table.ts';

const table = 'audit';

/** What the first entry follows. */
const beginning = '0'.repeat(64);

type Wanted = Parameters<AuditRepository['list']>[0];

/** The audit log of the system database. */
export class Audit implements AuditRepository {
  readonly #handle: Handle;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  add(entry: AuditEntry, seal: (previousHash: string, content: string) => string): Promise<void> {
    return inTransaction(this.#handle, async (handle) => {
      // Locks the one row of the counter: two entries at the same time must not follow the same one.
      await handle
        .updateTable('audit_head')
        .set((build) => ({ entries: build('entries', '+', 1) }))
        .execute();
      const head = await handle.selectFrom('audit_head').select('hash').executeTakeFirst();
      const previous = head === undefined ? beginning : String(head.hash);
      const content = JSON.stringify(entry);
      const hash = seal(previous, content);
      const { date, action, record, userId } = entry;
      const cells = { date, action, record, user_id: userId, content, previous_hash: previous, hash };
      await handle.insertInto(table).values(cells).execute();
      await handle.updateTable('audit_head').set({ hash }).execute();
    });
  }

  async list({ limit, before, record, action, userId }: Wanted): Promise<AuditRecord[]> {
    let query = this.#handle.selectFrom(table).selectAll().orderBy('id', 'desc').limit(limit);
    if (before !== undefined) query = query.where('id', '<', before);
    if (record !== undefined) query = query.where('record', '=', record);
    if (action !== undefined) query = query.where('action', '=', action);
    if (userId !== undefined) query = query.where('user_id', '=', userId);
    return (await query.execute()).map(readEntry);
  }

  async chain(after: number, limit: number) {
    const query = this.#handle
      .selectFrom(table)
      .selectAll()
      .orderBy('id')
      .where('id', '>', after)
      .limit(limit);
    return (await query.execute()).map((row) => ({ ...readEntry(row), content: String(row.content) }));
  }
}

function readEntry(row: TableRow): AuditRecord {
  const entry = JSON.parse(String(row.content)) as AuditEntry;
  return { ...entry, id: Number(row.id), previousHash: String(row.previous_hash), hash: String(row.hash) };
}
