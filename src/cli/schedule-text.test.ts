import { describe, expect, test } from 'vitest';
import {
  callText,
  resultText,
  runsTable,
  type ScheduleRunView,
  type ScheduleView,
  scheduleTable,
  scheduleText,
  slotsTable,
} from './schedule-text.ts';

const now = new Date('2026-07-06T12:00:00Z');

const schedule: ScheduleView = {
  ...{ id: 7, name: 'nightly', is_active: true, verb: 'GET', component: '_table/x', service_id: 3 },
  ...{ cron: '0 2 * * *', time_zone: 'Europe/Berlin', frequency: 5 },
  ...{ next_run_date: '2026-07-07T00:00:00.000Z', last_run_date: null, last_run_status: null },
};

const run: ScheduleRunView = {
  ...{ id: 'r', schedule_id: 7, slot: '2026-07-06T00:00:00.000Z', cause: 'slot', state: 'done' },
  ...{ skipped: null, slots: 1, status_code: 200, content: '{"a":1}\nmore', reason: null },
  ...{ duration_ms: 1_234, created_date: '2026-07-06T00:00:00.120Z' },
};

const lineOf = (over: Partial<ScheduleView>): string =>
  scheduleTable([{ ...schedule, ...over }], now).split('\n')[1] ?? '';

describe('a schedule in a line', () => {
  test('says when it comes next, on the clock of its zone', () => {
    expect(lineOf({})).toBe(
      'nightly  0 2 * * *  Europe/Berlin  active  2026-07-07 02:00:00 +02:00 (in 12 h)',
    );
    expect(lineOf({ cron: null, is_active: false, next_run_date: null })).toBe(
      'nightly  every 5 minutes  paused',
    );
  });

  test('is late when nobody started it for a minute', () => {
    expect(lineOf({ next_run_date: '2026-07-06T11:59:00.000Z' })).toMatch(/\(60 s ago\)$/);
    expect(lineOf({ next_run_date: '2026-07-06T11:58:59.000Z' })).toMatch(/\(61 s late\)$/);
  });

  test('says what came of it last', () => {
    const last = { last_run_date: '2026-07-06T11:50:00.000Z' };
    expect(lineOf({ ...last, last_run_status: 500 })).toMatch(/ {2}500, 10 min ago$/);
    expect(lineOf(last)).toMatch(/ {2}not over, 10 min ago$/);
    const failure = { created_date: last.last_run_date };
    expect(lineOf({ ...last, task_log_by_task_id: failure })).toMatch(/ {2}failed, 10 min ago$/);
    const earlier = { created_date: '2026-07-06T11:40:00.000Z' };
    expect(lineOf({ ...last, task_log_by_task_id: earlier })).toMatch(/ {2}not over, 10 min ago$/);
    const ahead = { last_run_date: '2026-07-06T12:00:05.000Z', last_run_status: 200 };
    expect(lineOf(ahead)).toMatch(/ {2}200, 0 s ago$/);
  });
});

describe('a run', () => {
  test.each<[Partial<ScheduleRunView>, string]>([
    [{}, '200'],
    [{ state: 'failed', status_code: 500 }, 'failed (500)'],
    [{ state: 'retrying', status_code: 503 }, 'retrying (503)'],
    [{ state: 'running', status_code: null }, 'running'],
    [{ state: 'skipped', skipped: 'overlap', status_code: null }, 'skipped (overlap)'],
    [{ state: 'skipped', skipped: 'missed', slots: 12, status_code: null }, 'skipped (missed, 12 slots)'],
  ])('%j is told as %s', (over, text) => {
    expect(resultText({ ...run, ...over })).toBe(text);
  });

  test('in a line has one line of its answer', () => {
    const manual = { ...run, slot: null, cause: 'manual', duration_ms: null, content: 'x'.repeat(200) };
    const [heading, first, second] = runsTable([run, manual], new Map([[7, 'nightly']])).split('\n');
    expect(heading).toMatch(/^AT \(UTC\) +SCHEDULE +FOR \(UTC\) +RESULT +TOOK +ANSWER$/);
    expect(first).toBe('2026-07-06 00:00:00  nightly   slot 2026-07-06 00:00:00  200     1,234 ms  {"a":1}');
    expect(second).toMatch(/^2026-07-06 00:00:00 {2}nightly {3}manual +200 +x+…$/);
    expect(runsTable([run], new Map())).toMatch(/\n\S+ \S+ {2}7 /);
  });
});

test('slots are told on two clocks', () => {
  const slots = ['2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z'];
  expect(slotsTable(slots, { zone: 'Europe/Berlin', now })).toBe(
    [
      'EUROPE/BERLIN               UTC',
      '2026-10-25 02:30:00 +02:00  2026-10-25 00:30:00  in 110 d',
      '2026-10-25 02:30:00 +01:00  2026-10-25 01:30:00  in 110 d',
    ].join('\n'),
  );
});

test('everything of a schedule is its fields and its latest runs', () => {
  const text = scheduleText({ ...schedule, service_by_service_id: { name: 'hr' } }, [run]);
  expect(text).toMatch(
    /^name +nightly\ncalls +GET hr\/_table\/x\nwhen +0 2 \* \* \* {2}Europe\/Berlin\nid +7\n/,
  );
  expect(text).toMatch(/\n\nAT \(UTC\) .*\n.* slot .*$/);
  expect(text).not.toMatch(/null|_by_|^(cron|verb|component|service_id) /m);
  expect(callText(schedule)).toBe('GET service 3/_table/x');
  expect(callText({ ...schedule, component: '' })).toBe('GET service 3');
});
