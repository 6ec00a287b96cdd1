// What people do with queued runs: look at them, cancel, retry and drop them, one or many.
// Invariant: many are changed a part at a time, so that nobody waits long for a lock.
import { limits } from '../../core/limits.ts';
import type { Where } from '../../core/query.ts';
import type { QueuedRun, QueuedRunQuery, QueuedState, RunSelection, TrimBounds } from '../../core/queue.ts';
import { columnOf, type Handle, type TableRow } from '../table.ts';
import { type Builder, whereExpression } from '../where.ts';
import { dropMemos } from './memos.ts';
import { bringUp } from './order.ts';
import {
  change,
  columns,
  ended,
  positionsOf,
  type QueueParts,
  readClock,
  readRun,
  readyAgain,
  table,
  together,
} from './rows.ts';

/** Runs in the order asked for, else the newest first. */
export async function list({ handle }: QueueParts, query: QueuedRunQuery): Promise<QueuedRun[]> {
  const { where, order = [], limit, skip = 0, isBrief = false } = query;
  let select = handle.selectFrom(table).select(isBrief ? briefColumns : [...columns]);
  if (where !== undefined) select = select.where((build) => whereExpression(build, where));
  for (const { field, descending } of order) {
    select = select.orderBy(columnOf(field), descending ? 'desc' : 'asc');
  }
  // The last word, so that pages neither overlap nor leave any out.
  const rows = await select.orderBy('position', 'desc').limit(limit).offset(skip).execute();
  return rows.map((row) => readRun(isBrief ? { ...row, payload: '' } : row));
}

const briefColumns = columns.filter((column) => column !== 'payload');

/** One by id or position. */
export async function get({ handle }: QueueParts, key: string | number): Promise<QueuedRun | undefined> {
  const column = typeof key === 'number' ? 'position' : 'id';
  const select = handle.selectFrom(table).select([...columns]);
  const row = await select.where(column, '=', key).executeTakeFirst();
  return row === undefined ? undefined : readRun(row);
}

/** How many there are. */
export async function count({ handle }: QueueParts, where?: Where): Promise<number> {
  let query = handle.selectFrom(table).select(({ fn }) => fn.countAll<number>().as('count'));
  if (where !== undefined) query = query.where((build) => whereExpression(build, where));
  return Number((await query.executeTakeFirst())?.count ?? 0);
}

const over: readonly QueuedState[] = ['done', 'failed', 'cancelled', 'quarantined'];

/** Starts ended runs anew. */
export function retry(parts: QueueParts, selection: RunSelection): Promise<number> {
  const states: readonly QueuedState[] = ['failed', 'cancelled', 'quarantined'];
  return inParts(parts, { selection, states }, async (inside, rows) => {
    const free = await withFreeKeys(inside, rows);
    const now = await readClock(inside);
    const fresh = { attempt: 0, crashes: 0, reason: null, log_id: null, finished_date: null };
    const unheld = positionsOf(free);
    await change(inside, unheld, { ...readyAgain, ...fresh, available_date: now });
    await holdKeys(inside, unheld);
    return free.length;
  });
}

/** Ends runs that wait, and asks for the end of those that run. */
export function cancel(parts: QueueParts, selection: RunSelection, reason: string): Promise<number> {
  return inParts(parts, { selection, states: ['ready', 'running'] }, async (inside, rows) => {
    const waiting = rows.filter((row) => row.state === 'ready');
    const running = rows.filter((row) => row.state === 'running');
    const now = await readClock(inside);
    await change(inside, positionsOf(waiting), { ...ended('cancelled', now), reason });
    await change(inside, positionsOf(running), { is_cancelling: 1, reason });
    await bringUp(inside, waiting);
    return rows.length;
  });
}

/** Drops runs that are over. */
export function forget(parts: QueueParts, selection: RunSelection): Promise<number> {
  return inParts(parts, { selection, states: over }, async ({ handle }, rows) => {
    await handle.deleteFrom(table).where('position', 'in', positionsOf(rows)).execute();
    await dropMemos({ handle }, positionsOf(rows));
    return rows.length;
  });
}

