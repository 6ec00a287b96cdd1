// The processes that share the system database, as rows. Invariant: all dates are those of the database's
// clock, and a process that is lost is told of by one of the others alone.
import { type RawBuilder, sql } from 'kysely';
import { limits } from '../core/limits.ts';
import type { NodePresence, NodeRecord, NodeRegistry } from '../core/node.ts';
import type { StoreDialect } from './dialect.ts';
import type { Handle, TableRow } from './table.ts';

const table = 'node';

/** The registry of processes. */
export class Nodes implements NodeRegistry {
  readonly #handle: Handle;
  readonly #dialect: StoreDialect;

  constructor({ handle, dialect }: { readonly handle: Handle; readonly dialect: StoreDialect }) {
    this.#handle = handle;
    this.#dialect = dialect;
  }

  async beat(node: NodePresence): Promise<void> {
    const seen = { ...rowOf(node), is_lost: 0, seen_date: this.#in(0) } as unknown as TableRow;
    const { numUpdatedRows } = await this.#handle
      .updateTable(table)
      .set(seen)
      .where('id', '=', node.id)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) return;
    const row = { ...seen, id: node.id, started_date: this.#in(0) } as unknown as TableRow;
    await this.#handle.insertInto(table).values(row).execute();
  }

  async leave(id: string): Promise<void> {
    await this.#handle.deleteFrom(table).where('id', '=', id).execute();
  }

  async list(): Promise<NodeRecord[]> {
    return (await this.#read().execute()).map(nodeOf);
  }

  async elsewhere(hostMark: string): Promise<NodeRecord[]> {
    const rows = await this.#read()
      .where('host_mark', '!=', hostMark)
      .where('seen_date', '>', this.#in(-limits.nodeLeaseMs))
      .execute();
    return rows.map(nodeOf);
  }

  async takeLost(): Promise<NodeRecord[]> {
    const over = this.#in(-limits.nodeLeaseMs);
    const found = await this.#read().where('is_lost', '=', 0).where('seen_date', '<=', over).execute();
    const taken: NodeRecord[] = [];
    for (const node of found.map(nodeOf)) {
      const { numUpdatedRows } = await this.#handle
        .updateTable(table)
        .set({ is_lost: 1 })
        .where('id', '=', node.id)
        .where('is_lost', '=', 0)
        // It may have been seen again since.
        .where('seen_date', '<=', over)
        .executeTakeFirst();
      if (numUpdatedRows > 0n) taken.push(node);
    }
    return taken;
  }

  async trim(): Promise<number> {
    const { numDeletedRows } = await this.#handle
      .deleteFrom(table)
      .where('seen_date', '<', this.#in(-limits.nodeKeepMs))
      .executeTakeFirst();
    return Number(numDeletedRows);
  }

  #read() {
    return this.#handle
      .selectFrom(table)
      .selectAll()
      .select(this.#in(-limits.nodeLeaseMs).as('lease_date'))
      .orderBy('started_date')
      .orderBy('id');
  }

  #in(ms: number): RawBuilder<number> {
    return sql<number>`${this.#dialect.now} + ${sql.lit(ms)}`;
  }
}

// Names come from the machine, which may call itself as it likes: they are cut to their columns.
function rowOf({ host, hostMark, pid, kind, url, version, queues, isDraining }: NodePresence) {
  return {
    ...{ host: host.slice(0, 255), host_mark: hostMark.slice(0, 255), pid, kind, version },
    url: url?.slice(0, 255) ?? null,
    queues: JSON.stringify(queues),
    is_draining: isDraining ? 1 : 0,
  };
}

function nodeOf(row: TableRow): NodeRecord {
  return {
    id: String(row.id),
    host: String(row.host),
    hostMark: String(row.host_mark),
    pid: Number(row.pid),
    kind: row.kind === 'work' ? 'work' : 'serve',
    url: row.url === null ? null : String(row.url),
    version: String(row.version),
    queues: JSON.parse(String(row.queues)) as string[],
    isDraining: Number(row.is_draining) === 1,
    startedDate: Number(row.started_date),
    seenDate: Number(row.seen_date),
    isAlive: Number(row.seen_date) > Number(row.lease_date),
  };
}
