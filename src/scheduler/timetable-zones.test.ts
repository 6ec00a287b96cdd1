// Days on which clocks are changed: expressions in many zones against a clock on a wall.
import { describe, expect, it, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { CronTimetable } from './timetable.ts';
import { type Field, isChanged, momentsOn, wallsAround } from './wall-fixture.ts';

const timetable = new CronTimetable();

/** Zones, and days on which their clocks are set forward or back. */
const days: readonly (readonly [string, string])[] = [
  ['Europe/Berlin', '2026-03-29'],
  ['Europe/Berlin', '2026-10-25'],
  ['America/New_York', '2026-03-08'],
  ['America/New_York', '2026-11-01'],
  // At midnight: the gap swallows the beginning of a day, the overlap repeats the end of one.
  ['America/Sao_Paulo', '2018-11-04'],
  ['America/Sao_Paulo', '2018-02-18'],
  // From 23:00 to midnight and back: the gap swallows the end of a day.
  ['America/Nuuk', '2026-03-28'],
  ['America/Nuuk', '2026-10-24'],
  // By half an hour.
  ['Australia/Lord_Howe', '2026-10-04'],
  ['Australia/Lord_Howe', '2026-04-05'],
  // Back for Ramadan, forward after it.
  ['Africa/Casablanca', '2026-02-15'],
  ['Africa/Casablanca', '2026-03-22'],
  ['America/St_Johns', '2026-03-08'],
  // One minute past midnight.
  ['America/St_Johns', '2010-11-07'],
  // A whole day that there never was.
  ['Pacific/Apia', '2011-12-30'],
  ['Pacific/Apia', '2012-04-01'],
  // By a quarter of an hour, once.
  ['Asia/Kathmandu', '1986-01-01'],
  // By two hours.
  ['Antarctica/Troll', '2026-03-29'],
  ['Antarctica/Troll', '2026-10-25'],
  // Whose summer is the standard time.
  ['Europe/Dublin', '2026-03-29'],
  ['Europe/Dublin', '2026-10-25'],
  ['Pacific/Chatham', '2026-09-27'],
  ['Pacific/Chatham', '2026-04-05'],
];

const steady: readonly (readonly [string, string])[] = [
  ['Asia/Kolkata', '2026-03-29'],
  ['Asia/Kathmandu', '2026-10-25'],
  ['UTC', '2026-03-29'],
  ['America/Sao_Paulo', '2026-02-15'],
];

const walls = [...days, ...steady].map(([zone, day]) => wallsAround(zone, day));

function field(text: string, size: number): Field {
  const values = text.split(',').flatMap((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [first, last = first] = range === '*' ? [0, size - 1] : range.split('-').map(Number);
    const all = Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at);
    return all.filter((_, at) => at % Number(step) === 0);
  });
  return { text, values: new Set(values) };
}

function expectAgreement(at: (typeof walls)[number], minutes: string, hours: string): void {
  const [minute, hour] = [field(minutes, 60), field(hours, 24)];
  const expected = momentsOn(at, minute, hour);
  const start = (at.from + 2 * 1_440) * 60_000 - 1;
  const timing = { cron: `${minutes} ${hours} * * *`, timeZone: at.zone, frequency: 1 };
  const found = timetable.next(timing, start, expected.length + 1);
  const end = (at.from + at.shown.length) * 60_000;
  expect(found.filter((moment) => moment < end).map(iso)).toEqual(expected.map(iso));
}

const iso = (moment: number) => new Date(moment).toISOString();

const expressions: readonly (readonly [string, string])[] = [
  ['30', '2'],
  ['0', '2,3'],
  ['0', '0'],
  ['30', '23'],
  ['15', '0'],
  ['0', '12'],
  ['45', '1-3'],
  ['0,30', '1-4'],
  ['*/15', '*'],
  ['0', '*'],
  ['30', '*'],
  ['*', '*'],
  ['*/20', '2'],
  ['*', '23'],
  ['0', '*/2'],
  ['15', '0-22'],
  ['59', '0-23'],
];

test.each(walls.slice(0, days.length))('clocks in $zone are changed', (at) => {
  expect(isChanged(at)).toBe(true);
});

test.each(walls)('in $zone expressions come when a clock on a wall says so', (at) => {
  for (const [minutes, hours] of expressions) expectAgreement(at, minutes, hours);
});

const fields = (size: number) => {
  const value = fc.integer({ min: 0, max: size - 1 });
  const range = fc.tuple(value, value).map(([one, other]) => {
    return `${Math.min(one, other)}-${Math.max(one, other)}`;
  });
  const step = fc.integer({ min: 2, max: size - 1 });
  return fc.oneof(
    fc.constant('*'),
    value.map(String),
    range,
    step.map((of) => `*/${of}`),
    fc.tuple(range, step).map(([of, by]) => `${of}/${by}`),
    fc.uniqueArray(value, { minLength: 2, maxLength: 5 }).map((list) => list.join(',')),
  );
};

test('any minutes of any hours come when a clock on a wall says so', () => {
  fc.assert(fc.property(fc.constantFrom(...walls), fields(60), fields(24), expectAgreement), {
    numRuns: 100,
  });
});

describe('in words', () => {
  const next = (cron: string, timeZone: string, after: string, count: number) => {
    const timing = { cron, timeZone, frequency: 1 };
    return timetable.next(timing, Date.parse(after), count).map((moment) => iso(moment).slice(0, 16));
  };

  it('a slot in an hour that is skipped comes when it has been', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ]);
  });

  it('several of them come as one, and with one that comes then anyway', () => {
    expect(next('0,20,40 2,3 * * *', 'Europe/Berlin', '2026-03-29T00:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T01:20',
    ]);
  });

  it('what is for every hour comes in every hour that passes', () => {
    expect(next('30 * * * *', 'Europe/Berlin', '2026-03-28T23:50Z', 3)).toEqual([
      '2026-03-29T00:30',
      '2026-03-29T01:30',
      '2026-03-29T02:30',
    ]);
    expect(next('30 * * * *', 'Europe/Berlin', '2026-10-24T23:50Z', 3)).toEqual([
      '2026-10-25T00:30',
      '2026-10-25T01:30',
      '2026-10-25T02:30',
    ]);
  });

  it('a slot in an hour that is repeated comes the first time', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
  });

  it('one for every few minutes comes both times', () => {
    expect(next('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 5)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T00:30',
      '2026-10-25T01:00',
      '2026-10-25T01:30',
      '2026-10-26T01:00',
    ]);
  });

  it('one for every second of a minute that is skipped comes once', () => {
    expect(next('* 30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ]);
    expect(next('* 30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 61).at(-1)).toBe('2026-10-26T01:30');
  });

  it('the slots of a day that never was come when the next one begins', () => {
    expect(next('0 9,15 30 * *', 'Pacific/Apia', '2011-12-01T12:00Z', 2)).toEqual([
      '2011-12-30T10:00',
      '2012-01-29T19:00',
    ]);
  });
});
