// Ordering keys: which run of a key may be started, and who goes on when it is over.
// Invariant: a run of a key begins to run, is put behind others, and is brought up again only under the lock
// that its key shares with some others; so none is put behind one that is already gone.
import { sql } from 'kysely';
import { limits } from '../../core/limits.ts';
import type { TableRow } from '../table.ts';
import { positionsOf, type QueueParts, table, turnOfPriority } from './rows.ts';

/** What can be claimed of what was found. */
export interface Sorted {
  readonly free: readonly TableRow[];
  /** Whether some were put behind others, so that there may be more to find. */
  readonly hasPutBack: boolean;
}

/** Leaves those that no other run of their key holds up, and puts the rest back until their turn comes. */
export async function sortByKey(parts: QueueParts, found: readonly TableRow[]): Promise<Sorted> {
  const keyed = found.filter((row) => row.held_order !== null);
  if (keyed.length === 0) return { free: found, hasPutBack: false };
  const slots = await lockSlots(parts, keyed, true);
  const locked = keyed.filter((row) => slots.has(slotOf(row)));
  const first = await firstOfTheirKeys(parts, positionsOf(locked));
  const isFree = (row: TableRow) => row.held_order === null || first.has(Number(row.position));
  const held = locked.filter((row) => !isFree(row));
  await putBack(parts, positionsOf(held));
  return { free: found.filter(isFree), hasPutBack: held.length > 0 };
}

/** Brings up the next of the keys of rows that stopped running or waiting, when their change is written. */
export async function bringUp(parts: QueueParts, rows: readonly TableRow[]): Promise<void> {
  const keyed = rows.filter((row) => (row.ordering_key ?? null) !== null);
  if (keyed.length === 0) return;
  await lockSlots(parts, keyed, false);
  const heads = await parts.handle
    .selectFrom(`${table} as over`)
    .select(firstReady.as('position'))
    .where('over.position', 'in', positionsOf(keyed))
    .execute();
  const next = positionsOf(heads.filter((row) => row.position !== null));
  if (next.length === 0) return;
  await parts.handle
    .updateTable(table)
    .set({ turn: turnOfPriority })
    .where('position', 'in', next)
    .where('state', '=', 'ready')
    .where('turn', 'is', null)
    .where('wakes', 'is', null)
    .execute();
}

const firstReady = sql<number | null>`(select next.position from queued_run as next
  where next.held_order = over.ordering_key and next.state = 'ready' order by next.position limit 1)`;

const firstOfKey = sql<number | null>`(select next.position from queued_run as next
  where next.held_order = own.held_order and next.state = 'ready' order by next.position limit 1)`;

const hasRunning = sql<number>`exists (select 1 from queued_run as other
  where other.held_order = own.held_order and other.state = 'running')`;

async function firstOfTheirKeys({ handle }: QueueParts, positions: number[]): Promise<Set<number>> {
  if (positions.length === 0) return new Set();
  const rows = await handle
    .selectFrom(`${table} as own`)
    .select(['own.position as position', firstOfKey.as('first'), hasRunning.as('is_busy')])
    .where('own.position', 'in', positions)
    .execute();
  // Truth values are booleans on some engines and numbers on others.
  const free = rows.filter((row) => row.first === row.position && !row.is_busy);
  return new Set(positionsOf(free));
}

async function putBack({ handle }: QueueParts, positions: number[]): Promise<void> {
  if (positions.length === 0) return;
  await handle.updateTable(table).set({ turn: null }).where('position', 'in', positions).execute();
}

// Who claims does not wait for a lock; who must bring up the next does. In the order of slots: two that wait
// for each other would both be undone.
async function lockSlots(
  { handle, dialect }: QueueParts,
  rows: readonly TableRow[],
  isSkipping: boolean,
): Promise<Set<number>> {
  const wanted = new Set(rows.map(slotOf));
  if (!dialect.isConcurrent) return wanted;
  const query = handle
    .selectFrom('queue_slot')
    .select('slot')
    .where('slot', 'in', [...wanted])
    .orderBy('slot')
    .forUpdate();
  const locked = await (isSkipping ? query.skipLocked() : query).execute();
  return new Set(locked.map((row) => Number(row.slot)));
}

function slotOf(row: TableRow): number {
  let hash = 0;
  for (const sign of String(row.ordering_key)) hash = (hash * 31 + (sign.codePointAt(0) ?? 0)) >>> 0;
  return hash % limits.queueSlots;
}
