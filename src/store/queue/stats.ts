// What is known of queues.
import { sql } from 'kysely';
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

function countByState({ handle }: QueueParts, now: number): Promise<TableRow[]> {
  const isLate = sql<number>`case when state = 'ready' and available_date > ${now} then 1 else 0 end`;
  return handle
    .selectFrom(table)
    .select(['connection', 'queue', 'state', isLate.as('is_late')])
    .select(({ fn }) => [fn.countAll<number>().as('count'), fn.min('available_date').as('oldest')])
    .where('state', 'in', ['ready', 'running', 'failed', 'cancelled', 'quarantined'])
    .groupBy(['connection', 'queue', 'state', sql`4`])
    .execute();
}

function addTo(sum: Sum, row: TableRow, now: number): void {
  const isLate = Number(row.is_late) === 1;
  const state = row.state as keyof QueueStats['counts'];
  sum.counts[isLate ? 'delayed' : state] += Number(row.count);
  if (state === 'ready' && !isLate) sum.lagMs = Math.max(0, now - Number(row.oldest));
}
