// The outbox of the system database: runs set off by writes to services that keep none of their own.
// Invariant: an entry that was put is on disk; that one was removed may be forgotten with a power cut,
// because the queue knows its runs by their ids.
import { sql } from 'kysely';
import { limits } from '../core/limits.ts';
import type { OutboxEntry } from '../core/outbox.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import type { SystemOutbox as SystemOutboxPort } from '../core/store.ts';
import { Group } from './queue/group.ts';
import { type QueueParts, together } from './queue/rows.ts';

const table = 'outbox';

/** The entries of the system database. */
export class SystemOutbox implements SystemOutboxPort {
  readonly #parts: QueueParts;
  readonly #puts: Group<OutboxEntry, undefined>;
  readonly #removals: Group<string, undefined>;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#puts = new Group((entries) => put(parts, entries));
    this.#removals = new Group((ids) => remove(parts, ids));
  }

  async put(entry: OutboxEntry): Promise<void> {
    await (this.#parts.handle.isTransaction ? put(this.#parts, [entry]) : this.#puts.add([entry]));
  }

  async due(limit: number): Promise<readonly OutboxEntry[]> {
    const { handle, dialect } = this.#parts;
    const rows = await handle
      .selectFrom(table)
      .select(['id', 'runs'])
      .where('due', '<=', dialect.now)
      .orderBy('due')
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map(({ id, runs }) => {
      return { id: String(id), runs: JSON.parse(String(runs)) as NewQueuedRun[], pendingMs: 0 };
    });
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await (this.#parts.handle.isTransaction ? remove(this.#parts, ids) : this.#removals.add(ids));
  }

  // Effects of runs are not committed here, and idempotency keys are cleared away by who asks for them.
  async trim(): Promise<number> {
    return 0;
  }
}

async function put(parts: QueueParts, entries: readonly OutboxEntry[]): Promise<undefined[]> {
  await together(parts, async ({ handle, dialect }) => {
    const now = dialect.now;
    for (const { id, runs, pendingMs } of entries) {
      const due = sql<number>`${now} + ${Math.max(0, pendingMs)}` as unknown as number;
      const row = { id, due, runs: JSON.stringify(runs) };
      await dialect.skippingDuplicates(handle.insertInto(table).values(row)).execute();
    }
  });
  return entries.map(() => undefined);
}

async function remove(parts: QueueParts, ids: readonly string[]): Promise<undefined[]> {
  const work = async ({ handle }: QueueParts) => {
    for (let at = 0; at < ids.length; at += limits.queuePartRows) {
      const part = ids.slice(at, at + limits.queuePartRows);
      await handle.deleteFrom(table).where('id', 'in', part).execute();
    }
  };
  await together(parts, work, true);
  return ids.map(() => undefined);
}
