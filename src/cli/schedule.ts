// `tenon schedule …`: what the clock asks for, when, and what came of it; on a running server or, where none
// runs, in the data folder. Invariant: what was asked for and not done gives exit code 1 and says which.
import { limits } from '../core/limits.ts';
import { RefusedError } from './client.ts';
import type { DoorOptions } from './door.ts';
import { CommandError } from './failure.ts';
import {
  callText,
  clockText,
  runsTable,
  type ScheduleRunView,
  type ScheduleView,
  scheduleTable,
  scheduleText,
  slotsTable,
} from './schedule-text.ts';
import { timingText } from './schedule-time.ts';
import { type SystemDoor, throughDoor } from './system-door.ts';

/** Options of the verbs. */
export interface ScheduleOptions extends DoorOptions {
  readonly json?: boolean;
  readonly limit?: string;
  readonly count?: string;
  readonly cron?: string;
  readonly every?: string;
  readonly timeZone?: string;
}

const related = { related: 'service_by_service_id,task_log_by_task_id' };

/** Prints all schedules. */
export function listSchedules(options: ScheduleOptions): Promise<void> {
  return throughDoor(options, async (door) => {
    const query = { ...related, order: 'name' };
    const answer = await door.ask({ path: ['scheduler'], query });
    const { resource } = answer as { resource: ScheduleView[] };
    if (options.json === true) return print(resource);
    if (resource.length === 0) return console.log('No schedules.');
    console.log(scheduleTable(resource, new Date()));
    await tellClock(door, resource);
  });
}

// A list of schedules that nobody starts looks like one of schedules that somebody does.
async function tellClock(door: SystemDoor, schedules: readonly ScheduleView[]): Promise<void> {
  const nodes = await nodesOf(door);
  if (nodes !== undefined && !nodes.some(({ kind, is_alive: isAlive }) => kind === 'serve' && isAlive)) {
    console.error('No server runs here: nothing of this is started until one does (`tenon serve`).');
    return;
  }
  const before = Date.now() - limits.scheduleLateMs;
  if (schedules.some(({ next_run_date: next }) => next !== null && Date.parse(next) < before)) {
    console.error('No server starts what is late: look for TENON_SCHEDULE=off, and run `tenon doctor`.');
  }
}

// Undefined for somebody who may see schedules, and no more.
async function nodesOf(door: SystemDoor): Promise<readonly NodeView[] | undefined> {
  try {
    return ((await door.ask({ path: ['node'] })) as { resource: NodeView[] }).resource;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 403) return undefined;
    throw error;
  }
}

interface NodeView {
  readonly kind: string;
  readonly is_alive: boolean;
}

/** Prints everything of a schedule, with its latest runs. */
export function showSchedule(name: string, options: ScheduleOptions): Promise<void> {
  return throughDoor(options, async (door) => {
    const schedule = await found(door, name);
    if (options.json === true) return print(schedule);
    const runs = await runsOf(door, ['scheduler', String(schedule.id), 'runs'], shownRuns);
    console.log(scheduleText(schedule, runs));
  });
}

// As many as are looked at, not read through.
const shownRuns = 5;

/** Prints what became of slots, of one schedule or of all, the newest first. */
export function listRuns(name: string | undefined, options: ScheduleOptions): Promise<void> {
  const limit = countOf('--limit', options.limit, limits.records);
  return throughDoor(options, async (door) => {
    const one = name === undefined ? undefined : await found(door, name);
    const path = one === undefined ? ['scheduler', 'runs'] : ['scheduler', String(one.id), 'runs'];
    const runs = await runsOf(door, path, limit);
    if (options.json === true) return print(runs);
    if (runs.length === 0) return console.log('Nothing was started yet.');
    console.log(runsTable(runs, await namesOf(door, one)));
  });
}

async function namesOf(door: SystemDoor, one: ScheduleView | undefined): Promise<Map<number, string>> {
  if (one !== undefined) return new Map([[one.id, one.name]]);
  const answer = await door.ask({ path: ['scheduler'], query: { fields: 'id,name' } });
  const { resource } = answer as { resource: ScheduleView[] };
  return new Map(resource.map((schedule) => [schedule.id, schedule.name]));
}

async function runsOf(door: SystemDoor, path: readonly string[], limit: number): Promise<ScheduleRunView[]> {
  const answer = await door.ask({ path, query: { limit: String(limit) } });
  return (answer as { resource: ScheduleRunView[] }).resource;
}

