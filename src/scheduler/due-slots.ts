// Which slots of a schedule are run once one has come. Invariant: every slot from the one that came until now
// is run, told of as missed, or one of those that nobody counts any more; the work is bounded, however long
// nobody was there.
import { limits } from '../core/limits.ts';
import type { MissedSlots, ScheduleRecord, SlotCause, Timetable, Timing } from '../core/schedule.ts';

/** A schedule whose slot has come, by the clock of the database. */
export interface Come {
  readonly schedule: Timing & Pick<ScheduleRecord, 'missed' | 'missedCount'>;
  readonly slot: number;
  readonly now: number;
}

/** What is done about the slots that have come. */
export interface SlotPlan {
  /** In the order in which they came. */
  readonly run: readonly { readonly slot: number; readonly cause: SlotCause }[];
  /** Those that were missed and are not run, the last of them and how many there are at least. */
  readonly passed: { readonly slot: number; readonly slots: number } | undefined;
  /** Null: none. */
  readonly next: number | null;
}

/** What is to be done about a slot that has come, and those after it. */
export function planSlots(timetable: Timetable, { schedule, slot, now }: Come): SlotPlan {
  const inTime = now - limits.scheduleGraceMs;
  const missed = slot < inTime ? missedSlots(timetable, { schedule, slot, now: inTime - 1 }) : none;
  // A slot that came stays one, also where the schedule would have it otherwise by now.
  const first = slot < inTime ? [] : [slot];
  const following = slotsAfter(timetable, schedule, { after: Math.max(slot, inTime - 1), until: now });
  const [next = null] = timetable.next(schedule, now, 1);
  const late = missed.latest.map((at) => ({ slot: at, cause: 'missed' as const }));
  const punctual = [...first, ...following.slots].map((at) => ({ slot: at, cause: 'slot' as const }));
  return { run: [...late, ...punctual], passed: missed.passed, next };
}

interface Missed {
  readonly latest: readonly number[];
  readonly passed: SlotPlan['passed'];
}

const none: Missed = { latest: [], passed: undefined };

function missedSlots(timetable: Timetable, { schedule, slot, now: until }: Come): Missed {
  const wanted = wantedOf(schedule);
  const known = slotsAfter(timetable, schedule, { after: slot, until });
  const all = [slot, ...known.slots];
  // The one before those that are wanted is the last of those that are only told of.
  const end = known.isWhole ? all : latestSlots(timetable, { schedule, until, wanted: wanted + 1 });
  const latest = end.slice(Math.max(0, end.length - wanted));
  const passed = end[end.length - latest.length - 1];
  if (passed === undefined) return { latest, passed };
  return { latest, passed: { slot: passed, slots: all.length - latest.length } };
}

function wantedOf({ missed, missedCount }: Come['schedule']): number {
  const most: Record<MissedSlots, number> = { skip: 0, last: 1, all: missedCount };
  return Math.min(limits.scheduleMissed, most[missed]);
}

interface Latest {
  readonly schedule: Timing;
  readonly until: number;
  readonly wanted: number;
}

// Only steps forward are known, so that one goes back far enough and not too far: where as many slots follow
// as are wanted, and no more than are looked at.
function latestSlots(timetable: Timetable, { schedule, until, wanted }: Latest): number[] {
  let [tooNear, tooFar, back] = [0, Number.POSITIVE_INFINITY, wanted * 1_000];
  for (;;) {
    const { slots, isWhole } = slotsAfter(timetable, schedule, { after: until - back, until });
    if (isWhole && slots.length >= wanted) return slots.slice(-wanted);
    if (isWhole) tooNear = back;
    else tooFar = back;
    back = tooFar === Number.POSITIVE_INFINITY ? back * 2 : Math.floor((tooNear + tooFar) / 2);
  }
}

interface Span {
  readonly after: number;
  readonly until: number;
}

// Mostly there is none: the first look is short, and those that follow grow.
function slotsAfter(timetable: Timetable, timing: Timing, { after, until }: Span) {
  const slots: number[] = [];
  for (let [at, count] = [after, 1]; slots.length < limits.scheduleMissedLook; count *= 4) {
    const ahead = timetable.next(timing, at, Math.min(count, limits.scheduleMissedLook - slots.length));
    for (const slot of ahead) if (slot <= until) slots.push(slot);
    at = ahead.at(-1) ?? until + 1;
    if (at > until) return { slots, isWhole: true };
  }
  return { slots, isWhole: false };
}
