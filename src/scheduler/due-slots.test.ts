// Which slots are run, after absences of any length.
import { describe, expect, it, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { limits } from '../core/limits.ts';
import type { MissedSlots, Timetable, Timing } from '../core/schedule.ts';
import { planSlots } from './due-slots.ts';
import { CronTimetable } from './timetable.ts';

const timetable = new CronTimetable();
const second = 1_000;
const minute = 60 * second;
const start = Date.parse('2026-01-01T00:00:00Z');

interface Case {
  readonly cron?: string | null;
  readonly missed?: MissedSlots;
  readonly missedCount?: number;
  /** How long ago the slot came. */
  readonly agoMs: number;
}

function plan({ cron = null, missed = 'skip', missedCount = 1, agoMs }: Case, using: Timetable = timetable) {
  const timing: Timing = { cron, timeZone: 'UTC', frequency: 1 };
  return planSlots(using, { schedule: { ...timing, missed, missedCount }, slot: start, now: start + agoMs });
}

const at = (...minutes: number[]) => minutes.map((of) => start + of * minute);

describe('a slot that has just come', () => {
  it.each([0, 1, 40, 29_999, limits.scheduleGraceMs])('%i ms ago is run', (agoMs) => {
    const next = start + minute;
    const run = [{ slot: start, cause: 'slot' }];
    expect(plan({ agoMs })).toEqual({ run, passed: undefined, next });
  });

  it('is run with those that came since', () => {
    const { run, passed, next } = plan({ cron: '*/10 * * * * *', agoMs: 25 * second });
    expect(run.map(({ slot, cause }) => [(slot - start) / second, cause])).toEqual([
      [0, 'slot'],
      [10, 'slot'],
      [20, 'slot'],
    ]);
    expect(passed).toBeUndefined();
    expect(next).toBe(start + 30 * second);
  });

  it('is run although the schedule says of another one by now', () => {
    const { run, next } = plan({ cron: '30 12 * * *', agoMs: 5 });
    expect(run).toEqual([{ slot: start, cause: 'slot' }]);
    expect(next).toBe(Date.parse('2026-01-01T12:30:00Z'));
  });
});

describe('slots that were missed', () => {
  // Those of the minutes 0 to 9 were; that of minute 10 is in time.
  const agoMs = 10 * minute + 5 * second;
  const inTime = { slot: start + 10 * minute, cause: 'slot' };
  const late = (...minutes: number[]) => at(...minutes).map((slot) => ({ slot, cause: 'missed' }));

  it('are told of together where they are to be skipped', () => {
    const passed = { slot: start + 9 * minute, slots: 10 };
    expect(plan({ agoMs })).toEqual({ run: [inTime], passed, next: start + 11 * minute });
  });

  it('are run but for the last one no more', () => {
    const passed = { slot: start + 8 * minute, slots: 9 };
    expect(plan({ missed: 'last', agoMs })).toMatchObject({ run: [...late(9), inTime], passed });
  });

  it('are run as far as they are wanted, the latest ones', () => {
    const passed = { slot: start + 6 * minute, slots: 7 };
    const { run, ...rest } = plan({ missed: 'all', missedCount: 3, agoMs });
    expect(run).toEqual([...late(7, 8, 9), inTime]);
    expect(rest.passed).toEqual(passed);
  });

  it('are all run where there are no more than are wanted', () => {
    const { run, passed } = plan({ missed: 'all', missedCount: 100, agoMs });
    expect(run).toEqual([...late(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), inTime]);
    expect(passed).toBeUndefined();
  });

  it('begin with the millisecond after the time of grace', () => {
    const { run, passed } = plan({ agoMs: limits.scheduleGraceMs + 1 });
    expect(run).toEqual([]);
    expect(passed).toEqual({ slot: start, slots: 1 });
  });
});

describe('after years', () => {
  const agoMs = 5 * 365 * 1_440 * minute;

  /** Counts how many moments are worked out. */
  function counted() {
    let moments = 0;
    const counting: Timetable = {
      check: () => undefined,
      next: (timing, after, count) => {
        const found = timetable.next(timing, after, count);
        moments += found.length;
        return found;
      },
    };
    return { counting, moments: () => moments };
  }

  it.each(['* * * * * *', '* * 3 * * *', '* * 0 1 1 *', '*/7 * * * *'])('%s takes bounded work', (cron) => {
    const { counting, moments } = counted();
    const { run, passed, next } = plan({ cron, missed: 'all', missedCount: 1_000, agoMs }, counting);
    const now = start + agoMs;
    const late = run.filter(({ cause }) => cause === 'missed').map(({ slot }) => slot);
    expect(late).toHaveLength(1_000);
    const [first = 0] = late;
    // They are the latest ones: nothing is between them, and nothing behind them but what is in time.
    const timing = { cron, timeZone: 'UTC', frequency: 1 };
    const following = timetable.next(timing, first - 1, run.length + 1);
    expect([...run.map(({ slot }) => slot), next]).toEqual(following);
    expect(next).toBeGreaterThan(now);
    expect(passed?.slots).toBeGreaterThanOrEqual(1_000);
    expect(timetable.next(timing, passed?.slot ?? 0, 1)).toEqual([first]);
    expect(moments()).toBeLessThan(20 * limits.scheduleMissedLook);
  });

  it('what is skipped is counted as far as anybody looks', () => {
    const { run, passed } = plan({ cron: '* * * * * *', agoMs });
    expect(run.every(({ cause }) => cause === 'slot')).toBe(true);
    expect(passed?.slots).toBe(limits.scheduleMissedLook + 1);
    expect(passed?.slot).toBe((run[0]?.slot ?? 0) - second);
  });
});

const anyCron = fc.constantFrom(
  '* * * * * *',
  '*/7 * * * * *',
  '* * * * *',
  '*/20 * * * *',
  '0 */5 * * *',
  null,
);
const anyMissed = fc.constantFrom<MissedSlots>('skip', 'last', 'all');

test('every slot is run or counted, whatever the policy and the absence', () => {
  const anyCase = fc.record({
    cron: anyCron,
    missed: anyMissed,
    missedCount: fc.integer({ min: 1, max: 50 }),
    agoMs: fc.integer({ min: 0, max: 25 * minute }),
  });
  fc.assert(
    fc.property(anyCase, ({ cron, missed, missedCount, agoMs }) => {
      const now = start + agoMs;
      const { run, passed, next } = plan({ cron, missed, missedCount, agoMs });
      const all = timetable.next({ cron, timeZone: 'UTC', frequency: 1 }, start, 2_000);
      const come = [start, ...all.filter((slot) => slot <= now)];
      expect(run.length + (passed?.slots ?? 0)).toBe(come.length);
      expect(run.map(({ slot }) => slot)).toEqual(come.slice(come.length - run.length));
      for (const { slot, cause } of run) {
        expect(cause).toBe(now - slot > limits.scheduleGraceMs ? 'missed' : 'slot');
      }
      const late = run.filter(({ cause }) => cause === 'missed').length;
      expect(late).toBeLessThanOrEqual({ skip: 0, last: 1, all: missedCount }[missed]);
      if (passed !== undefined) expect(passed.slot).toBe(come[passed.slots - 1]);
      expect(next).toBe(all.find((slot) => slot > now));
    }),
  );
});
