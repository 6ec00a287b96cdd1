// What is known of queues.
import { type RawBuilder, sql } from 'kysely';
import type { QueueLimits, QueuePlace, QueueStats } from '../../core/queue.ts';
import type { TableRow } from '../table.ts';
import { limitsOf, listPlaces } from './places.ts';
import { type QueueParts, readClock, table } from './rows.ts';

/** A queue while it is added up. */
interface Sum extends QueuePlace {
  isPaused: boolean;
  limits: QueueLimits;
  counts: Record<keyof QueueStats['counts'], number>;
  lagMs: number;
}

/** All queues that have runs or settings. */
export async function stats(parts: QueueParts): Promise<QueueStats[]> {
  const now = await readClock(parts);
  const sums = new Map<string, Sum>();
  const sumOf = (connection: string, queue: string): Sum => {
    const key = JSON.stringify([connection, queue]);
    const sum = sums.get(key) ?? emptySum({ connection, queue });
    sums.set(key, sum);
    return sum;
  };
  for (const row of await listPlaces(parts)) {
    const sum = sumOf(String(row.connection), String(row.name));
    sum.isPaused = Number(row.is_paused) === 1;
    sum.limits = limitsOf(row);
  }
  for (const row of await countByState(parts, now)) {
    addTo(sumOf(String(row.connection), String(row.queue)), row, now);
  }
  return [...sums.values()].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

function keyOf({ connection, queue }: QueuePlace): string {
  return JSON.stringify([connection, queue]);
}

function emptySum(place: QueuePlace): Sum {
  const counts = { ready: 0, delayed: 0, running: 0, failed: 0, cancelled: 0, quarantined: 0 };
  return { ...place, isPaused: false, limits: { concurrency: null, rate: null }, counts, lagMs: 0 };
}

// Each part is read from an index alone, or is about few runs: that very many wait, or failed, costs little.
async function countByState({ handle }: QueueParts, now: number): Promise<TableRow[]> {
  const { rows } = await sql<TableRow>`
    select connection, queue, state, 0 as is_late, count(*) as count, null as oldest from ${sql.table(table)}
      where state in ('failed', 'cancelled', 'quarantined') group by state, connection, queue
    union all ${waiting(sql.ref('available_date'), sql`turn is not null`, now)}
    union all ${waiting(sql.ref('wakes'), sql`wakes is not null`, now)}
    union all ${waiting(sql.ref('available_date'), heldUp, now)}
    union all select connection, queue, 'running', 0, count(*), null from ${sql.table(table)}
      where lease_until is not null group by connection, queue`.execute(handle);
  return rows;
}

/** Behind others of their ordering key. */
const heldUp = sql`held_order is not null and turn is null and wakes is null and lease_until is null`;

function waiting(date: RawBuilder<unknown>, which: RawBuilder<unknown>, now: number): RawBuilder<unknown> {
  const isLate = sql`case when ${date} > ${sql.lit(now)} then 1 else 0 end`;
  return sql`select connection, queue, 'ready', ${isLate}, count(*), min(${date}) from ${sql.table(table)}
    where ${which} group by connection, queue, ${isLate}`;
}

function addTo(sum: Sum, row: TableRow, now: number): void {
  const isLate = Number(row.is_late) === 1;
  const state = row.state as keyof QueueStats['counts'];
  sum.counts[isLate ? 'delayed' : state] += Number(row.count);
  if (state === 'ready' && !isLate) sum.lagMs = Math.max(sum.lagMs, now - Number(row.oldest));
}
