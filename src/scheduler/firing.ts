// Runs of schedules: at their slots, and when a person wants one. Invariant: schedules are moved on, their
// runs are queued and what became of their slots is remembered in one transaction, so that a slot is settled
// by one server or not at all; whoever finds it held or moved on leaves it alone.
import { asPlatformError, PlatformError } from '../core/errors.ts';
import type { Observe } from '../core/observe.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import type { DueSchedule, ManualRun, ScheduleOrder, ScheduleRecord, Timetable } from '../core/schedule.ts';
import type { ServiceRecord, Store } from '../core/store.ts';
import { planSlots, type SlotPlan } from './due-slots.ts';
import { RecordCache } from './record-cache.ts';
import { notesOf, type RunWish, runNote, type SlotNote, standsForItself, type Task } from './slot-notes.ts';

/** Runs on their way to their connections. */
interface Consignment {
  readonly runs: readonly NewQueuedRun[];
  announce(): Promise<void>;
}

/** What running schedules takes. */
export interface FiringParts {
  readonly store: Pick<Store, 'transaction'>;
  readonly timetable: Timetable;
  /** The queued run of a scheduled call. Throws for a record that says of none. */
  readonly runOf: (order: ScheduleOrder) => NewQueuedRun;
  /** Resolves the connections of runs. */
  readonly consign: (runs: readonly NewQueuedRun[]) => Consignment;
  /** A UUID of version 7. */
  readonly newId: () => string;
  readonly observe: Observe;
}

type Inside = Pick<Store, 'generation' | 'queue' | 'schedules' | 'scheduleSlots' | 'services'>;

/** Queues the runs of schedules. */
export class Firing {
  readonly #parts: FiringParts;
  readonly #records = new RecordCache();

  constructor(parts: FiringParts) {
    this.#parts = parts;
  }

  /**
   * Settles slots that have come, and those after them, all or none; tells which ones, the others being held
   * or settled by somebody else. `now` is the time of the database a moment ago.
   */
  async fire(due: readonly DueSchedule[], now: number): Promise<readonly DueSchedule[]> {
    const began = performance.now();
    const { held, tasks, notes, announce } = await this.#parts.store.transaction(async (inside) => {
      const held = await inside.scheduleSlots.hold(due);
      const tasks = held.length === 0 ? [] : await this.#tasks(inside, held, now);
      return { held, tasks, ...(await this.#settle(inside, tasks)) };
    });
    this.#tell(tasks, notes, now + performance.now() - began);
    this.#announce(announce);
    return held;
  }

