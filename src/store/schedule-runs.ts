// Remembered slots as rows, joined with the queued runs that they led to. Invariant: whatever an engine calls
// a number comes out as one.
import type { QueuedState } from '../core/queue.ts';
import type { ScheduleRun, SlotCause } from '../core/schedule.ts';
import type { TableRow } from './table.ts';

/** The columns of a remembered slot, `told`, and of the queued run of the same id, `queued`. */
export const toldColumns = [
  ...['id', 'schedule_id', 'slot', 'cause', 'skipped', 'slots', 'created_date'].map((name) => `told.${name}`),
  ...['status', 'content', 'answered_date'].map((name) => `told.${name}`),
  ...['position', 'state', 'attempt', 'available_date', 'started_date', 'finished_date'].map(
    (name) => `queued.${name}`,
  ),
  ...['reason', 'log_id'].map((name) => `queued.${name}`),
];

/** The slot that a row holds. */
export function readScheduleRun(row: TableRow): ScheduleRun {
  return {
    id: String(row.id),
    scheduleId: Number(row.schedule_id),
    slot: numberOrNull(row.slot),
    cause: String(row.cause) as SlotCause,
    skipped: textOrNull(row.skipped) as ScheduleRun['skipped'],
    slots: Number(row.slots),
    createdDate: Number(row.created_date),
    answer: answerOf(row),
    queued: row.position === null ? null : queuedOf(row),
  };
}

function answerOf({ status, content, answered_date: date }: TableRow): ScheduleRun['answer'] {
  if (status === null) return null;
  return { status: Number(status), content: textOrNull(content), date: Number(date) };
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
