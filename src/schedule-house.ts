// Everything that has to do with schedules: when they come, who lets them, and what they ask for.
// Invariant: what a schedule sets off is an ordinary queued run.
import type { Observe } from './core/observe.ts';
import type { RunQueue } from './core/queue.ts';
import type { ScheduleDesk } from './core/schedule.ts';
import type { Store } from './core/store.ts';
import type { QueueConnections } from './queues/connections.ts';
import { ScheduleClock } from './scheduler/clock.ts';
import { Firing } from './scheduler/firing.ts';
import { CronTimetable } from './scheduler/timetable.ts';
import { newRunId } from './scripts/run-record.ts';
import { scheduledRun } from './scripts/scheduled-call.ts';

/** What schedules take. */
export interface ScheduleHouseParts {
  readonly store: Store;
  readonly connections: Pick<QueueConnections, 'consign'> & Pick<RunQueue, 'check'>;
  readonly observe: Observe;
}

/** Where schedules are at home. */
export class ScheduleHouse {
  /** For those who administer schedules. */
  readonly desk: ScheduleDesk;
  readonly #clock: ScheduleClock;
  #isStarted = false;

  constructor({ store, connections, observe }: ScheduleHouseParts) {
    const timetable = new CronTimetable();
    const firing = new Firing({
      ...{ store, timetable, observe, runOf: scheduledRun, newId: newRunId },
      consign: (runs) => connections.consign(runs),
    });
    this.desk = { timetable, runNow: (id) => firing.runNow(id) };
    this.#clock = new ScheduleClock({ store, firing, observe });
  }

  /** Lets schedules come from now on; for servers, not for commands that look. */
  start(): void {
    this.#isStarted = true;
    this.#clock.start();
  }

  /** Schedules may have changed. */
  wake(): void {
    if (this.#isStarted) this.#clock.wake();
  }

  /** Lets none come any more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    if (this.#isStarted) await this.#clock.stop();
  }
}
