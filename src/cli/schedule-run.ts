// `tenon schedule run`: starts a schedule now and, where that is wanted, waits for what comes of it.
// Invariant: exit code 0 says that the run was queued or, waited for, that its call was answered with success.
import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../core/limits.ts';
import { found, type ScheduleOptions } from './schedule.ts';
import { endedStates, resultText, type ScheduleRunView } from './schedule-text.ts';
import { type SystemDoor, throughDoor } from './system-door.ts';

/** Options of `schedule run`. */
export interface ScheduleRunOptions extends ScheduleOptions {
  readonly wait?: boolean;
}

/** Queues a run of a schedule, active or not. */
export function runSchedule(name: string, options: ScheduleRunOptions): Promise<void> {
  return throughDoor(options, async (door) => {
    const schedule = await found(door, name);
    const path = ['scheduler', String(schedule.id), 'run'];
    const { id } = (await door.ask({ action: 'POST', path })) as { id: string };
    if (options.wait === true)
      return waitFor(door, { id, path: ['scheduler', String(schedule.id), 'runs'] }, options);
    if (options.json === true) return console.log(JSON.stringify({ id }, undefined, 2));
    console.log(`${schedule.name} is queued as ${id}.`);
  });
}

interface Waiting {
  readonly id: string;
  readonly path: readonly string[];
}

async function waitFor(door: SystemDoor, waiting: Waiting, options: ScheduleRunOptions): Promise<void> {
  const run = await ended(door, waiting);
  console.log(options.json === true ? JSON.stringify(run, undefined, 2) : endText(run));
  if (run.state !== 'done' || (run.status_code ?? 0) >= 400) process.exitCode = 1;
}

async function ended(door: SystemDoor, { id, path }: Waiting): Promise<ScheduleRunView> {
  let isTold = false;
  const since = Date.now();
  for (;;) {
    const answer = await door.ask({ path: [...path, id] });
    const run = answer as ScheduleRunView;
    if (endedStates.includes(run.state)) return run;
    const isLong = Date.now() - since > limits.scheduleLookMs;
    if (isLong && !isTold)
      console.error(`The run is ${run.state}; waiting for it. Ctrl-C leaves it as it is.`);
    isTold ||= isLong;
    await pause(limits.schedulePollMs);
  }
}

function endText(run: ScheduleRunView): string {
  const { duration_ms: ms, reason, content } = run;
  const head = `${resultText(run)}${ms === null ? '' : ` after ${ms.toLocaleString('en')} ms`}`;
  const said = content === null || content === '' ? reason : content;
  return said === null ? head : `${head}\n${said}`;
}
