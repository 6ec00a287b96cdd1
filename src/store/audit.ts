// Repository of the audit log. Invariant: the content that a digest is made of is kept as it was digested, so
// that the chain can be followed whatever JSON library reads it later.
import type { Where } from '../core/query.ts';
import type {
  AuditEntry,
  AuditHead,
  AuditLink,
  AuditQuery,
  AuditRecord,
  AuditRepository,
  AuditSeal,
} from '../core/store.ts';
import { type Handle, inTransaction, type TableRow } from './table.ts';
import { whereExpression } from './where.ts';

const table = 'audit';

/** The audit log of the system database. */
export class Audit implements AuditRepository {
  readonly #handle: Handle;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  add(entry: AuditEntry, seal: (head: AuditHead, content: string) => AuditSeal): Promise<void> {
    return inTransaction(this.#handle, async (handle) => {
      // Locks the one row of the head: two entries at the same time must not follow the same one.
      await handle
        .updateTable('audit_head')
        .set((build) => ({ entries: build('entries', '+', 1) }))
        .execute();
      const head = await readHead(handle);
      const content = JSON.stringify(entry);
      const { hash, mac, keys, keyNumber } = seal(head, content);
      const { date, action, record, userId } = entry;
      const found = { date, action, record, user_id: userId };
      const link = { content, previous_hash: head.hash, hash, key_number: keyNumber };
      await handle
        .insertInto(table)
        .values({ ...found, ...link })
        .execute();
      await handle.updateTable('audit_head').set({ hash, mac, sealed_keys: keys }).execute();
    });
  }

  async list({ where, order = [], before, limit, skip = 0 }: AuditQuery): Promise<AuditRecord[]> {
    let query = this.#handle.selectFrom(table).selectAll();
    if (before !== undefined) query = query.where('id', '<', before);
    if (where !== undefined) query = query.where((build) => whereExpression(build, where));
    for (const { field, descending } of order) query = query.orderBy(field, descending ? 'desc' : 'asc');
    // The last word, so that pages neither overlap nor leave any out.
    return (await query.orderBy('id', 'desc').limit(limit).offset(skip).execute()).map(readEntry);
  }

  async get(id: number): Promise<AuditRecord | undefined> {
    const query = this.#handle.selectFrom(table).selectAll().where('id', '=', id);
    const row = await query.executeTakeFirst();
    return row === undefined ? undefined : readEntry(row);
  }

  async count(where?: Where): Promise<number> {
    let query = this.#handle.selectFrom(table).select(({ fn }) => fn.countAll<number>().as('count'));
    if (where !== undefined) query = query.where((build) => whereExpression(build, where));
    return Number((await query.executeTakeFirst())?.count ?? 0);
  }

  head(): Promise<AuditHead> {
    return readHead(this.#handle);
  }

  async reseal(keys: string): Promise<void> {
    await this.#handle.updateTable('audit_head').set({ sealed_keys: keys }).execute();
  }

  async chain(after: number, limit: number): Promise<readonly AuditLink[]> {
    const query = this.#handle
      .selectFrom(table)
      .selectAll()
      .orderBy('id')
      .where('id', '>', after)
      .limit(limit);
    return (await query.execute()).map(readLink);
  }
}

async function readHead(handle: Handle): Promise<AuditHead> {
  const row = await handle.selectFrom('audit_head').selectAll().executeTakeFirstOrThrow();
  const { entries, hash, mac = null, sealed_keys: keys = null } = row;
  return {
    entries: Number(entries),
    hash: String(hash),
    mac: mac === null ? null : String(mac),
    keys: keys === null ? null : String(keys),
  };
}

function readEntry(row: TableRow): AuditRecord {
  return { ...(JSON.parse(String(row.content)) as AuditEntry), ...ownOf(row) };
}

// Whoever changed a row may have left no JSON in it; that is for whoever follows the chain to say.
function readLink(row: TableRow): AuditLink {
  const content = String(row.content);
  const entry = parsed(content);
  const { date, action, record, userId } = entry;
  const isConsistent =
    row.date === date && row.action === action && row.record === record && row.user_id === userId;
  return { ...entry, ...ownOf(row), content, isConsistent };
}

function parsed(content: string): AuditEntry {
  try {
    return JSON.parse(content) as AuditEntry;
  } catch {
    return {} as AuditEntry;
  }
}

function ownOf(row: TableRow): Pick<AuditRecord, 'id' | 'previousHash' | 'hash' | 'keyNumber'> {
  const { id, previous_hash: previousHash, hash, key_number: keyNumber } = row;
  return {
    ...{ id: Number(id), previousHash: String(previousHash) },
    ...{ hash: String(hash), keyNumber: Number(keyNumber) },
  };
}
