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

/**
 * Ends runs; tells which of the ends counted. Nobody waits for the disk: to a run whose end a power cut
 * undoes the same happens as to one that a power cut interrupts.
 */
export function finish(parts: QueueParts, ends: readonly RunEnd[]): Promise<boolean[]> {
  return together(parts, (inside) => finishInside(inside, ends), true);
}

async function finishInside(inside: QueueParts, ends: readonly RunEnd[]): Promise<boolean[]> {
  const held = await lockHeld(inside, ends);
  const { now } = held;
  const counted = ends.map((end) => held.take(end));
  const rows = counted.filter((row) => row !== undefined);
  await writeDone(inside, { ends: ends.filter((_, at) => counted[at] !== undefined), now });
  for (const [at, end] of ends.entries()) {
    const row = counted[at];
    if (row !== undefined && end.outcome !== 'done') await writeFailed(inside, { end, row, now });
  }
  await bringUp(inside, rows);
  return counted.map((row) => row !== undefined);
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
export async function lockHeld({ handle, dialect }: QueueParts, holds: readonly Hold[]): Promise<HeldRows> {
  const query = handle
    .selectFrom(table)
    .select(['position', 'token', 'ordering_key', 'is_cancelling', once(dialect.now).as('now')])
    .where('position', 'in', positionsIn(holds))
    .where('state', '=', 'running')
    .orderBy('position');
  return new HeldRows(await (dialect.isConcurrent ? query.forUpdate() : query).execute());
}

function positionsIn(holds: readonly Hold[]): number[] {
  return [...new Set(holds.map(({ position }) => position))];
}

interface Ends {
  readonly ends: readonly RunEnd[];
  readonly now: number;
}

// Most runs end well, and those of one claim have one token: one statement for all of them.
async function writeDone(parts: QueueParts, { ends, now }: Ends): Promise<void> {
  const byToken = new Map<string, RunEnd[]>();
  for (const end of ends) {
    if (end.outcome !== 'done') continue;
    const same = byToken.get(end.token);
    if (same === undefined) byToken.set(end.token, [end]);
    else same.push(end);
  }
  for (const [token, same] of byToken) {
    const changes = ended('done', now);
    await parts.handle
      .updateTable(table)
      .set(changes)
      .where('position', 'in', positionsIn(same))
      .where('token', '=', token)
      .execute();
  }
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
