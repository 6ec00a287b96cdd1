// Runs of schedules: at their slots, and when a person wants one. Invariant: a schedule is moved on, its runs
// are queued and what became of its slots is remembered in one transaction, so that a slot is settled by one
// server or not at all; whoever finds it moved on does nothing.
import { asPlatformError, PlatformError } from '../core/errors.ts';
import type { Observe } from '../core/observe.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import type { DueSchedule, ManualRun, ScheduleOrder, ScheduleRecord, Timetable } from '../core/schedule.ts';
import type { ServiceRecord, Store } from '../core/store.ts';
import { planSlots, type SlotPlan } from './due-slots.ts';
import { overlapNote, passedNote, type RunWish, runNote, type SlotNote, unusableNote } from './slot-notes.ts';

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

/** What was done, to be told of once it is committed. */
interface Settled {
  readonly schedule: ScheduleRecord;
  readonly notes: readonly SlotNote[];
  announce(): Promise<void>;
}

/** A slot that has come, and what is to be done about it. */
interface Task {
  readonly due: DueSchedule;
  readonly plan: SlotPlan;
  /** Why nothing can be run. */
  readonly failure?: PlatformError;
}

type Inside = Pick<Store, 'queue' | 'schedules' | 'scheduleSlots' | 'services'>;

/** Queues the runs of schedules. */
export class Firing {
  readonly #parts: FiringParts;

  constructor(parts: FiringParts) {
    this.#parts = parts;
  }

  /**
   * Settles the slot of a schedule that has come, and those after it; false where somebody else did. `now`
   * is the time of the database a moment ago.
   */
  async fire(due: DueSchedule, now: number): Promise<boolean> {
    const began = performance.now();
    const settled = await this.#parts.store.transaction(async (inside) => {
      const schedule = await inside.schedules.get(due.id);
      if (schedule === undefined) return forget(inside, due.id);
      return this.#settle(inside, schedule, { due, plan: this.#plan(schedule, due, now) });
    });
    if (settled !== undefined) this.#tell(settled, now + performance.now() - began);
    return settled !== undefined;
  }

  /** Moves a schedule on from a slot that could not be settled, and remembers why. */
  async pass(due: DueSchedule, now: number, error: unknown): Promise<void> {
    const failure = asPlatformError(error);
    const settled = await this.#parts.store.transaction(async (inside) => {
      const schedule = await inside.schedules.get(due.id);
      if (schedule === undefined) return forget(inside, due.id);
      return this.#settle(inside, schedule, { due, plan: this.#planAnyhow(schedule, due, now), failure });
    });
    if (settled !== undefined) this.#tell(settled, now);
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
      if (isOwn(queued.standing, wish)) await inside.scheduleSlots.note([runNote(schedule, wish)]);
      return queued;
    });
    if (!isOwn(standing, wish)) return { outcome: 'busy', id: standing.get(wish.id) ?? '' };
    this.#announce(announce);
    return { outcome: 'queued', id: wish.id };
  }

  async #settle(inside: Inside, schedule: ScheduleRecord, task: Task): Promise<Settled | undefined> {
    const { due, plan } = task;
    // From here on others wait for this schedule, and then find it moved on.
    if (!(await inside.scheduleSlots.advance(due, plan.next))) return undefined;
    const { newId } = this.#parts;
    const passed = plan.passed === undefined ? [] : [passedNote(schedule, newId(), plan.passed)];
    const wishes = plan.run.map((run) => ({ ...run, id: newId(), delayMs: jitterOf(schedule) }));
    const { notes, announce } = await this.#run(inside, schedule, { ...task, wishes });
    const all = [...passed, ...notes];
    await inside.scheduleSlots.note(all.map(({ answer: _answer, ...note }) => note));
    for (const { id, answer } of all) {
      if (answer !== undefined) await inside.scheduleSlots.answered(id, answer);
    }
    return { schedule, notes: all, announce };
  }

  async #run(inside: Inside, schedule: ScheduleRecord, task: Task & { readonly wishes: readonly RunWish[] }) {
    const { wishes, failure } = task;
    const runs = failure ?? (await this.#runsOrFailure(inside, schedule, wishes));
    if (runs instanceof PlatformError) {
      return { notes: unusableNote(schedule, wishes, runs), announce: () => Promise.resolve() };
    }
    const { standing, announce } = await this.#queue(inside, runs);
    const notes = wishes.map((wish) => {
      return isOwn(standing, wish) ? runNote(schedule, wish) : overlapNote(schedule, wish);
    });
    return { notes, announce };
  }

  async #runsOrFailure(inside: Inside, schedule: ScheduleRecord, wishes: readonly RunWish[]) {
    if (wishes.length === 0) return [];
    const service = await inside.services.get(schedule.serviceId);
    try {
      return this.#runs(schedule, service, wishes);
    } catch (error) {
      return asPlatformError(error);
    }
  }

  #runs(schedule: ScheduleRecord, service: ServiceRecord | undefined, wishes: readonly RunWish[]) {
    const { name } = usable(schedule, service);
    return wishes.map(({ id, slot, delayMs }) => {
      return this.#parts.runOf({ schedule, service: name, id, slot, delayMs });
    });
  }

  /** `standing` tells for each run which one stands for it. */
  async #queue(inside: Inside, wanted: readonly NewQueuedRun[]) {
    const { runs, announce } = this.#parts.consign(wanted);
    const ids = await inside.queue.push(runs);
    return { standing: new Map(runs.map(({ id }, at) => [id, ids[at] ?? id])), announce };
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

  #tell({ schedule: { name: schedule }, notes, announce }: Settled, now: number): void {
    const { observe } = this.#parts;
    for (const { id, slot, skipped, slots } of notes) {
      if (slot === null) continue;
      if (skipped !== null) observe({ kind: 'schedule.skipped', schedule, slot, reason: skipped, slots });
      else observe({ kind: 'schedule.fired', schedule, slot, lateMs: Math.round(now - slot), run: id });
    }
    this.#announce(announce);
  }

  // Nobody waits: some connections perform runs before they are back, and all find what they were not told.
  #announce(announce: () => Promise<void>): void {
    announce().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.observe({ kind: 'service.failed', service: 'queue', reason });
    });
  }
}

// Nothing is left to be told of.
async function forget({ scheduleSlots }: Inside, id: number): Promise<undefined> {
  await scheduleSlots.forget(id);
  return undefined;
}

// Runs that a connection drops have nothing that stands for them, and are no others.
function isOwn(standing: ReadonlyMap<string, string>, { id }: RunWish): boolean {
  return (standing.get(id) ?? id) === id;
}

function jitterOf({ jitterSeconds }: ScheduleRecord): number {
  return Math.floor(Math.random() * jitterSeconds * 1_000);
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
