// The check of `tenon doctor` that looks at schedules: whether they can come, and whether somebody starts
// them. Invariant: what is late is late by the clock of the database, which is the one that schedules go by.
import type { Config } from '../config.ts';
import { limits } from '../core/limits.ts';
import type { ScheduleRecord } from '../core/schedule.ts';
import type { Store } from '../core/store.ts';
import type { Finding } from './checks.ts';
import { lookAtStore } from './store-look.ts';

/** What is looked at. */
export interface ScheduleFacts {
  readonly schedules: readonly ScheduleRecord[];
  /** Ids of what there is. */
  readonly services: ReadonlySet<number>;
  readonly users: ReadonlySet<number>;
  readonly apps: ReadonlySet<number>;
  /** Next slots by schedule, and the time. */
  readonly next: ReadonlyMap<number, number>;
  readonly now: number;
}

type Problem = Required<Finding>;

/** Whether schedules are started, and can be. */
export async function checkSchedules(config: Config): Promise<Finding> {
  const zones = zoneProblem();
  if (zones !== undefined) return zones;
  const facts = await lookAtStore(config, read);
  return facts === undefined ? { status: 'ok', message: 'nothing to look at yet' } : findingOf(facts);
}

async function read(store: Store): Promise<ScheduleFacts> {
  const idsOf = (records: readonly { id: number }[]) => new Set(records.map(({ id }) => id));
  return {
    schedules: await store.schedules.list(),
    services: idsOf(await store.services.list()),
    users: idsOf(await store.users.list()),
    apps: idsOf(await store.apps.list()),
    next: await store.scheduleSlots.next(),
    now: await store.scheduleSlots.now(),
  };
}

/** What is found of schedules. */
export function findingOf(facts: ScheduleFacts): Finding {
  const active = facts.schedules.filter(({ isActive }) => isActive);
  const paused = facts.schedules.length - active.length;
  const counted = `${active.length} active, ${paused} paused`;
  const problems = [lateProblem(active, facts), ...active.flatMap((schedule) => problemsOf(schedule, facts))];
  const [first, ...others] = problems.filter((problem) => problem !== undefined);
  if (first === undefined) return { status: 'ok', message: counted };
  const message = [first, ...others].map((problem) => problem.message).join('; ');
  return { ...first, message: `${counted}; ${message}` };
}

function lateProblem(active: readonly ScheduleRecord[], { next, now }: ScheduleFacts): Problem | undefined {
  const late = active.filter(({ id }) => now - (next.get(id) ?? now) > limits.scheduleLateMs);
  if (late.length === 0) return undefined;
  return {
    status: 'warn',
    message: `late: ${namesOf(late)}: no server starts them`,
    remedy: 'Run `tenon serve`, one of them at least without TENON_SCHEDULE=off.',
  };
}

function namesOf(schedules: readonly ScheduleRecord[]): string {
  return schedules.map(({ name }) => `'${name}'`).join(', ');
}

function problemsOf(schedule: ScheduleRecord, { services, users, apps }: ScheduleFacts): Problem[] {
  const { name, serviceId, userId, appId, timeZone, cron } = schedule;
  const lacking = [
    ...(services.has(serviceId) ? [] : [`the service ${serviceId}`]),
    ...(userId === null || users.has(userId) ? [] : [`the user ${userId}`]),
    ...(appId === null || apps.has(appId) ? [] : [`the app ${appId}`]),
    ...(cron === null || isZone(timeZone) ? [] : [`the time zone ${timeZone}`]),
  ];
  const remedy = `Change it, or \`tenon schedule pause ${name}\`.`;
  return lacking.map((what) => ({ status: 'warn', message: `'${name}' names ${what}, not there`, remedy }));
}

function isZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

// A Node.js that was built without the data of time zones takes all of them for UTC.
function zoneProblem(): Problem | undefined {
  const noon = (month: number) =>
    new Intl.DateTimeFormat('en', { timeZone: 'Europe/Berlin', hour: '2-digit', hourCycle: 'h23' }).format(
      Date.UTC(2026, month, 1, 12),
    );
  if (noon(0) === '13' && noon(6) === '14') return undefined;
  return {
    status: 'fail',
    message: 'this Node.js has no data of time zones',
    remedy: 'Install one with full ICU, as those of nodejs.org are.',
  };
}
