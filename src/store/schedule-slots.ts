// When schedules come next, and what became of their slots. Invariant: a schedule is moved on from a slot by
// one server alone, because whoever finds it moved changes no row.
import { sql } from 'kysely';
import type { QueuedState } from '../core/queue.ts';
import type {
  DueSchedule,
  NewScheduleRun,
  ScheduleAnswer,
  ScheduleRun,
  ScheduleRunBounds,
  ScheduleRunQuery,
  ScheduleSlots as ScheduleSlotsPort,
  SlotCause,
} from '../core/schedule.ts';
import { type QueueParts, readClock } from './queue/rows.ts';
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

  async due(limit: number) {
    const { handle, dialect } = this.#parts;
    const now = await this.now();
    const rows = await handle
      .selectFrom(slots)
      .select(['schedule_id', 'next_slot'])
      .where('next_slot', '<=', dialect.now)
      .orderBy('next_slot')
      .orderBy('schedule_id')
      .limit(limit)
      .execute();
    // One whose slot came between the two statements is told the next time.
    const due = rows.map(({ schedule_id: id, next_slot: slot }) => ({ id: Number(id), slot: Number(slot) }));
    return { now, schedules: due.filter(({ slot }) => slot <= now) };
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
    const { handle, dialect } = this.#parts;
    for (const { scheduleId, slots: count, ...run } of noted) {
      const createdDate = dialect.now as unknown as number;
      const row = { ...run, schedule_id: scheduleId, slots: count, created_date: createdDate };
      await handle.insertInto(runs).values(row).execute();
    }
  }

  async answered(runId: string, { status, content }: ScheduleAnswer): Promise<void> {
    const { handle, dialect } = this.#parts;
    const answered = { status, content, answered_date: dialect.now as unknown as number };
    await handle.updateTable(runs).set(answered).where('id', '=', runId).execute();
  }

  async runs({ scheduleId, limit, skip = 0 }: ScheduleRunQuery): Promise<ScheduleRun[]> {
    let query = this.#parts.handle
      .selectFrom(`${runs} as told`)
      .leftJoin('queued_run as queued', 'queued.id', 'told.id')
      .select(toldColumns)
      .orderBy('told.created_date', 'desc')
      .orderBy('told.id', 'desc')
      .limit(limit)
      .offset(skip);
    if (scheduleId !== undefined) query = query.where('told.schedule_id', '=', scheduleId);
    return (await query.execute()).map(readScheduleRun);
  }

  async countRuns(scheduleId?: number): Promise<number> {
    let query = this.#parts.handle.selectFrom(runs).select(sql<number>`count(*)`.as('count'));
    if (scheduleId !== undefined) query = query.where('schedule_id', '=', scheduleId);
    return Number((await query.executeTakeFirst())?.count ?? 0);
  }

  async trim({ olderThanMs, keep, atOnce }: ScheduleRunBounds): Promise<number> {
    const { handle, dialect } = this.#parts;
    const newer = sql<number>`(select count(*) from schedule_run as newer
      where newer.schedule_id = told.schedule_id and newer.created_date > told.created_date)`;
    const old = await handle
      .selectFrom(`${runs} as told`)
      .select('told.id as id')
      .where((where) =>
        where.or([
          where('told.created_date', '<', sql<number>`${dialect.now} - ${olderThanMs}`),
          where(newer, '>=', keep),
        ]),
      )
      .limit(atOnce)
      .execute();
    const ids = old.map(({ id }) => String(id));
    if (ids.length > 0) await handle.deleteFrom(runs).where('id', 'in', ids).execute();
    return ids.length;
  }

  async forget(scheduleId: number): Promise<void> {
    for (const table of [slots, runs]) {
      await this.#parts.handle.deleteFrom(table).where('schedule_id', '=', scheduleId).execute();
    }
  }
}

const toldColumns = [
  ...['id', 'schedule_id', 'slot', 'cause', 'skipped', 'slots', 'created_date'].map((name) => `told.${name}`),
  ...['status', 'content', 'answered_date'].map((name) => `told.${name}`),
  ...['position', 'state', 'attempt', 'available_date', 'started_date', 'finished_date'].map(
    (name) => `queued.${name}`,
  ),
  ...['reason', 'log_id'].map((name) => `queued.${name}`),
];

function readScheduleRun(row: TableRow): ScheduleRun {
  return {
    id: String(row.id),
    scheduleId: Number(row.schedule_id),
    slot: numberOrNull(row.slot),
    cause: String(row.cause) as SlotCause,
    skipped: textOrNull(row.skipped) as ScheduleRun['skipped'],
    slots: Number(row.slots),
    createdDate: Number(row.created_date),
    answer:
      row.status === null
        ? null
        : {
            status: Number(row.status),
            content: textOrNull(row.content),
            date: Number(row.answered_date),
          },
    queued: row.position === null ? null : queuedOf(row),
  };
}

function queuedOf(row: TableRow): ScheduleRun['queued'] {
  return {
    position: Number(row.position),
    state: String(row.state) as QueuedState,
    attempt: Number(row.attempt),
    availableDate: Number(row.available_date),
    startedDate: numberOrNull(row.started_date),
    finishedDate: numberOrNull(row.finished_date),
    reason: textOrNull(row.reason),
    logId: textOrNull(row.log_id),
  };
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : String(value);
}
