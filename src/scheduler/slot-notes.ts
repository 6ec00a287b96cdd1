// What is remembered of slots. Invariant: whatever is not run has a note that says why; those of many slots
// that share a reason are one.
import type { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { NewScheduleRun, ScheduleAnswer, ScheduleOrder, ScheduleRecord } from '../core/schedule.ts';

/** A run that is to be queued, and why. */
export interface RunWish
  extends Pick<ScheduleOrder, 'id' | 'slot' | 'delayMs'>,
    Pick<NewScheduleRun, 'cause'> {}

/** What became of a slot, perhaps with what stands for the answer to its call. */
export interface SlotNote extends NewScheduleRun {
  readonly answer?: ScheduleAnswer;
}

type Owner = Pick<ScheduleRecord, 'id'>;

/** Of a run that was queued. */
export function runNote({ id: scheduleId }: Owner, { id, slot, cause }: RunWish): SlotNote {
  return { id, scheduleId, slot, cause, skipped: null, slots: 1 };
}

/** Of one that was not, because another one is not over. */
export function overlapNote(owner: Owner, wish: RunWish): SlotNote {
  return { ...runNote(owner, wish), skipped: 'overlap' };
}

/** Of slots that were missed and are not run late. */
export function passedNote(
  { id: scheduleId }: Owner,
  id: string,
  passed: Pick<SlotNote, 'slot' | 'slots'>,
): SlotNote {
  return { ...passed, id, scheduleId, cause: 'missed', skipped: 'missed' };
}

/** Of slots at which nothing could be run; none where there was nothing to run. */
export function unusableNote(owner: Owner, wishes: readonly RunWish[], failure: PlatformError): SlotNote[] {
  const last = wishes.at(-1);
  if (last === undefined) return [];
  const content = failure.message.slice(0, limits.scheduleAnswerChars);
  const answer = { status: failure.status, content };
  return [{ ...runNote(owner, last), skipped: 'unusable', slots: wishes.length, answer }];
}
