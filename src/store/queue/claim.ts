// Claiming runs. Invariant: a run is claimed by one worker at a time: its row is locked from the moment it is
// found until it is marked as running.
import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { limits } from '../../core/limits.ts';
import type { ClaimedRun, ClaimRequest } from '../../core/queue.ts';
import type { TableRow } from '../table.ts';
import { sortByKey } from './order.ts';
import { firstTurn, inTurn, type Line, readLines, roomIn, spend } from './places.ts';
import {
  type ClaimMark,
  claimedRun,
  columns,
  positionsOf,
  type QueueParts,
  table,
  together,
  turnOfPriority,
} from './rows.ts';
import { filledUp, listOf } from './statements.ts';

/** Takes runs that can start now. */
export async function claim(parts: QueueParts, request: ClaimRequest): Promise<ClaimedRun[]> {
  if (request.limit <= 0 || request.queues.length === 0 || request.ids?.length === 0) return [];
  const claimed = await together(parts, (inside) => claimInside(inside, request), true);
  if (claimed.some(({ delivery }) => delivery === 'at-most-once')) await settle(parts);
  return claimed;
}

// That a run was started may be forgotten with a power cut, except where it must not be started again. The
// log of an engine is written in order: what is on disk now has the claim before it.
async function settle(parts: QueueParts): Promise<void> {
  await together(parts, ({ handle }) =>
    handle
      .updateTable('queue_slot')
      .set({ value: sql`value + 1` })
      .where('slot', '=', limits.queueSlots)
      .execute(),
  );
}

async function claimInside(parts: QueueParts, request: ClaimRequest): Promise<ClaimedRun[]> {
  const { now, lines } = await readLines(parts, request);
  const { worker, leaseMs, limit } = request;
  const token = randomBytes(8).toString('hex');
  const mark = { now, token, worker, leaseUntil: now + leaseMs };
  const claimed: ClaimedRun[] = [];
  for (const line of lines) {
    if (claimed.length >= limit) break;
    if (line.isPaused) continue;
    if (line.wakes !== null && line.wakes <= now) await wake(parts, line, now);
    const room = await roomIn(parts, line, now);
    const most = Math.min(room, limit - claimed.length);
    const isFirst = claimed.length === 0;
    const taken = await takeFrom(parts, line, { mark, limit: most, ids: request.ids, isFirst });
    await spend(parts, line, { now, count: taken.length });
    claimed.push(...taken);
    if (taken.some(isSuspect)) break;
  }
  return claimed;
}

// Those whose time has come stand in line.
async function wake({ handle, dialect }: QueueParts, line: Line, now: number): Promise<void> {
  const query = handle
    .selectFrom(table)
    .select('position')
    .where('connection', '=', line.connection)
    .where('queue', '=', line.queue)
    .where('wakes', '<=', now)
    .orderBy('wakes')
    .limit(limits.queuePartRows);
  const due = positionsOf(await (dialect.isConcurrent ? query.forUpdate().skipLocked() : query).execute());
  if (due.length === 0) return;
  await handle
    .updateTable(table)
    .set({ turn: turnOfPriority, wakes: null })
    .where('position', 'in', due)
    .execute();
}

interface Taking {
  readonly mark: ClaimMark;
  readonly limit: number;
  /** Only these; undefined: any. */
  readonly ids: readonly string[] | undefined;
  /** Whether the claim has nothing yet. */
  readonly isFirst: boolean;
}

async function takeFrom(parts: QueueParts, line: Line, taking: Taking): Promise<ClaimedRun[]> {
  const { mark, limit, ids, isFirst } = taking;
  const taken: ClaimedRun[] = [];
  for (let look = 0; look < limits.queueClaimRounds && taken.length < limit; look++) {
    const all = await find(parts, line, { limit: limit - taken.length, ids });
    const found = withoutCompany(all, isFirst && taken.length === 0);
    const { free, hasPutBack } = await sortByKey(parts, found);
    await hold(parts, free, mark);
    taken.push(...free.map((row) => claimedRun(row, mark)));
    if (!hasPutBack || taken.some(isSuspect)) break;
  }
  return taken;
}

// It may be why its worker was lost: it is claimed by itself, so that the next loss is nobody else's.
function withoutCompany(found: readonly TableRow[], isFirst: boolean): readonly TableRow[] {
  const at = found.findIndex(isSuspect);
  return at < 0 ? found : found.slice(0, at === 0 && isFirst ? 1 : at);
}

function isSuspect({ crashes }: { readonly crashes?: unknown }): boolean {
  return Number(crashes) > 0;
}

type Wanted = Pick<Taking, 'limit' | 'ids'>;

async function find(parts: QueueParts, line: Line, { limit, ids }: Wanted): Promise<TableRow[]> {
  const { handle, dialect, statements } = parts;
  if (ids !== undefined) {
    const query = inTurn(parts, line)
      .select(found)
      .where('id', 'in', [...ids])
      .limit(limit);
    return (dialect.isConcurrent ? query.forUpdate().skipLocked() : query).execute();
  }
  return statements.ask(handle, {
    name: 'find',
    make: () => sql`select ${sql.join(found.map((name) => sql.ref(name)))} from queued_run
      where connection = ${null} and queue = ${null} and turn >= ${sql.lit(firstTurn)}
      order by turn, available_date, position limit ${null}
      ${dialect.isConcurrent ? sql`for update skip locked` : sql``}`,
    values: [line.connection, line.queue, limit],
  });
}

const found = [...columns, 'held_order'];

async function hold(parts: QueueParts, rows: readonly TableRow[], mark: ClaimMark): Promise<void> {
  if (rows.length === 0) return;
  const { now, token, worker, leaseUntil } = mark;
  const positions = filledUp(positionsOf(rows));
  await parts.statements.ask(parts.handle, {
    name: `hold ${positions.length}`,
    make: () => sql`update queued_run set state = 'running', turn = null, fence = fence + 1,
      token = ${null}, worker = ${null}, lease_until = ${null}, started_date = ${null}
      where position in ${listOf(positions.length)}`,
    values: [token, worker, leaseUntil, now, ...positions],
  });
}
