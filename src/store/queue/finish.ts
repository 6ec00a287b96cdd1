// What workers say of the runs that they hold. Invariant: only the token of the present claim counts, and it
// counts once: rows are locked, their tokens compared, and the change asks for the token again.
import { type RawBuilder, sql } from 'kysely';
import type { Beat, Hold, QueuedState, RunEnd } from '../../core/queue.ts';
import type { TableRow } from '../table.ts';
import { bringUp } from './order.ts';
import {
  change,
  countUp,
  ended,
  positionsOf,
  type QueueParts,
  type RowChanges,
  readyAgain,
  table,
  together,
  unheld,
} from './rows.ts';
import { filledUp, listOf } from './statements.ts';

/**
 * Ends runs; tells which of the ends counted. Nobody waits for the disk: to a run whose end a power cut
 * undoes the same happens as to one that a power cut interrupts.
 */
export function finish(parts: QueueParts, ends: readonly RunEnd[]): Promise<boolean[]> {
  return together(parts, (inside) => finishInside(inside, ends), true);
}

async function finishInside(inside: QueueParts, ends: readonly RunEnd[]): Promise<boolean[]> {
  const [well, badly] = [ends.filter(isDone), ends.filter((end) => !isDone(end))];
  const done = await endWell(inside, well);
  const held = badly.length === 0 ? done : await lockHeld(inside, badly);
  const rows: TableRow[] = [];
  const counted: boolean[] = [];
  for (const end of ends) {
    const row = (isDone(end) ? done : held).take(end);
    counted.push(row !== undefined);
    if (row === undefined) continue;
    rows.push(row);
    if (!isDone(end)) await writeFailed(inside, { end, row, now: held.now });
  }
  await bringUp(inside, rows);
  return counted;
}

function isDone(end: RunEnd): end is Extract<RunEnd, { outcome: 'done' }> {
  return end.outcome === 'done';
}

// Most runs end well, and those of one claim have one token: one statement for all of them.
async function endWell(parts: QueueParts, ends: readonly RunEnd[]): Promise<HeldRows> {
  const rows: TableRow[] = [];
  for (const [token, same] of Map.groupBy(ends, (end) => end.token)) {
    rows.push(...(await endHeld(parts, token, positionsIn(same))));
  }
  return new HeldRows(rows);
}

// The rows of a token that were changed.
async function endHeld(parts: QueueParts, token: string, positions: number[]): Promise<TableRow[]> {
  const { handle, dialect, statements } = parts;
  const found = dialect.hasReturning ? [] : await lockRows(parts, positions);
  const own = dialect.hasReturning ? positions : positionsOf(found.filter((row) => row.token === token));
  if (own.length === 0) return [];
  const all = filledUp(own);
  const changed = await statements.ask(handle, {
    name: `done ${all.length}`,
    make: () => sql`update queued_run set state = 'done', finished_date = ${once(dialect.now)},
      token = null, worker = null, lease_until = null, is_cancelling = 0, turn = null, wakes = null,
      held_key = null, held_order = null
      where position in ${listOf(all.length)} and token = ${null} and state = 'running'
      ${dialect.hasReturning ? sql`returning position, ordering_key` : sql``}`,
    values: [...all, token],
  });
  return dialect.hasReturning ? changed.map((row) => ({ ...row, token })) : found;
}

/** Gives runs back as they were before they were claimed. */
export function release(parts: QueueParts, holds: readonly Hold[]): Promise<boolean[]> {
  return together(parts, async (inside) => {
    const held = await lockHeld(inside, holds);
    const { now } = held;
    const counted = holds.map((hold) => held.take(hold));
    const rows = counted.filter((row) => row !== undefined);
    const isStopped = (row: TableRow) => Number(row.is_cancelling) === 1;
    await change(inside, positionsOf(rows.filter((row) => !isStopped(row))), readyAgain);
    await change(inside, positionsOf(rows.filter(isStopped)), ended('cancelled', now));
    await bringUp(inside, rows);
    return counted.map((row) => row !== undefined);
  });
}

