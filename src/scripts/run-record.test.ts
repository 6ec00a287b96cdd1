import { describe, expect, test } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { anonymous } from '../core/operation.ts';
import { operationOf } from './exchange-fixture.ts';
import { type EndedRun, newRunId, runRecord } from './run-record.ts';

const ended = (over: Partial<EndedRun> = {}) =>
  runRecord({
    id: 'id',
    operation: operationOf(),
    script: { name: 'hr.get.pre_process', language: 'typescript', version: 'v' },
    stage: 'pre_process',
    ms: 12.345_678,
    status: undefined,
    log: [],
    ...over,
  });

describe('the record of a run', () => {
  test('tells who asked for what, by which door, and inside which run', () => {
    const run = { id: 'outer' };
    const operation = operationOf({ origin: 'script', depth: 2, action: 'PUT', principal: anonymous, run });
    expect(ended({ operation })).toMatchObject({
      type: 'typescript',
      service: 'hr',
      resource: '_table/todo',
      action: 'PUT',
      door: 'script',
      caller: 'anonymous',
      userId: null,
      appId: null,
      depth: 2,
      parentId: 'outer',
    });
    expect(ended()).toMatchObject({ caller: 'user', userId: 1, parentId: null, queuedRunId: null });
    expect(ended({ queuedRunId: 'event' }).queuedRunId).toBe('event');
  });

  test('began as long ago as it took, to the microsecond', () => {
    const { startedDate, durationMs } = ended({ ms: 60_000.000_4 });
    expect(durationMs).toBe(60_000);
    expect(Date.now() - Date.parse(startedDate)).toBeGreaterThanOrEqual(59_999);
    expect(ended().durationMs).toBe(12.346);
  });

  test('has the status of the error, else of the answer, else none', () => {
    const error = new PlatformError('script.threw', 'x', { status: 418 });
    const failure = { outcome: 'threw', error, reason: 'x', trace: { line: 1 } } as const;
    expect(ended({ failure, status: 200 })).toMatchObject({ status: 418, outcome: 'threw' });
    expect(ended({ status: 201 })).toMatchObject({ status: 201, outcome: 'finished' });
    expect(ended().status).toBeNull();
  });

  test('holds no more of an error than the limit says', () => {
    const long = 'x'.repeat(limits.runErrorChars + 1);
    const error = new PlatformError('script.threw', 'x');
    const failure = { outcome: 'threw', error, reason: long, trace: { stack: long } } as const;
    const { errorMessage, errorStack } = ended({ failure });
    expect([errorMessage?.length, errorStack?.length]).toEqual([limits.runErrorChars, limits.runErrorChars]);
  });

  const line = (length: number) => ({ level: 'log' as const, text: 'x'.repeat(length) });
  const most = limits.runOutputChars;
  test.each([
    ['nothing', [], [], false],
    ['exactly as much as is kept', [most], [most], false],
    ['one character more', [most + 1], [most], true],
    ['a line beyond', [most, 0], [most], true],
    ['two lines, the second cut', [most - 5, 10], [most - 5, 4], true],
  ])('of %s in output', (_what, written, kept, isOutputCut) => {
    const record = ended({ log: written.map(line) });
    expect(record.output.map(({ text }) => text.length)).toEqual(kept);
    expect(record.isOutputCut).toBe(isOutputCut);
  });

  test('empty lines are bounded, too', () => {
    const record = ended({ log: Array.from({ length: most + 10 }, () => line(0)) });
    expect(record.output).toHaveLength(most);
    expect(record.isOutputCut).toBe(true);
  });
});

describe('ids of runs', () => {
  test('are different UUIDs of version 7 that sort by time', async () => {
    const many = Array.from({ length: 1_000 }, newRunId);
    expect(new Set(many).size).toBe(1_000);
    for (const id of many)
      expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    const then = many.at(-1) ?? '';
    await expect.poll(() => newRunId() > then).toBe(true);
    const time = Number.parseInt(then.replaceAll('-', '').slice(0, 12), 16);
    expect(Math.abs(Date.now() - time)).toBeLessThan(60_000);
  });
});
