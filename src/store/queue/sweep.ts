// Runs whose worker was lost: nobody extended their lease. Invariant: a lost worker never counts as a
// failure of the script.
import { limits } from '../../core/limits.ts';
import type { SweptRun } from '../../core/queue.ts';
import type { TableRow } from '../table.ts';
import { bringUp } from './order.ts';
import {
  change,
  countUp,
  ended,
  positionsOf,
  type QueueParts,
  type RowChanges,
  readClock,
  readyAgain,
  table,
  together,
} from './rows.ts';

type Fate = SweptRun['state'];

const reasons: Readonly<Record<Fate, string | null>> = {
  ready: null,
  cancelled: 'cancelled; its worker was lost before it could stop it',
  failed: 'interrupted',
  quarantined: `its worker was lost more than ${limits.queueCrashes} times`,
};

/** Takes runs from lost workers, a part at a time. */
export function sweep(parts: QueueParts, limit: number): Promise<SweptRun[]> {
  return together(parts, async (inside) => {
    const now = await readClock(inside);
    const rows = await findLost(inside, now, limit);
    for (const fate of Object.keys(reasons) as Fate[]) {
      const own = positionsOf(rows.filter((row) => fateOf(row) === fate));
      await change(inside, own, changesOf(fate, now));
    }
    await bringUp(inside, rows);
    return rows.map((row) => ({
      id: String(row.id),
      position: Number(row.position),
      script: String(row.script),
      state: fateOf(row),
    }));
  });
}

async function findLost({ handle, dialect }: QueueParts, now: number, limit: number): Promise<TableRow[]> {
  const query = handle
    .selectFrom(table)
    .select(['position', 'id', 'script', 'crashes', 'delivery', 'is_cancelling', 'ordering_key'])
    .where('lease_until', '<', now)
    .orderBy('lease_until')
    .limit(limit);
  return (dialect.isConcurrent ? query.forUpdate().skipLocked() : query).execute();
}

function fateOf(row: TableRow): Fate {
  if (Number(row.is_cancelling) === 1) return 'cancelled';
  if (row.delivery === 'at-most-once') return 'failed';
  return Number(row.crashes) >= limits.queueCrashes ? 'quarantined' : 'ready';
}

function changesOf(fate: Fate, now: number): RowChanges {
  const changes = fate === 'ready' ? readyAgain : { ...ended(fate, now), reason: reasons[fate] };
  return { ...changes, crashes: countUp('crashes') };
}