/** Prints when a schedule comes next, or when one would that is not stored. */
export function showNext(name: string | undefined, options: ScheduleOptions): Promise<void> {
  const count = countOf('--count', options.count, limits.schedulePreview);
  const timing = timingOf(options);
  const isPreview = Object.keys(timing).length > 0;
  if (isPreview === (name !== undefined)) {
    throw new CommandError('Name a schedule, or say when with --cron or --every.');
  }
  return throughDoor(options, async (door) => {
    const stored = name === undefined ? undefined : await found(door, name);
    const answer = await door.ask(
      stored === undefined
        ? { action: 'POST', path: ['scheduler', 'next'], body: { ...timing, count } }
        : { path: ['scheduler', String(stored.id), 'next'], query: { count: String(count) } },
    );
    if (options.json === true) return print(answer);
    const { resource, time_zone: zone } = answer as { resource: string[]; time_zone: string };
    if (stored?.is_active === false) console.error(`'${stored.name}' is paused; this is when it would come.`);
    console.log(slotsTable(resource, { zone, now: new Date() }));
  });
}

/** When a schedule comes, as the options say it. */
export function timingOf({ cron, every, timeZone }: ScheduleOptions): {
  cron?: string;
  frequency?: number;
  time_zone?: string;
} {
  if (cron !== undefined && every !== undefined) throw new CommandError('Give --cron or --every, not both.');
  if (every !== undefined && timeZone !== undefined) {
    throw new CommandError('--time-zone is of --cron; minutes of --every are the same in all zones.');
  }
  return {
    ...(cron === undefined ? {} : { cron }),
    ...(every === undefined ? {} : { frequency: countOf('--every', every, limits.scheduleFrequency) }),
    ...(timeZone === undefined ? {} : { time_zone: timeZone }),
  };
}

/** Lets schedules come, or keeps them from it. */
export function pauseSchedules(
  names: readonly string[],
  isPaused: boolean,
  options: ScheduleOptions,
): Promise<void> {
  return eachOf(names, options, async (door, schedule) => {
    const { id, name } = schedule;
    const path = ['scheduler', String(id), isPaused ? 'pause' : 'resume'];
    const { next_run_date: next } = (await door.ask({ action: 'POST', path })) as ScheduleView;
    if (isPaused) return `${name} is paused; runs that run go on.`;
    return `${name} goes on${next === null ? '' : `, next at ${clockText(schedule, next)}`}.`;
  });
}

/** Deletes schedules with their history. */
export function deleteSchedules(names: readonly string[], options: ScheduleOptions): Promise<void> {
  return eachOf(names, options, async (door, { id, name }) => {
    await door.ask({ action: 'DELETE', path: ['scheduler', String(id)] });
    return `${name} is deleted; runs that run go on.`;
  });
}

type Work = (door: SystemDoor, schedule: ScheduleView) => Promise<string>;

// One that is not there, or refuses, keeps none of the others.
function eachOf(names: readonly string[], options: ScheduleOptions, work: Work): Promise<void> {
  return throughDoor(options, async (door) => {
    for (const name of names) {
      try {
        console.log(await work(door, await found(door, name)));
      } catch (error) {
        const isKnown = error instanceof CommandError;
        if (!isKnown || (error instanceof RefusedError && ![404, 409].includes(error.status))) throw error;
        console.error(`error: ${error instanceof RefusedError ? error.reason : error.message}`);
        process.exitCode = 1;
      }
    }
  });
}

/** A schedule by its name or, where none is called so, its id. Throws CommandError where there is none. */
export async function found(door: SystemDoor, name: string): Promise<ScheduleView> {
  const query = { ...related, filter: '(name = :name)' };
  const answer = await door.ask({ path: ['scheduler'], query, params: { name } });
  const [schedule] = (answer as { resource: ScheduleView[] }).resource;
  if (schedule !== undefined) return schedule;
  const byId = /^\d+$/.test(name) ? await door.ask({ path: ['scheduler', name], query: related }) : undefined;
  if (byId !== undefined) return byId as ScheduleView;
  throw new CommandError(`There is no schedule '${name}'.`, 'See `tenon schedule list`.');
}

/** What a person is told of a schedule that was made. */
export function madeText(schedule: ScheduleView): string {
  const { name, next_run_date: next } = schedule;
  const state = next === null ? 'paused' : `next at ${clockText(schedule, next)}`;
  return `${name} calls ${callText(schedule)}: ${timingText(schedule)}, ${state}.`;
}

/** A whole number of an option, from 1; the server knows further bounds. */
export function countOf(option: string, given = '', most = Number.MAX_SAFE_INTEGER): number {
  const count = Number(given);
  if (/^\d+$/.test(given) && count >= 1 && count <= most) return count;
  const bound = most === Number.MAX_SAFE_INTEGER ? 'on' : `to ${most}`;
  throw new CommandError(`${option} ${given} is no whole number from 1 ${bound}.`);
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, undefined, 2));
}

/** Says that nothing is to be called every minute. */
export function explainClock(): void {
  console.log('Nothing to do: the server starts what schedules say by its own clock.');
}
