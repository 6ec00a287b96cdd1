import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readConfig } from '../config.ts';
import { limits } from '../core/limits.ts';
import type { ScheduleRecord } from '../core/schedule.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { checkSchedules, findingOf, type ScheduleFacts } from './schedule-check.ts';

const home = mkdtempSync(join(tmpdir(), 'tenon-schedule-check-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const schedule: ScheduleRecord = {
  ...{ id: 1, name: 'nightly', description: null, isActive: true, serviceId: 3, component: '', verbMask: 1 },
  ...{ frequency: 5, cron: '0 2 * * *', timeZone: 'Europe/Berlin', payload: null, overlap: 'skip' },
  ...{ missed: 'last', missedCount: 1, jitterSeconds: 0, userId: null, appId: null, isPrivileged: true },
  ...{ connection: null, queue: null, priority: 0, tries: 1, timeoutSeconds: null, delivery: 'effects-once' },
  ...{ createdDate: '', lastModifiedDate: '', createdById: null, lastModifiedById: null },
};

const factsOf = (over: Partial<ScheduleFacts> = {}): ScheduleFacts => ({
  schedules: [schedule],
  ...{ services: new Set([3]), users: new Set([1]), apps: new Set([2]) },
  ...{ next: new Map([[1, 1_000_000]]), now: 1_000_000, ...over },
});

describe('schedules', () => {
  test('are counted where nothing is wrong', () => {
    const paused = { ...schedule, id: 2, isActive: false, serviceId: 99 };
    const facts = factsOf({ schedules: [schedule, paused] });
    expect(findingOf(facts)).toEqual({ status: 'ok', message: '1 active, 1 paused' });
    expect(findingOf(factsOf({ schedules: [] }))).toEqual({ status: 'ok', message: '0 active, 0 paused' });
  });

  test('are late a minute after their slot, not before', () => {
    const at = (late: number) => findingOf(factsOf({ now: 1_000_000 + late }));
    expect(at(limits.scheduleLateMs).status).toBe('ok');
    expect(at(limits.scheduleLateMs + 1)).toEqual({
      status: 'warn',
      message: "1 active, 0 paused; late: 'nightly': no server starts them",
      remedy: 'Run `tenon serve`, one of them at least without TENON_SCHEDULE=off.',
    });
  });

  test('that name what is not there are told, each', () => {
    const odd = { ...schedule, userId: 7, appId: 8, timeZone: 'Europe/Atlantis' };
    const { status, message } = findingOf(factsOf({ schedules: [odd], services: new Set() }));
    expect(status).toBe('warn');
    for (const what of ['the service 3', 'the user 7', 'the app 8', 'the time zone Europe/Atlantis']) {
      expect(message).toContain(`'nightly' names ${what}, not there`);
    }
    expect(findingOf(factsOf({ schedules: [{ ...odd, isActive: false }] })).status).toBe('ok');
  });

  test('are read from the system database, which stays as it is', async () => {
    const config = readConfig({ TENON_HOME: home });
    expect(await checkSchedules(config)).toEqual({ status: 'ok', message: 'nothing to look at yet' });
    const store = await createSqliteStore({ file: join(home, 'system.sqlite') });
    const { id, createdDate, lastModifiedDate, createdById, lastModifiedById, ...record } = schedule;
    const { id: made } = await store.schedules.create({ ...record, userId: null }, null).catch((error) => {
      throw new Error(`not stored: ${error}`);
    });
    await store.scheduleSlots.plan(made, (await store.scheduleSlots.now()) - 2 * limits.scheduleLateMs);
    await store.close();
    const { status, message } = await checkSchedules(config);
    expect(status).toBe('warn');
    expect(message).toMatch(/^1 active, 0 paused; late: 'nightly': .*; 'nightly' names the service 3/);
  });
});
