// Queues themselves: paused or not, how much may run at once and start per period, and when there is
// something to do. Invariant: who claims from a queue with limits holds its row while it counts.
import { type RawBuilder, sql } from 'kysely';
import type { ClaimRequest, QueueLimits, QueuePlace } from '../../core/queue.ts';
import type { StoreDialect } from '../dialect.ts';
import type { TableRow } from '../table.ts';
import { type QueueParts, table, together } from './rows.ts';
import { listOf } from './statements.ts';

const places = 'queue';

/** Below all priorities that a column holds, turned round. */
export const firstTurn = -2_147_483_648;

/** A queue as a claim finds it. */
export interface Line extends QueuePlace {
  readonly isPaused: boolean;
  readonly limits: QueueLimits;
  /** When the next run that waits for its time is due. */
  readonly wakes: number | null;
}

/** What a queue allows, from its row. */
export function limitsOf(row: TableRow | undefined): QueueLimits {
  const { concurrency = null, rate_count: count = null, rate_ms: period = null } = row ?? {};
  return {
    concurrency: concurrency === null ? null : Number(concurrency),
    rate: count === null || period === null ? null : { count: Number(count), periodMs: Number(period) },
  };
}

/** The queues of a claim in its order, and the time. */
export async function readLines(
  { handle, dialect, statements }: QueueParts,
  { connection, queues }: Pick<ClaimRequest, 'connection' | 'queues'>,
): Promise<{ readonly now: number; readonly lines: readonly Line[] }> {
  const names = [...new Set(queues)];
  const rows = await statements.ask(handle, {
    name: `lines ${names.length}`,
    make: () => linesOf(dialect, names.length),
    values: [...names.flatMap((queue) => [connection, queue]), connection, ...names],
  });
  const byName = new Map(rows.map((row) => [String(row.name), row]));
  const lines = names.map((queue, at) => {
    const wake = rows[0]?.[`wakes_${at}`] ?? null;
    const row = byName.get(queue);
    const isPaused = Number(row?.is_paused ?? 0) === 1;
    return { connection, queue, isPaused, limits: limitsOf(row), wakes: wake === null ? null : Number(wake) };
  });
  return { now: Number(rows[0]?.now), lines };
}

// One way to the server and back.
function linesOf(dialect: StoreDialect, count: number): RawBuilder<unknown> {
  const wakes = Array.from({ length: count }, (_, at) => sql`${firstWake} as ${sql.ref(`wakes_${at}`)}`);
  return sql`select * from (select ${dialect.now} as now, ${sql.join(wakes)}) as clock
    left join queue on queue.connection = ${null} and queue.name in ${listOf(count)}`;
}

// An index that leaves out rows without a value is used where a statement leaves them out, too.
const firstWake = sql`(select min(wakes) from queued_run
  where connection = ${null} and queue = ${null} and wakes is not null)`;

/** How many more runs of a queue may start now. */
export async function roomIn(parts: QueueParts, line: Line, now: number): Promise<number> {
  const { concurrency, rate } = line.limits;
  if (concurrency === null && rate === null) return Number.POSITIVE_INFINITY;
  const query = placeRow(parts, line);
  const row = await (parts.dialect.isConcurrent ? query.forUpdate() : query).executeTakeFirst();
  const { concurrency: atOnce } = limitsOf(row);
  const free = atOnce === null ? Number.POSITIVE_INFINITY : atOnce - (await countRunning(parts, line));
  return Math.max(0, Math.min(free, startsLeft(row, now).count));
}

/** Counts starts of a queue with a rate. */
export async function spend(
  parts: QueueParts,
  line: Line,
  { now, count }: { readonly now: number; readonly count: number },
): Promise<void> {
  if (count === 0 || line.limits.rate === null) return;
  const row = await placeRow(parts, line).executeTakeFirst();
  const { isOver } = startsLeft(row, now);
  const used = isOver ? count : Number(row?.period_used ?? 0) + count;
  const start = isOver ? now : Number(row?.period_start ?? 0);
  await parts.handle
    .updateTable(places)
    .set({ period_start: start, period_used: used })
    .where('connection', '=', line.connection)
    .where('name', '=', line.queue)
    .execute();
}

