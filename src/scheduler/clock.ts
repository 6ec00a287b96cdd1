// The clock of schedules: sleeps until the next slot comes, then has it settled. Invariants: when a slot has
// come is told by the clock of the database, how long to sleep by one that nobody sets, so that a server
// whose own time is wrong is as punctual as others; a schedule that cannot be settled, or that another server
// holds, keeps none of the others waiting.
import { Bell } from '../core/bell.ts';
import { asPlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { DueSchedule } from '../core/schedule.ts';
import type { Store } from '../core/store.ts';
import type { Firing } from './firing.ts';
import { Troubles } from './troubles.ts';

/** What a clock is made with. */
export interface ScheduleClockOptions {
  readonly store: Pick<Store, 'scheduleSlots'>;
  readonly firing: Pick<Firing, 'fire' | 'pass'>;
  readonly observe: Observe;
}

const dayMs = 86_400_000;

/** Has the slots of schedules settled when they come; any number of servers may have one. */
export class ScheduleClock {
  readonly #options: ScheduleClockOptions;
  readonly #troubles: Troubles;
  readonly #bell = new Bell();
  /** Schedules that are being settled. */
  readonly #underWay = new Map<number, Promise<void>>();
  #isStopping = false;
  #loop: Promise<void> = Promise.resolve();
  #trimming: Promise<void> = Promise.resolve();
  #nextTrim = 0;

  constructor(options: ScheduleClockOptions) {
    this.#options = options;
    this.#troubles = new Troubles(options.observe);
  }

  /** Begins, and goes on until it is stopped. */
  start(): void {
    // Not all servers at the same moment.
    this.#nextTrim = performance.now() + Math.random() * limits.scheduleTrimMs;
    this.#loop = this.#run();
  }

  /** Looks at once: a schedule may come earlier than it was thought. */
  wake(): void {
    this.#bell.ring();
  }

  /** Begins nothing any more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#bell.ring();
    await this.#loop;
    await Promise.all([this.#trimming, ...this.#underWay.values()]);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const rest = await this.#lookOrWait();
      if (rest > 0 && !this.#isStopping) await this.#bell.wait(rest);
    }
  }

  async #lookOrWait(): Promise<number> {
    try {
      const rest = await this.#look();
      this.#troubles.succeeded('looking');
      return rest;
    } catch (error) {
      this.#troubles.failed('looking', error);
      return this.#troubles.pauseOf('looking');
    }
  }

  /** Settles what has come; tells for how long to sleep then. */
  async #look(): Promise<number> {
    this.#trimSometimes();
    const { scheduleSlots } = this.#options.store;
    const inMs = await scheduleSlots.nextDue();
    if (inMs !== 0) {
      this.#forgetAllBut([]);
      return restOf(inMs);
    }
    const kept = this.#underWay.size + this.#troubles.schedules.length;
    const { now, schedules } = await scheduleSlots.due(limits.scheduleRows + kept);
    this.#forgetAllBut(schedules);
    const free = schedules.filter(({ id }) => !this.#underWay.has(id) && this.#troubles.pauseOf(id) === 0);
    if (free.length === 0) return this.#restBeside(schedules, now);
    await this.#settleAll(free, now);
    return 0;
  }

  // Some at a time, in no order: servers that look at the same moment mostly begin with others.
  async #settleAll(due: readonly DueSchedule[], now: number): Promise<void> {
    const looked = performance.now();
    const waiting = shuffled(due);
    const settleOn = async () => {
      for (let next = waiting.pop(); next !== undefined && !this.#isStopping; next = waiting.pop()) {
        await this.#settle(next, now + performance.now() - looked);
      }
    };
    await Promise.all(Array.from({ length: limits.scheduleAtOnce }, settleOn));
  }

  // A server that stands still in the middle holds its schedules for a while; the others need not wait.
  async #settle(due: DueSchedule, now: number): Promise<void> {
    const settling = this.#settleOrNote(due, now).finally(() => this.#underWay.delete(due.id));
    this.#underWay.set(due.id, settling);
    let timer: NodeJS.Timeout | undefined;
    const isSlow = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limits.scheduleSlowMs);
    });
    await Promise.race([settling, isSlow]);
    clearTimeout(timer);
  }

  async #settleOrNote(due: DueSchedule, now: number): Promise<void> {
    try {
      await this.#options.firing.fire(due, now);
      this.#troubles.succeeded(due.id);
    } catch (error) {
      const failures = this.#troubles.failed(due.id, error);
      // A store that is away says nothing about the schedule.
      const isAway = asPlatformError(error).status === 503;
      if (failures >= limits.scheduleTries && !isAway) await this.#pass(due, now, error);
    }
  }

  async #pass(due: DueSchedule, now: number, error: unknown): Promise<void> {
    try {
      await this.#options.firing.pass(due, now, error);
      this.#troubles.succeeded(due.id);
    } catch {
      // It is still due, and found again after a pause.
    }
  }

  // What is not due any more was settled by somebody else.
  #forgetAllBut(due: readonly DueSchedule[]): void {
    if (this.#troubles.schedules.length === 0) return;
    const ids = new Set(due.map(({ id }) => id));
    for (const id of this.#troubles.schedules) if (!ids.has(id)) this.#troubles.succeeded(id);
  }

  /** Until one comes that is not among those that have come and are left alone, or one of these is not. */
  async #restBeside(due: readonly DueSchedule[], now: number): Promise<number> {
    const ids = new Set(due.map(({ id }) => id));
    let rest = limits.scheduleLookMs;
    for (const { id } of due) if (!this.#underWay.has(id)) rest = Math.min(rest, this.#troubles.pauseOf(id));
    for (const [id, slot] of await this.#options.store.scheduleSlots.next()) {
      if (!ids.has(id)) rest = Math.min(rest, slot - now);
    }
    return restOf(rest);
  }

  #trimSometimes(): void {
    if (performance.now() < this.#nextTrim) return;
    this.#nextTrim = performance.now() + limits.scheduleTrimMs;
    this.#trimming = this.#trim();
  }

  async #trim(): Promise<void> {
    const { scheduleSlots } = this.#options.store;
    const { scheduleRunDays, scheduleRunCount: keep, queuePartRows: atOnce } = limits;
    try {
      const bounds = { olderThanMs: scheduleRunDays * dayMs, keep, atOnce };
      while (!this.#isStopping && (await scheduleSlots.trim(bounds)) > 0);
      this.#troubles.succeeded('trimming');
    } catch (error) {
      this.#troubles.failed('trimming', error);
    }
  }
}

function restOf(inMs = limits.scheduleLookMs): number {
  return Math.max(limits.scheduleLeastMs, Math.min(limits.scheduleLookMs, inMs));
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
