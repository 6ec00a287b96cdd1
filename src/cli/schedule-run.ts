// `tenon schedule run`: starts a schedule now and, where that is wanted, waits for what comes of it.
// Invariant: exit code 0 says that the run was queued or, waited for, that its call went well.
import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../core/limits.ts';
import { RefusedError } from './client.ts';
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
    const path = ['scheduler', String(schedule.id)];
    const isWaiting = options.wait === true;
    const id = await queued(door, [...path, 'run'], isWaiting);
    if (isWaiting) return tellEnd(await ended(door, [...path, 'runs', id]), options);
    if (options.json === true) return console.log(JSON.stringify({ id }, undefined, 2));
    console.log(`${schedule.name} is queued as ${id}.`);
  });
}

// Whoever waits anyhow waits for the run before, too, where the schedule skips what comes meanwhile.
async function queued(door: SystemDoor, path: readonly string[], isWaiting: boolean): Promise<string> {
  for (let isTold = false; ; isTold = true) {
    try {
      return ((await door.ask({ action: 'POST', path })) as { id: string }).id;
    } catch (error) {
      if (!(error instanceof RefusedError && error.status === 409 && isWaiting)) throw error;
      if (!isTold) console.error('The run before is not over; waiting for it.');
    }
    await pause(limits.schedulePollMs);
  }
}

function tellEnd(run: ScheduleRunView, { json }: ScheduleRunOptions): void {
  console.log(json === true ? JSON.stringify(run, undefined, 2) : endText(run));
  if (run.state !== 'done' || (run.status_code ?? 0) >= 400) process.exitCode = 1;
}

async function ended(door: SystemDoor, path: readonly string[]): Promise<ScheduleRunView> {
  const since = Date.now();
  for (let isTold = false; ; ) {
    const run = (await door.ask({ path })) as ScheduleRunView;
    if (endedStates.includes(run.state)) return run;
    if (!isTold && Date.now() - since > limits.scheduleWaitMs) {
      console.error(`The run is ${run.state}; waiting for it. Ctrl-C leaves it as it is.`);
      isTold = true;
    }
    await pause(limits.schedulePollMs);
  }
}

function endText(run: ScheduleRunView): string {
  const { duration_ms: ms, reason, content } = run;
  const head = `${resultText(run)}${ms === null ? '' : ` after ${ms.toLocaleString('en')} ms`}`;
  const said = content === null || content === '' ? reason : content;
  return said === null ? head : `${head}\n${said}`;
}
