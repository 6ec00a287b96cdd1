// When schedules come next, and what became of their slots. Invariants: a schedule is moved on from a slot by
// one server alone, because whoever finds it moved changes no row; and a slot is remembered once, because its
// row is unique.
import { type RawBuilder, sql } from 'kysely';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type {
  DueSchedule,
  LatestScheduleRuns,
  NewScheduleRun,
  ScheduleAnswer,
  ScheduleRun,
  ScheduleRunBounds,
  ScheduleRunQuery,
  ScheduleSlots as ScheduleSlotsPort,
} from '../core/schedule.ts';
import { type QueueParts, readClock } from './queue/rows.ts';
import { readScheduleRun, toldColumns } from './schedule-runs.ts';
import type { TableRow } from './table.ts';

const slots = 'schedule_slot';
const runs = 'schedule_run';

/** The slots of schedules, kept in the system database. */
export class ScheduleSlots implements ScheduleSlotsPort {
  readonly #parts: QueueParts;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  now(): Promise<number> {
    return readClock(this.#parts);
  }

  // One statement, so that what is due is so by the very time that is told with it.
  async due(limit: number) {
    const { handle, dialect } = this.#parts;
    const { rows } = await sql<TableRow>`
      select clock.now as now, slot.schedule_id as id, slot.next_slot as slot
      from (select ${dialect.now} as now) clock
      left join schedule_slot slot on slot.next_slot <= clock.now
      order by slot.next_slot, slot.schedule_id limit ${limit}`.execute(handle);
    const schedules = rows.flatMap(({ id, slot }) => {
      return slot === null ? [] : [{ id: Number(id), slot: Number(slot) }];
    });
    return { now: Number(rows[0]?.now), schedules };
  }

  async nextDue(): Promise<number | undefined> {
    const { handle, dialect } = this.#parts;
    const row = await handle
      .selectFrom(slots)
      .select([sql<number | null>`min(next_slot)`.as('slot'), sql<number>`${dialect.now}`.as('now')])
      .executeTakeFirst();
    if (row === undefined || row.slot === null) return undefined;
    return Math.max(0, Number(row.slot) - Number(row.now));
  }

  async next(): Promise<ReadonlyMap<number, number>> {
    const rows = await this.#parts.handle.selectFrom(slots).select(['schedule_id', 'next_slot']).execute();
    return new Map(rows.map((row) => [Number(row.schedule_id), Number(row.next_slot)]));
  }

  async plan(scheduleId: number, slot: number | null): Promise<void> {
    const { handle } = this.#parts;
    await handle.deleteFrom(slots).where('schedule_id', '=', scheduleId).execute();
    if (slot === null) return;
    await handle.insertInto(slots).values({ schedule_id: scheduleId, next_slot: slot }).execute();
  }

  async hold(due: readonly DueSchedule[]): Promise<DueSchedule[]> {
    if (due.length === 0) return [];
    const { handle, dialect } = this.#parts;
    const lock = dialect.isConcurrent ? sql`for update skip locked` : sql``;
    const { rows } = await sql<TableRow>`
      select schedule_id, next_slot from schedule_slot ${dialect.byKey ?? sql``}
      where schedule_id in (${sql.join(due.map(({ id }) => id))}) ${lock}`.execute(handle);
    const free = new Map(rows.map((row) => [Number(row.schedule_id), Number(row.next_slot)]));
    return due.filter(({ id, slot }) => free.get(id) === slot);
  }

  // Every driver here counts rows that were found, whether or not they are others then.
  async advance({ id, slot }: DueSchedule, to: number | null): Promise<boolean> {
    const { handle } = this.#parts;
    if (to === null) {
      const gone = handle.deleteFrom(slots).where('schedule_id', '=', id).where('next_slot', '=', slot);
      return Number((await gone.executeTakeFirst()).numDeletedRows) > 0;
    }
    const moved = handle
      .updateTable(slots)
      .set({ next_slot: to })
      .where('schedule_id', '=', id)
      .where('next_slot', '=', slot);
    return Number((await moved.executeTakeFirst()).numUpdatedRows) > 0;
  }

  async note(noted: readonly NewScheduleRun[]): Promise<void> {
    if (noted.length === 0) return;
    const { handle, dialect } = this.#parts;
    const createdDate = dialect.now as unknown as number;
    const rowOf = ({ scheduleId, ...run }: NewScheduleRun) => {
      return { ...run, schedule_id: scheduleId, created_date: createdDate };
    };
    const [run = [], left = []] = [false, true].map((isLeft) => {
      return noted.filter(({ skipped }) => (skipped !== null) === isLeft).map(rowOf);
    });
    try {
      for (const part of partsOf(left)) {
        await dialect.skippingDuplicates(handle.insertInto(runs).values(part)).execute();
      }
      for (const part of partsOf(run)) await handle.insertInto(runs).values(part).execute();
    } catch (error) {
      if (dialect.conflict(error) === undefined) throw error;
      const message = 'What became of this slot of the schedule is remembered already.';
      throw new PlatformError('config.conflict', message, { cause: error });
    }
  }

