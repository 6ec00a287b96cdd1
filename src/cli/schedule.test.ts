// What is refused before a server is asked.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CommandError } from './failure.ts';
import { countOf, listRuns, type ScheduleOptions, showNext, timingOf } from './schedule.ts';
import { createSchedule, type ScheduleCreateOptions } from './schedule-create.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-schedule-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Whoever gets as far as this server is told that it is not there.
const nowhere = { server: 'http://127.0.0.1:1', isServerNamed: true, token: 'x' };
const reason = async (work: () => Promise<void>): Promise<string> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    throw error;
  }
  return '';
};

describe('when', () => {
  test('is an expression in a zone, or minutes', () => {
    const given = { ...nowhere, cron: '0 2 * * *', timeZone: 'Asia/Tokyo' };
    expect(timingOf(given)).toEqual({ cron: '0 2 * * *', time_zone: 'Asia/Tokyo' });
    expect(timingOf({ ...nowhere, every: '90' })).toEqual({ frequency: 90 });
    expect(timingOf(nowhere)).toEqual({});
  });

  test.each<[Partial<ScheduleOptions>, string]>([
    [{ cron: '* * * * *', every: '5' }, 'Give --cron or --every, not both.'],
    [{ every: '5', timeZone: 'UTC' }, '--time-zone is of --cron'],
    [{ every: '0' }, '--every 0 is no whole number from 1 to'],
    [{ every: '1.5' }, '--every 1.5 is no whole number'],
    [{ every: '527041' }, '--every 527041 is no whole number from 1 to 527040.'],
  ])('%j is refused', (options, message) => {
    expect(() => timingOf({ ...nowhere, ...options })).toThrow(message);
  });

  test('is asked of a stored schedule or of what is written, not of both or none', async () => {
    const message = 'Name a schedule, or say when with --cron or --every.';
    expect(await reason(() => showNext(undefined, { ...nowhere, count: '5' }))).toBe(message);
    expect(await reason(() => showNext('x', { ...nowhere, count: '5', every: '5' }))).toBe(message);
    expect(await reason(() => showNext('x', { ...nowhere, count: '101' }))).toContain('--count 101');
    expect(await reason(() => showNext('x', { ...nowhere, count: '100' }))).toContain('No server answers');
  });
});

test('numbers are whole and from 1', async () => {
  expect(countOf('--count', '7')).toBe(7);
  for (const odd of ['', '0', '-1', 'many', '1e3', '1.0']) {
    expect(() => countOf('--count', odd)).toThrow(`--count ${odd} is no whole number from 1 on.`);
  }
  expect(await reason(() => listRuns(undefined, { ...nowhere, limit: 'all' }))).toContain('--limit all');
});

describe('a call that is stored', () => {
  const create = (call: string, options: Partial<ScheduleCreateOptions> = {}) =>
    reason(() => createSchedule('x', call, { ...nowhere, every: '5', ...options }));

  test.each([
    'hr',
    '/hr/_table/x',
    'api/v2/hr',
    '/api/hr?limit=1',
    'http://127.0.0.1:8080/api/v2/hr/_table/x?a=/b',
  ])('%s is one', async (call) => {
    expect(await create(call)).toContain('No server answers');
  });

  test.each(['', '/', '?limit=1', 'http://127.0.0.1:8080/', 'api/v2/'])("'%s' is none", async (call) => {
    expect(await create(call)).toContain(`'${call}' is no call.`);
  });

  test('comes at some time', async () => {
    expect(await reason(() => createSchedule('x', 'hr', nowhere))).toContain('Say when it comes');
    const options = { ...nowhere, timeZone: 'UTC' };
    expect(await reason(() => createSchedule('x', 'hr', options))).toContain('Say when it comes');
  });

  test('sends JSON, given or from a file', async () => {
    writeFileSync(join(folder, 'good.json'), '{"a":1}');
    writeFileSync(join(folder, 'bad.json'), '{"a":');
    expect(await create('hr', { payload: `@${join(folder, 'good.json')}` })).toContain('No server answers');
    expect(await create('hr', { payload: `@${join(folder, 'bad.json')}` })).toBe('--payload is no JSON.');
    expect(await create('hr', { payload: '{' })).toBe('--payload is no JSON.');
    expect(await create('hr', { payload: '@/nowhere/x' })).toBe('/nowhere/x cannot be read (ENOENT).');
  });

  test('has policies with whole numbers', async () => {
    expect(await create('hr', { missed: 'all:3', jitter: '5' })).toContain('No server answers');
    expect(await create('hr', { missed: 'all:some' })).toContain('--missed all: some is no whole number');
    expect(await create('hr', { jitter: '-5' })).toContain('--jitter -5 is no whole number');
  });
});
