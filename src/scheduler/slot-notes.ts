// What is remembered of slots. Invariant: whatever is not run has a note that says why; those of many slots
// that share a reason are one.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import type {
  DueSchedule,
  NewScheduleRun,
  ScheduleAnswer,
  ScheduleOrder,
  ScheduleRecord,
} from '../core/schedule.ts';
import type { SlotPlan } from './due-slots.ts';

/** A run that is to be queued, and why. */
export interface RunWish
  extends Pick<ScheduleOrder, 'id' | 'slot' | 'delayMs'>,
    Pick<NewScheduleRun, 'cause'> {}

/** A slot that has come, and what is to be done about it. */
export interface Task {
  readonly schedule: ScheduleRecord;
  readonly due: DueSchedule;
  readonly plan: SlotPlan;
  readonly wishes: readonly RunWish[];
  /** One for each wish, or why there can be none. */
  readonly runs: readonly NewQueuedRun[] | PlatformError;
}

/** What became of a slot, perhaps with what stands for the answer to its call. */
export interface SlotNote extends NewScheduleRun {
  readonly answer?: ScheduleAnswer;
}

/** What is remembered of a task once it is known which runs stand for its own. */
export function notesOf(task: Task, standing: ReadonlyMap<string, string>, newId: () => string): SlotNote[] {
  const { schedule, plan, wishes, runs } = task;
  const passed: SlotNote[] =
    plan.passed === undefined
      ? []
      : [{ ...plan.passed, id: newId(), scheduleId: schedule.id, cause: 'missed', skipped: 'missed' }];
  if (runs instanceof PlatformError) return [...passed, ...unusableNote(schedule, wishes, runs)];
  const notes = wishes.map((wish): SlotNote => {
    const note = runNote(schedule, wish);
    return standsForItself(standing, wish) ? note : { ...note, skipped: 'overlap' };
  });
  return [...passed, ...notes];
}

/** Of a run that was queued. */
export function runNote({ id: scheduleId }: Pick<ScheduleRecord, 'id'>, wish: RunWish): SlotNote {
  const { id, slot, cause } = wish;
  return { id, scheduleId, slot, cause, skipped: null, slots: 1 };
}

/** Whether a run was queued, or dropped by its connection, rather than left out because of another one. */
export function standsForItself(standing: ReadonlyMap<string, string>, { id }: Pick<RunWish, 'id'>): boolean {
  return (standing.get(id) ?? id) === id;
}

function unusableNote(
  schedule: ScheduleRecord,
  wishes: readonly RunWish[],
  { status, message }: PlatformError,
): SlotNote[] {
  const last = wishes.at(-1);
  if (last === undefined) return [];
  const answer = { status, content: message.slice(0, limits.scheduleAnswerChars) };
  return [{ ...runNote(schedule, last), skipped: 'unusable', slots: wishes.length, answer }];
}