/** Extends the leases of runs that are held still. */
export function beat(parts: QueueParts, holds: readonly Hold[], leaseMs: number): Promise<Beat[]> {
  return together(
    parts,
    async (inside) => {
      const held = await lockHeld(inside, holds);
      const leaseUntil = held.now + leaseMs;
      const rows = holds.map((hold) => held.take(hold));
      const positions = positionsOf(rows.filter((row) => row !== undefined));
      await change(inside, positions, { lease_until: leaseUntil });
      return rows.map((row) => {
        if (row === undefined) return 'lost';
        return Number(row.is_cancelling) === 1 ? 'cancel' : 'held';
      });
    },
    true,
  );
}

// Rows by position; each can be taken once, by the token that it is held with.
class HeldRows {
  readonly #rows: Map<number, TableRow>;
  /** The time when they were locked; 0 where there are none, and nothing to date. */
  readonly now: number;

  constructor(rows: readonly TableRow[]) {
    this.now = Math.max(0, ...rows.map((row) => Number(row.now)));
    this.#rows = new Map(rows.map((row) => [Number(row.position), row]));
  }

  take({ position, token }: Hold): TableRow | undefined {
    const row = this.#rows.get(position);
    if (row?.token !== token) return undefined;
    this.#rows.delete(position);
    return row;
  }
}

// A subquery is asked once, an expression for every row.
const once = (clock: RawBuilder<number>) => sql<number>`(select ${clock})`;

/** Locks the rows of runs that are running, to be taken by the tokens that they are held with. */
export async function lockHeld(parts: QueueParts, holds: readonly Hold[]): Promise<HeldRows> {
  return new HeldRows(await lockRows(parts, positionsIn(holds)));
}

function lockRows({ handle, dialect, statements }: QueueParts, positions: number[]): Promise<TableRow[]> {
  if (positions.length === 0) return Promise.resolve([]);
  const all = filledUp(positions);
  return statements.ask(handle, {
    name: `held ${all.length}`,
    make: () => sql`select position, token, ordering_key, is_cancelling, ${once(dialect.now)} as now
      from queued_run where position in ${listOf(all.length)} and state = 'running'
      order by position ${dialect.isConcurrent ? sql`for update` : sql``}`,
    values: all,
  });
}

function positionsIn(holds: readonly Hold[]): number[] {
  return [...new Set(holds.map(({ position }) => position))];
}

interface Failed {
  readonly end: Exclude<RunEnd, { outcome: 'done' }>;
  readonly row: TableRow;
  readonly now: number;
}

async function writeFailed({ handle }: QueueParts, { end, row, now }: Failed): Promise<void> {
  const { position, token, logId } = end;
  const changes = changesOf({ end, row, now });
  // Why it was to be stopped was said by who wanted it.
  const isWanted = changes.state === 'cancelled' && Number(row.is_cancelling) === 1;
  const reason = isWanted ? {} : { reason: end.reason };
  await handle
    .updateTable(table)
    .set({ ...changes, ...reason, log_id: logId })
    .where('position', '=', position)
    .where('token', '=', token)
    .execute();
}

function changesOf({ end, row, now }: Failed): RowChanges {
  const isComingBack = end.outcome === 'retry' || end.outcome === 'postponed';
  // Who asked for the end of a run does not want it tried again.
  const isStopped = isComingBack && Number(row.is_cancelling) === 1;
  const outcome = isStopped ? 'cancelled' : end.outcome;
  if (outcome === 'cancelled') return ended('cancelled', now);
  const failed = end.outcome === 'postponed' ? {} : { attempt: countUp('attempt') };
  if (!isComingBack) return { ...ended(outcome as QueuedState, now), ...failed };
  const available = now + Math.max(0, end.delayMs);
  if (end.delayMs <= 0) return { ...readyAgain, ...failed, available_date: available };
  return { ...unheld, ...failed, state: 'ready', turn: null, wakes: available, available_date: available };
}