  /** Moves a schedule on from a slot that could not be settled, and remembers why. */
  async pass(due: DueSchedule, now: number, error: unknown): Promise<void> {
    const { tasks, notes } = await this.#parts.store.transaction(async (inside) => {
      const held = await inside.scheduleSlots.hold([due]);
      const schedule = held.length === 0 ? undefined : await inside.schedules.get(due.id);
      if (schedule === undefined) return { tasks: [], notes: [] };
      const plan = this.#planAnyhow(schedule, due, now);
      const tasks = [
        { schedule, due, plan, wishes: this.#wishes(schedule, plan), runs: asPlatformError(error) },
      ];
      return { tasks, ...(await this.#settle(inside, tasks)) };
    });
    this.#tell(tasks, notes, now);
  }

  /** Queues a run at once, whether or not the schedule is active. */
  async runNow(scheduleId: number): Promise<ManualRun> {
    const { store, newId } = this.#parts;
    const wish: RunWish = { id: newId(), slot: null, cause: 'manual', delayMs: 0 };
    const { standing, announce } = await store.transaction(async (inside) => {
      const schedule = await inside.schedules.get(scheduleId);
      if (schedule === undefined) throw noSchedule(scheduleId);
      const service = await inside.services.get(schedule.serviceId);
      const queued = await this.#queue(inside, this.#runs(schedule, service, [wish]));
      if (standsForItself(queued.standing, wish)) {
        await inside.scheduleSlots.note([runNote(schedule, wish)]);
      }
      return queued;
    });
    if (!standsForItself(standing, wish)) return { outcome: 'busy', id: standing.get(wish.id) ?? '' };
    this.#announce(announce);
    return { outcome: 'queued', id: wish.id };
  }

  async #tasks(inside: Inside, held: readonly DueSchedule[], now: number): Promise<Task[]> {
    const tasks: Task[] = [];
    const records = this.#records.at(await inside.generation());
    for (const due of held) {
      const schedule = await records.schedule(inside, due.id);
      // Nothing is left to be told of one that is gone.
      if (schedule === undefined) await inside.scheduleSlots.forget(due.id);
      else {
        const plan = this.#plan(schedule, due, now);
        const wishes = this.#wishes(schedule, plan);
        const service = await records.service(inside, schedule.serviceId);
        tasks.push({ schedule, due, plan, wishes, runs: this.#runsOrFailure(schedule, service, wishes) });
      }
    }
    return tasks;
  }

  async #settle({ scheduleSlots, queue }: Inside, tasks: readonly Task[]) {
    for (const { due, plan } of tasks) await scheduleSlots.advance(due, plan.next);
    const runs = tasks.flatMap((task) => (task.runs instanceof PlatformError ? [] : task.runs));
    const { standing, announce } = await this.#queue({ queue }, runs);
    const notes = tasks.map((task) => notesOf(task, standing, this.#parts.newId));
    const all = notes.flat();
    await scheduleSlots.note(all.map(({ answer: _answer, ...note }) => note));
    for (const { id, answer } of all) if (answer !== undefined) await scheduleSlots.answered(id, answer);
    return { notes, announce };
  }

  /** `standing` tells for each run which one stands for it. */
  async #queue({ queue }: Pick<Store, 'queue'>, wanted: readonly NewQueuedRun[]) {
    const { runs, announce } = this.#parts.consign(wanted);
    const ids = await queue.push(runs);
    return { standing: new Map(runs.map(({ id }, at) => [id, ids[at] ?? id])), announce };
  }

  #wishes({ jitterSeconds }: ScheduleRecord, { run }: SlotPlan): RunWish[] {
    const { newId } = this.#parts;
    const delay = () => Math.floor(Math.random() * jitterSeconds * 1_000);
    return run.map((slot) => ({ ...slot, id: newId(), delayMs: delay() }));
  }

  #runs(schedule: ScheduleRecord, service: ServiceRecord | undefined, wishes: readonly RunWish[]) {
    const { name } = usable(schedule, service);
    return wishes.map(({ id, slot, delayMs }) => {
      return this.#parts.runOf({ schedule, service: name, id, slot, delayMs });
    });
  }

  #runsOrFailure(
    schedule: ScheduleRecord,
    service: ServiceRecord | undefined,
    wishes: readonly RunWish[],
  ): Task['runs'] {
    try {
      return this.#runs(schedule, service, wishes);
    } catch (error) {
      return asPlatformError(error);
    }
  }

  // One that was paused at this moment has no slot that could have come.
  #plan(schedule: ScheduleRecord, { slot }: DueSchedule, now: number): SlotPlan {
    if (!schedule.isActive) return { run: [], passed: undefined, next: null };
    return planSlots(this.#parts.timetable, { schedule, slot, now });
  }

  // Where nobody can tell when it comes, it comes no more until somebody writes it anew.
  #planAnyhow(schedule: ScheduleRecord, due: DueSchedule, now: number): SlotPlan {
    try {
      return this.#plan(schedule, due, now);
    } catch {
      return { run: [{ slot: due.slot, cause: 'slot' }], passed: undefined, next: null };
    }
  }

  #tell(tasks: readonly Task[], notes: readonly (readonly SlotNote[])[], now: number): void {
    const { observe } = this.#parts;
    for (const [at, { schedule }] of tasks.entries()) {
      for (const { id, slot, skipped, slots } of notes[at] ?? []) {
        const told = { schedule: schedule.name, slot: slot ?? now };
        if (skipped !== null) observe({ kind: 'schedule.skipped', ...told, reason: skipped, slots });
        else observe({ kind: 'schedule.fired', ...told, lateMs: Math.round(now - told.slot), run: id });
      }
    }
  }

  // Nobody waits: some connections perform runs before they are back, and all find what they were not told.
  #announce(announce: () => Promise<void>): void {
    announce().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.observe({ kind: 'service.failed', service: 'queue', reason });
    });
  }
}

function usable({ name, serviceId }: ScheduleRecord, service: ServiceRecord | undefined): ServiceRecord {
  if (service === undefined) {
    const message = `The service ${serviceId} of the schedule '${name}' is gone; give it another one.`;
    throw new PlatformError('service.not_found', message);
  }
  if (service.isActive) return service;
  const message = `The service '${service.name}' of the schedule '${name}' is not active.`;
  throw new PlatformError('service.inactive', message);
}

function noSchedule(id: number): PlatformError {
  return new PlatformError('request.not_found', `There is no schedule ${id}.`);
}
