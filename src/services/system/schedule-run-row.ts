// What became of the slots of schedules, as rows. Invariant: a word says where a run is, whether the queue
// still knows it or only how it was answered.
import type { ScheduleRun } from '../../core/schedule.ts';
import { dateText } from './schedule-row.ts';
import type { Row, RowSet } from './selection.ts';

/** The shape of the rows. */
export const scheduleRunSet: RowSet = {
  ...{ name: 'scheduler_run', identifier: 'id', rows: [] },
  fields: [
    { name: 'id', type: 'string' },
    { name: 'schedule_id', type: 'integer' },
    { name: 'slot', type: 'datetime' },
    { name: 'cause', type: 'string' },
    { name: 'state', type: 'string' },
    { name: 'skipped', type: 'string' },
    { name: 'slots', type: 'integer' },
    { name: 'status_code', type: 'integer' },
    { name: 'content', type: 'text' },
    { name: 'attempt', type: 'integer' },
    { name: 'reason', type: 'text' },
    { name: 'created_date', type: 'datetime' },
    { name: 'available_date', type: 'datetime' },
    { name: 'started_date', type: 'datetime' },
    { name: 'finished_date', type: 'datetime' },
    { name: 'duration_ms', type: 'integer' },
    { name: 'position', type: 'integer' },
    { name: 'log_id', type: 'string' },
  ],
};

/** A slot as it is answered. */
export function scheduleRunRow(run: ScheduleRun): Row {
  const { answer, queued } = run;
  const finished = queued?.finishedDate ?? (queued === null ? answer?.date : null);
  const started = queued?.startedDate ?? null;
  return {
    id: run.id,
    schedule_id: run.scheduleId,
    slot: dateText(run.slot),
    cause: run.cause,
    state: stateOf(run),
    skipped: run.skipped,
    slots: run.slots,
    status_code: answer?.status ?? null,
    content: answer?.content ?? null,
    attempt: queued?.attempt ?? null,
    reason: queued?.reason ?? null,
    created_date: dateText(run.createdDate),
    available_date: dateText(queued?.availableDate),
    started_date: dateText(started),
    finished_date: dateText(finished),
    duration_ms: started === null || typeof finished !== 'number' ? null : finished - started,
    position: queued?.position ?? null,
    log_id: queued?.logId ?? null,
  };
}

// The queue forgets ended runs earlier than the schedule does.
function stateOf({ skipped, queued, answer }: ScheduleRun): string {
  if (skipped !== null) return 'skipped';
  if (queued === null) {
    if (answer === null) return 'dropped';
    return answer.status < 400 ? 'done' : 'failed';
  }
  if (queued.state !== 'ready') return queued.state;
  return queued.attempt > 0 ? 'retrying' : 'queued';
}