function placeRow({ handle }: QueueParts, { connection, queue }: QueuePlace) {
  return handle.selectFrom(places).selectAll().where('connection', '=', connection).where('name', '=', queue);
}

// Starts that the present period has left, and whether another one begins with the next start.
function startsLeft(row: TableRow | undefined, now: number) {
  const { rate } = limitsOf(row);
  if (rate === null) return { count: Number.POSITIVE_INFINITY, isOver: false, untilMs: 0 };
  const end = Number(row?.period_start ?? 0) + rate.periodMs;
  if (now >= end) return { count: rate.count, isOver: true, untilMs: 0 };
  return { count: rate.count - Number(row?.period_used ?? 0), isOver: false, untilMs: end - now };
}

async function countRunning({ handle }: QueueParts, { connection, queue }: QueuePlace): Promise<number> {
  const row = await handle
    .selectFrom(table)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('connection', '=', connection)
    .where('queue', '=', queue)
    .where('lease_until', 'is not', null)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

/** Writes settings of a queue, which is made when there is none. */
export function setPlace(parts: QueueParts, place: QueuePlace, changes: TableRow): Promise<void> {
  const { connection, queue } = place;
  // Another server may make it at the same moment; then there is one to change.
  return together(parts, async ({ handle: inside }) => {
    const changed = await inside
      .updateTable(places)
      .set(changes)
      .where('connection', '=', connection)
      .where('name', '=', queue)
      .executeTakeFirst();
    if (Number(changed.numUpdatedRows) > 0) return;
    await inside
      .insertInto(places)
      .values({ connection, name: queue, ...changes })
      .execute();
  });
}

/** The rows of all queues that have settings. */
export function listPlaces({ handle }: QueueParts): Promise<TableRow[]> {
  return handle.selectFrom(places).selectAll().execute();
}

/** In how many milliseconds time alone lets a claim have something. */
export async function nextDue(
  parts: QueueParts,
  request: Pick<ClaimRequest, 'connection' | 'queues'>,
): Promise<number | undefined> {
  if (request.queues.length === 0) return undefined;
  const { now, lines } = await readLines(parts, request);
  const waits: number[] = [];
  for (const line of lines) {
    const wait = line.isPaused ? undefined : await dueIn(parts, line, now);
    if (wait !== undefined) waits.push(wait);
  }
  return waits.length === 0 ? undefined : Math.min(...waits);
}

async function dueIn(parts: QueueParts, line: Line, now: number): Promise<number | undefined> {
  const { concurrency, rate } = line.limits;
  const wait = (await hasTurn(parts, line)) ? 0 : line.wakes === null ? undefined : line.wakes - now;
  if (wait === undefined) return undefined;
  // The end of one of its runs, not time, lets a full queue go on.
  if (concurrency !== null && (await countRunning(parts, line)) >= concurrency) return undefined;
  const left = rate === null ? undefined : startsLeft(await placeRow(parts, line).executeTakeFirst(), now);
  const pause = left !== undefined && left.count <= 0 ? left.untilMs : 0;
  return Math.max(0, wait, pause);
}

// As a claim looks for them: by the index, however many rows there are beside it.
async function hasTurn(parts: QueueParts, place: QueuePlace): Promise<boolean> {
  return (await inTurn(parts, place).select('position').limit(1).executeTakeFirst()) !== undefined;
}

/** The runs of a queue that stand in line, in their order. */
export function inTurn({ handle }: QueueParts, { connection, queue }: QueuePlace) {
  return handle
    .selectFrom(table)
    .where('connection', '=', connection)
    .where('queue', '=', queue)
    .where('turn', '>=', firstTurn)
    .orderBy('turn')
    .orderBy('available_date')
    .orderBy('position');
}

/** The queues of a connection where something waits, found by the indexes of what waits. */
export async function queuesOf({ handle }: QueueParts, connection: string): Promise<string[]> {
  const own = handle.selectFrom(table).select('queue').where('connection', '=', connection);
  const inLine = own.where('turn', '>=', firstTurn);
  const later = own.where('wakes', 'is not', null);
  const rows = await inLine.union(later).orderBy('queue').execute();
  return rows.map(({ queue }) => String(queue));
}