/** Drops the oldest of those that are over in one way. */
export async function trim(parts: QueueParts, bounds: TrimBounds): Promise<number> {
  const { state, olderThanMs, keep, leastMs = 0, atOnce } = bounds;
  const now = await readClock(parts);
  const [before, young] = [now - olderThanMs, now - leastMs];
  const own = parts.handle.selectFrom(table).select(['position', 'finished_date']).where('state', '=', state);
  const kept = await own.orderBy('position', 'desc').limit(1).offset(keep).executeTakeFirst();
  const beyond = Number(kept?.position ?? 0);
  // Runs end in about the order in which they came; one that took its time is dropped with a later part.
  const oldest = await own.orderBy('position').limit(atOnce).execute();
  const dropped = oldest.filter(({ position, finished_date: ended }) => {
    return Number(ended) < before || (Number(position) <= beyond && Number(ended) <= young);
  });
  if (dropped.length === 0) return 0;
  const positions = positionsOf(dropped);
  return parts.dialect.loosely(parts.handle, async (handle) => {
    const query = handle.deleteFrom(table).where('position', 'in', positions).where('state', '=', state);
    const gone = Number((await query.executeTakeFirst()).numDeletedRows);
    if (gone > 0) await dropMemos({ handle }, await withoutRun(handle, positions));
    return gone;
  });
}

// Somebody may have started one of them anew in the meantime.
async function withoutRun(handle: Handle, positions: readonly number[]): Promise<number[]> {
  const query = handle
    .selectFrom(table)
    .select('position')
    .where('position', 'in', [...positions]);
  const left = new Set(positionsOf(await query.execute()));
  return positions.filter((position) => !left.has(position));
}

interface Bulk {
  readonly selection: RunSelection;
  /** Others are left as they are. */
  readonly states: readonly QueuedState[];
}

async function inParts(
  parts: QueueParts,
  { selection, states }: Bulk,
  work: (parts: QueueParts, rows: readonly TableRow[]) => Promise<number>,
): Promise<number> {
  let [after, sum] = [0, 0];
  for (;;) {
    const from = after;
    const { done, last } = await together(parts, async (inside) => {
      const query = inside.handle
        .selectFrom(table)
        .select(['position', 'state', 'unique_key', 'ordering_key'])
        .where('state', 'in', [...states])
        .where('position', '>', from)
        .where((build) => selected(build, selection))
        .orderBy('position')
        .limit(limits.queuePartRows);
      const rows = await (inside.dialect.isConcurrent ? query.forUpdate() : query).execute();
      const full = rows.length === limits.queuePartRows;
      const end = full ? Number(rows.at(-1)?.position) : undefined;
      return { done: rows.length === 0 ? 0 : await work(inside, rows), last: end };
    });
    sum += done;
    if (last === undefined) return sum;
    after = last;
  }
}

function selected(build: Builder, selection: RunSelection) {
  if ('ids' in selection) return whereExpression(build, { kind: 'in', field: 'id', values: selection.ids });
  if ('positions' in selection) {
    return whereExpression(build, { kind: 'in', field: 'position', values: selection.positions });
  }
  return whereExpression(build, selection.where ?? { kind: 'and', terms: [] });
}

// Of several with one unique key the first; none where another run has the key by now.
async function withFreeKeys({ handle }: QueueParts, rows: readonly TableRow[]): Promise<TableRow[]> {
  const keys = [...new Set(rows.flatMap(({ unique_key: key }) => key ?? []))];
  if (keys.length === 0) return [...rows];
  const query = handle.selectFrom(table).select('held_key').where('held_key', 'in', keys);
  const taken = new Set<unknown>((await query.execute()).map((row) => row.held_key));
  return rows.filter(({ unique_key: key }) => {
    if (key === null || key === undefined) return true;
    const isFree = !taken.has(key);
    taken.add(key);
    return isFree;
  });
}

async function holdKeys({ handle }: QueueParts, positions: readonly number[]): Promise<void> {
  if (positions.length === 0) return;
  await handle
    .updateTable(table)
    .set((build) => ({ held_key: build.ref('unique_key'), held_order: build.ref('ordering_key') }))
    .where('position', 'in', [...positions])
    .execute();
}
