// Databases with schedules, and clocks on them, for tests.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { type ServerKind, testDatabase } from '../../test/databases.ts';
import type { Observation } from '../core/observe.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import type { ScheduleRecord } from '../core/schedule.ts';
import type { New, Store } from '../core/store.ts';
import { newRunId } from '../scripts/run-record.ts';
import { scheduledRun } from '../scripts/scheduled-call.ts';
import { openSystemStore } from '../store/open.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { ScheduleClock } from './clock.ts';
import { Firing, type FiringParts } from './firing.ts';
import { CronTimetable } from './timetable.ts';

/** A database that several servers may open. */
export interface SharedDatabase {
  open(): Promise<Store>;
  /** Without schedules and runs again. */
  empty(): Promise<void>;
  drop(): Promise<void>;
}

const tables = ['schedule_run', 'schedule_slot', 'schedule', 'queued_run_memo', 'queued_run', 'queue'];
const emptying = tables.map((table) => `delete from ${table}`).join(';');

/** One in a file. */
export function fileDatabase(): SharedDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'clock-'));
  const file = join(folder, 'system.db');
  const empty = async () => {
    const database = new Sqlite(file);
    database.exec(emptying);
    database.close();
  };
  return {
    open: () => createSqliteStore({ file }),
    empty,
    drop: async () => rmSync(folder, { recursive: true }),
  };
}

/** One in a server. */
export async function serverDatabase(kind: ServerKind): Promise<SharedDatabase> {
  const database = await testDatabase(kind);
  const { user, password, host, port, database: name } = database;
  const open = () => {
    return openSystemStore(`${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`);
  };
  return { open, empty: () => database.execute(emptying), drop: () => database.drop() };
}

/** A schedule of the service `system` that comes every second. */
export function newSchedule(name: string, over: Partial<ScheduleRecord> = {}): New<ScheduleRecord> {
  return {
    ...{ name, description: null, isActive: true, serviceId: 1, component: 'environment', verbMask: 1 },
    ...{ frequency: 1, cron: '* * * * * *', timeZone: 'UTC', payload: null, overlap: 'allow' },
    ...{ missed: 'skip', missedCount: 1, jitterSeconds: 0, userId: null, appId: null, isPrivileged: true },
    ...{ connection: null, queue: null, priority: 0, tries: 1, timeoutSeconds: null },
    ...{ delivery: 'effects-once', ...over },
  };
}

/** A server as far as schedules are concerned. */
export interface ClockNode {
  readonly store: Store;
  readonly firing: Firing;
  readonly clock: ScheduleClock;
  readonly observations: Observation[];
  /** Runs that were told of. */
  readonly announced: NewQueuedRun[];
}

/** Makes a server on a store, whose clock stands still until it is started. */
export function clockNode(store: Store, over: Partial<FiringParts> = {}): ClockNode {
  const observations: Observation[] = [];
  const announced: NewQueuedRun[] = [];
  const observe = (observation: Observation) => void observations.push(observation);
  const firing = new Firing({
    ...{ store, timetable: new CronTimetable(), runOf: scheduledRun, newId: newRunId, observe },
    consign: (given) => {
      const runs = given.map((run) => ({ ...run, connection: 'database', queue: 'default' }));
      return { runs, announce: async () => void announced.push(...runs) };
    },
    ...over,
  });
  return { store, firing, clock: new ScheduleClock({ store, firing, observe }), observations, announced };
}

/** Adds a schedule whose slot comes so many milliseconds from now, or came so long ago. */
export async function addSchedule(store: Store, inMs: number, record: New<ScheduleRecord>) {
  const schedule = await store.schedules.create(record, null);
  const second = Math.floor((await store.scheduleSlots.now()) / 1_000) * 1_000;
  await store.scheduleSlots.plan(schedule.id, second + inMs);
  return { ...schedule, slot: second + inMs };
}
