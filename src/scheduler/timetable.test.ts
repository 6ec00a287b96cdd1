// What expressions mean, which are refused, and what holds for all of them.
import { afterEach, describe, expect, it, test, vi } from 'vitest';
import { fc } from '../../test/properties.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Timing } from '../core/schedule.ts';
import { CronTimetable } from './timetable.ts';

const timetable = new CronTimetable();
const timing = (over: Partial<Timing>): Timing => ({ cron: null, timeZone: 'UTC', frequency: 1, ...over });
const iso = (moment: number) => new Date(moment).toISOString().replace('.000Z', '');

function next(cron: string, after: string, count = 1): string[] {
  return timetable.next(timing({ cron }), Date.parse(`${after}Z`), count).map(iso);
}

// The first of January 2026 is a Thursday.
test.each([
  ['*/5 * * * *', '2026-01-01T00:05:00'],
  ['*/5 * * * * *', '2026-01-01T00:00:05'],
  ['0 30 4 * * *', '2026-01-01T04:30:00'],
  ['30 4 1,15 * *', '2026-01-01T04:30:00'],
  ['0 0 * * MON', '2026-01-05T00:00:00'],
  ['0 0 * * mon-wed', '2026-01-05T00:00:00'],
  ['0 0 * * 7', '2026-01-04T00:00:00'],
  ['0 0 1 FEB-APR *', '2026-02-01T00:00:00'],
  ['0 9-17/4 * * *', '2026-01-01T09:00:00'],
  ['0 0 L * *', '2026-01-31T00:00:00'],
  ['0 0 15W 2 *', '2026-02-16T00:00:00'],
  ['0 0 LW * *', '2026-01-30T00:00:00'],
  ['0 0 * * FRI#2', '2026-01-09T00:00:00'],
  ['0 0 * * 5L', '2026-01-30T00:00:00'],
  ['0 0 29 2 *', '2028-02-29T00:00:00'],
  // Of a day and a weekday, one is enough; with a plus sign both must be right.
  ['0 0 13 * FRI', '2026-01-02T00:00:00'],
  ['0 0 13 * +FRI', '2026-02-13T00:00:00'],
  ['@hourly', '2026-01-01T01:00:00'],
  ['@daily', '2026-01-02T00:00:00'],
  ['@midnight', '2026-01-02T00:00:00'],
  ['@weekly', '2026-01-04T00:00:00'],
  ['@monthly', '2026-02-01T00:00:00'],
  ['@yearly', '2027-01-01T00:00:00'],
  ['@annually', '2027-01-01T00:00:00'],
  ['  0 0 * * *  ', '2026-01-02T00:00:00'],
])('%s comes at %s', (cron, first) => {
  expect(() => timetable.check(timing({ cron }))).not.toThrow();
  expect(next(cron, '2026-01-01T00:00:00')).toEqual([first]);
});

describe('a frequency', () => {
  const every = (frequency: number, after: string, count: number) => {
    return timetable.next(timing({ frequency }), Date.parse(`${after}Z`), count).map(iso);
  };

  it('counts minutes since 1970', () => {
    expect(every(5, '2026-01-01T00:01:30', 2)).toEqual(['2026-01-01T00:05:00', '2026-01-01T00:10:00']);
    expect(every(5, '2026-01-01T00:05:00', 1)).toEqual(['2026-01-01T00:10:00']);
    expect(every(90, '1970-01-01T00:00:00', 2)).toEqual(['1970-01-01T01:30:00', '1970-01-01T03:00:00']);
    expect(every(1_440, '2026-01-01T07:00:00', 1)).toEqual(['2026-01-02T00:00:00']);
  });

  it.each([0, -5, 1.5, Number.NaN, limits.scheduleFrequency + 1])('of %s is refused', (frequency) => {
    expect(refusalOf(timing({ frequency }))).toMatch(/^Field 'frequency' must be a whole number of minutes/);
  });

  it('does not matter where there is an expression', () => {
    expect(() => timetable.check(timing({ cron: '@daily', frequency: 0 }))).not.toThrow();
  });
});

function refusalOf(of: Timing): string {
  try {
    timetable.check(of);
  } catch (error) {
    expect(error).toBeInstanceOf(PlatformError);
    expect((error as PlatformError).kind).toBe('request.invalid_parameter');
    return (error as PlatformError).message;
  }
  return 'it is taken';
}