  async answered(runId: string, { status, content }: ScheduleAnswer): Promise<void> {
    const { handle, dialect } = this.#parts;
    // PostgreSQL takes no text with this sign in it.
    const text = content?.replaceAll('\0', '\ufffd') ?? null;
    const answered = { status, content: text, answered_date: dialect.now as unknown as number };
    await handle.updateTable(runs).set(answered).where('id', '=', runId).execute();
  }

  async runs({ scheduleId, runId, limit, skip = 0 }: ScheduleRunQuery): Promise<ScheduleRun[]> {
    let query = this.#told()
      .orderBy('told.created_date', 'desc')
      .orderBy('told.id', 'desc')
      .limit(limit)
      .offset(skip);
    if (scheduleId !== undefined) query = query.where('told.schedule_id', '=', scheduleId);
    if (runId !== undefined) query = query.where('told.id', '=', runId);
    return (await query.execute()).map(readScheduleRun);
  }

  // One look into the index for each schedule, however much is remembered.
  async latest(scheduleId?: number): Promise<ReadonlyMap<number, LatestScheduleRuns>> {
    const { handle } = this.#parts;
    const { rows } = await sql<TableRow>`
      select id, ${latestRun(wasMeant)} as run_id, ${latestRun(sql`${wasMeant}
        and (told.status is not null or queued.state in ('failed', 'quarantined'))`)} as ended_id
      from schedule where ${scheduleId === undefined ? sql`1 = 1` : sql`id = ${scheduleId}`}`.execute(handle);
    const ids = rows.flatMap(({ run_id, ended_id }) => [run_id ?? null, ended_id ?? null]);
    const found = new Map<unknown, ScheduleRun>();
    for (let at = 0; at < ids.length; at += limits.records) {
      const part = ids.slice(at, at + limits.records).filter((id) => id !== null);
      const told = part.length === 0 ? [] : await this.#told().where('told.id', 'in', part).execute();
      for (const run of told.map(readScheduleRun)) found.set(run.id, run);
    }
    const of = ({ run_id, ended_id }: TableRow) => ({ run: found.get(run_id), ended: found.get(ended_id) });
    return new Map(rows.map((row) => [Number(row.id), of(row)]));
  }

  async countRuns(scheduleId?: number): Promise<number> {
    let query = this.#parts.handle.selectFrom(runs).select(sql<number>`count(*)`.as('count'));
    if (scheduleId !== undefined) query = query.where('schedule_id', '=', scheduleId);
    return Number((await query.executeTakeFirst())?.count ?? 0);
  }

  async trim({ olderThanMs, keep, atOnce }: ScheduleRunBounds): Promise<number> {
    const old = await this.#tooOld(olderThanMs, atOnce);
    const ids = old.length < atOnce ? [...old, ...(await this.#tooMany(keep, atOnce - old.length))] : old;
    const all = [...new Set(ids)];
    if (all.length > 0) await this.#parts.handle.deleteFrom(runs).where('id', 'in', all).execute();
    return all.length;
  }

  async forget(scheduleId: number): Promise<void> {
    for (const table of [slots, runs]) {
      await this.#parts.handle.deleteFrom(table).where('schedule_id', '=', scheduleId).execute();
    }
  }

  #told() {
    return this.#parts.handle
      .selectFrom(`${runs} as told`)
      .leftJoin('queued_run as queued', 'queued.id', 'told.id')
      .select(toldColumns);
  }

  async #tooOld(olderThanMs: number, atOnce: number): Promise<string[]> {
    const { handle, dialect } = this.#parts;
    const bound = sql<number>`${dialect.now} - ${sql.lit(olderThanMs)}`;
    const old = handle.selectFrom(runs).select('id').where('created_date', '<', bound);
    return (await old.orderBy('created_date').limit(atOnce).execute()).map(({ id }) => String(id));
  }

  // Counting goes through an index once; then only rows that are dropped are looked at.
  async #tooMany(keep: number, atOnce: number): Promise<string[]> {
    const { handle } = this.#parts;
    const count = sql<number>`count(*)`;
    const full = await handle
      .selectFrom(runs)
      .select(['schedule_id', count.as('count')])
      .groupBy('schedule_id')
      .having(count, '>', keep)
      .limit(atOnce)
      .execute();
    const ids: string[] = [];
    for (const { schedule_id: id, count: there } of full) {
      const most = Math.min(Number(there) - keep, atOnce - ids.length);
      if (most === 0) break;
      const oldest = handle.selectFrom(runs).select('id').where('schedule_id', '=', id);
      const rows = await oldest.orderBy('created_date').orderBy('id').limit(most).execute();
      ids.push(...rows.map((row) => String(row.id)));
    }
    return ids;
  }
}

function partsOf<Row>(rows: readonly Row[]): Row[][] {
  const size = limits.queueInsertRows;
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, at) =>
    rows.slice(at * size, (at + 1) * size),
  );
}

// What could not be run is no slot that was left out.
const wasMeant = sql`(told.skipped is null or told.skipped = 'unusable')`;

// Of the schedule of the row that it is asked for, the id.
function latestRun(condition: RawBuilder<unknown>): RawBuilder<string | null> {
  return sql<string | null>`(select told.id from schedule_run told
    left join queued_run queued on queued.id = told.id
    where told.schedule_id = schedule.id and ${condition}
    order by told.created_date desc, told.id desc limit 1)`;
}
