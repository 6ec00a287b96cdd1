// What people read of schedules in a terminal.
import { limits } from '../core/limits.ts';
import { clockOf, distanceText, spanText, type TimingView, timingText, utcText } from './schedule-time.ts';
import { cellText, tableText } from './table.ts';

/** A schedule as the API answers it. */
export interface ScheduleView extends TimingView {
  readonly id: number;
  readonly name: string;
  readonly is_active: boolean;
  readonly verb: string;
  readonly component: string;
  readonly service_id: number;
  readonly next_run_date: string | null;
  readonly last_run_date: string | null;
  readonly last_run_status: number | null;
  readonly service_by_service_id?: { readonly name: string } | null;
  /** Of the latest run that ended, where that failed. */
  readonly task_log_by_task_id?: { readonly created_date: string } | null;
}

/** What became of a slot, as the API answers it. */
export interface ScheduleRunView {
  readonly id: string;
  readonly schedule_id: number;
  /** Null: a person asked for it. */
  readonly slot: string | null;
  readonly cause: string;
  readonly state: string;
  readonly skipped: string | null;
  /** For how many slots it stands. */
  readonly slots: number;
  readonly status_code: number | null;
  readonly content: string | null;
  readonly reason: string | null;
  readonly duration_ms: number | null;
  readonly created_date: string;
}

/** States in which a run does nothing more. */
export const endedStates: readonly string[] = [
  ...['done', 'failed', 'cancelled', 'quarantined'],
  ...['skipped', 'dropped'],
];

/** Schedules, one in a line. */
export function scheduleTable(schedules: readonly ScheduleView[], now: Date): string {
  const rows = schedules.map((schedule) => [
    schedule.name,
    timingText(schedule),
    schedule.is_active ? 'active' : 'paused',
    nextText(schedule, now),
    lastText(schedule, now),
  ]);
  return tableText([['NAME', 'WHEN', 'STATE', 'NEXT RUN', 'LAST RESULT'], ...rows]);
}

function nextText(schedule: ScheduleView, now: Date): string {
  const { next_run_date: next } = schedule;
  if (next === null) return '';
  const date = new Date(next);
  const isLate = now.getTime() - date.getTime() > limits.scheduleLateMs;
  const distance = isLate ? `${spanText(now.getTime() - date.getTime())} late` : distanceText(date, now);
  return `${clockText(schedule, next)} (${distance})`;
}

/** A moment on the clock of a schedule; minutes are counted in UTC. */
export function clockText({ cron, time_zone: zone }: TimingView, moment: string): string {
  return clockOf(cron === null ? 'UTC' : zone)(new Date(moment));
}

function lastText(schedule: ScheduleView, now: Date): string {
  const { last_run_date: date, last_run_status: status, task_log_by_task_id: failure } = schedule;
  if (date === null) return '';
  const open = failure?.created_date === date ? 'failed' : 'not over';
  // The clock of the server may be ahead of ours.
  return `${status ?? open}, ${spanText(Math.max(0, now.getTime() - Date.parse(date)))} ago`;
}

/** How a run ended, or where it is, in a word or two. */
export function resultText({ state, skipped, slots, status_code: status }: ScheduleRunView): string {
  if (skipped !== null) return `skipped (${skipped}${slots > 1 ? `, ${slots} slots` : ''})`;
  if (status === null) return state;
  return state === 'done' ? String(status) : `${state} (${status})`;
}

/** Runs, one in a line; `names` are those of their schedules. */
export function runsTable(runs: readonly ScheduleRunView[], names: ReadonlyMap<number, string>): string {
  const rows = runs.map((run) => [
    utcText(new Date(run.created_date)),
    names.get(run.schedule_id) ?? String(run.schedule_id),
    run.slot === null ? run.cause : `${run.cause} ${utcText(new Date(run.slot))}`,
    resultText(run),
    run.duration_ms === null ? '' : `${run.duration_ms.toLocaleString('en')} ms`,
    cellText(run.reason ?? run.content ?? ''),
  ]);
  const heading = ['AT (UTC)', 'SCHEDULE', 'FOR (UTC)', 'RESULT', 'TOOK', 'ANSWER'];
  return tableText([heading, ...rows], [4]);
}

/** Moments to come, one in a line, in a zone and in UTC. */
export function slotsTable(slots: readonly string[], { zone, now }: { zone: string; now: Date }): string {
  const clock = clockOf(zone);
  const rows = slots.map((slot) => {
    const date = new Date(slot);
    return [clock(date), utcText(date), distanceText(date, now)];
  });
  return tableText([[zone.toUpperCase(), 'UTC', ''], ...rows]);
}

/** Everything of a schedule: its fields, and the runs that are given. */
export function scheduleText(schedule: ScheduleView, runs: readonly ScheduleRunView[]): string {
  const told = Object.entries({
    ...{ name: schedule.name, calls: callText(schedule), when: timingText(schedule) },
    ...schedule,
  }).filter(([name, value]) => value !== null && !isSaid(name));
  const rows = told.map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  const history = runs.length === 0 ? [] : ['', runsTable(runs, new Map([[schedule.id, schedule.name]]))];
  return [tableText(rows), ...history].join('\n');
}

// In other words, above.
function isSaid(name: string): boolean {
  const said = ['cron', 'time_zone', 'frequency', 'verb', 'verb_mask', 'service_id', 'component'];
  return said.includes(name) || name.includes('_by_');
}

/** What a schedule calls. */
export function callText({ verb, component, service_id: id, service_by_service_id: service }: ScheduleView) {
  const path = component.replace(/^\/+/, '');
  return `${verb} ${[service?.name ?? `service ${id}`, path].filter((part) => part !== '').join('/')}`;
}