describe('what is refused', () => {
  it.each([
    '',
    'often',
    '* * * *',
    '* * * * * * *',
    '0 0 1 1 * 2030',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
    '* * * 13 *',
    '* * * * 8',
    '*/0 * * * *',
    '5/5 * * * *',
    '9-5 * * * *',
    'a b c d e',
    '@reboot',
    '@often',
    '2026-01-01T00:00:00',
  ])("'%s' as what nobody can read", (cron) => {
    expect(refusalOf(timing({ cron }))).toMatch(
      /^Field 'cron' is no cron expression: .*'30 2 \* \* MON-FRI'/,
    );
  });

  it.each(['0 0 31 2 *', '0 0 30 FEB *', '0 0 31 4,6,9,11 *'])("'%s', which never comes", (cron) => {
    expect(refusalOf(timing({ cron }))).toBe(`Field 'cron' is for a day that never comes: '${cron}'.`);
  });

  it('an expression that is too long', () => {
    const cron = `${Array.from({ length: 100 }, (_, at) => at % 60).join(',')} * * * *`;
    expect(refusalOf(timing({ cron }))).toBe("Field 'cron' must have at most 255 characters.");
  });

  it.each([
    ['Mars/Olympus', 'Europe/Berlin'],
    ['+02:00', 'Europe/Berlin'],
    ['', 'Europe/Berlin'],
    ['Tokyo', 'Asia/Tokyo'],
    ['new york', 'America/New_York'],
  ])("the time zone '%s', with the hint %s", (timeZone, hint) => {
    const message = `Field 'time_zone' must be the IANA name of a time zone, such as '${hint}'`;
    expect(refusalOf(timing({ timeZone }))).toBe(`${message}; '${timeZone}' is none.`);
    expect(refusalOf(timing({ timeZone, cron: '@daily' }))).toContain(message);
  });

  it('is not repeated at length', () => {
    expect(refusalOf(timing({ timeZone: 'x'.repeat(10_000) })).length).toBeLessThan(200);
  });
});

describe('a moment depends on what is asked alone', () => {
  const zone = process.env.TZ;
  afterEach(() => {
    vi.useRealTimers();
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it.each(['Asia/Tokyo', 'America/St_Johns'])('and not on the clock or the zone %s of a machine', (here) => {
    const asked = timing({ cron: '15 2 * * *', timeZone: 'Europe/Berlin' });
    const after = Date.parse('2026-03-27T00:00:00Z');
    const expected = timetable.next(asked, after, 5);
    process.env.TZ = here;
    vi.useFakeTimers({ now: Date.parse('2040-01-01T00:00:00Z'), toFake: ['Date'] });
    expect(new CronTimetable().next(asked, after, 5)).toEqual(expected);
  });
});

const zones = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/Nuuk', 'Asia/Tehran'];

const seconds = fc.constantFrom('0', '*/7', '*', '15,45');
const minutes = fc.constantFrom('0', '*/15', '*', '59', '10-20', '1,2,3');
const hours = fc.constantFrom('*', '*/5', '2', '23', '0', '1-3');
const monthDays = fc.constantFrom('*', '*', 'L', '1,15', '29-31', '15W');
const months = fc.constantFrom('*', '*', '*/3', 'MAR,OCT', '2');
const weekdays = fc.constantFrom('*', '*', 'SUN', 'MON-FRI', 'SUN#2');

const anyTiming = fc
  .record({
    cron: fc.tuple(seconds, minutes, hours, monthDays, months, weekdays).map((fields) => fields.join(' ')),
    timeZone: fc.constantFrom(...zones),
    frequency: fc.integer({ min: 1, max: limits.scheduleFrequency }),
    isCron: fc.boolean(),
  })
  .map(({ isCron, cron, ...other }): Timing => ({ ...other, cron: isCron ? cron : null }));

const anyMoment = fc.integer({
  min: Date.parse('1995-01-01T00:00:00Z'),
  max: Date.parse('2040-01-01T00:00:00Z'),
});

describe('of any expression', () => {
  it('moments grow, and stepping leads to all of them', () => {
    fc.assert(
      fc.property(anyTiming, anyMoment, (asked, after) => {
        const moments = timetable.next(asked, after, 12);
        let at = after;
        for (const moment of moments) {
          expect(moment).toBeGreaterThan(at);
          expect(moment % 1_000).toBe(0);
          expect(timetable.next(asked, at, 1)).toEqual([moment]);
          at = moment;
        }
      }),
    );
  });

  it('none is lost, from wherever it is asked', () => {
    fc.assert(
      fc.property(anyTiming, anyMoment, fc.double({ min: 0, max: 1, noNaN: true }), (asked, after, part) => {
        const [first = 0, second = 0] = timetable.next(asked, after, 2);
        const between = Math.floor(after + (first - after - 1) * part);
        expect(timetable.next(asked, between, 2)).toEqual([first, second]);
        const later = Math.floor(first + (second - first - 1) * part);
        expect(timetable.next(asked, later, 1)).toEqual([second]);
      }),
    );
  });

  it('there are no more than are asked for', () => {
    fc.assert(
      fc.property(anyTiming, anyMoment, fc.nat({ max: 5 }), (asked, after, count) => {
        expect(timetable.next(asked, after, count)).toHaveLength(count);
      }),
    );
  });
});

test('what cannot be read comes at no time', () => {
  expect(() => timetable.next(timing({ cron: 'often' }), 0, 1)).toThrow(PlatformError);
  expect(() => timetable.next(timing({ timeZone: 'Mars', cron: '@daily' }), 0, 1)).toThrow(PlatformError);
});

test('an expression that never comes again has no further moments', () => {
  expect(timetable.next(timing({ cron: '0 0 31 2 *' }), 0, 3)).toEqual([]);
});
