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
  /** Looks in a row that found only what others hold. */
  #vainLooks = 0;
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
    await this.#trimming;
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
    const { now, schedules } = await scheduleSlots.due(limits.scheduleRows + this.#troubles.schedules.length);
    this.#forgetAllBut(schedules);
    const free = schedules.filter(({ id }) => this.#troubles.pauseOf(id) === 0);
    const settled = await this.#settleAll(free, now);
    this.#vainLooks = settled === 0 && free.length > 0 ? this.#vainLooks + 1 : 0;
    return settled > 0 ? 0 : this.#restBeside(schedules, now);
  }

  // In no order: servers that look at the same moment mostly begin with others.
  async #settleAll(due: readonly DueSchedule[], now: number): Promise<number> {
    const looked = performance.now();
    const waiting = shuffled(due);
    let settled = 0;
    const settleOn = async () => {
      while (waiting.length > 0 && !this.#isStopping) {
        const part = waiting.splice(0, limits.schedulePartRows);
        settled += await this.#settle(part, now + performance.now() - looked);
      }
    };
    await Promise.all(Array.from({ length: limits.scheduleAtOnce }, settleOn));
    return settled;
  }

  /** Tells how many it settled. One that cannot be settled is found by settling each by itself. */
  async #settle(part: readonly DueSchedule[], now: number): Promise<number> {
    try {
      const settled = await this.#options.firing.fire(part, now);
      for (const { id } of settled) this.#troubles.succeeded(id);
      return settled.length;
    } catch (error) {
      const [due] = part;
      if (due === undefined || isAway(error)) throw error;
      if (part.length === 1) return this.#failed(due, now, error);
      let settled = 0;
      for (const each of part) settled += await this.#settle([each], now);
      return settled;
    }
  }

  async #failed(due: DueSchedule, now: number, error: unknown): Promise<number> {
    if (this.#troubles.failed(due.id, error) < limits.scheduleTries) return 0;
    await this.#options.firing.pass(due, now, error);
    this.#troubles.succeeded(due.id);
    return 1;
  }

  // What is not due any more was settled by somebody else.
  #forgetAllBut(due: readonly DueSchedule[]): void {
    if (this.#troubles.schedules.length === 0) return;
    const ids = new Set(due.map(({ id }) => id));
    for (const id of this.#troubles.schedules) if (!ids.has(id)) this.#troubles.succeeded(id);
  }

  /**
   * Until one comes that is not among those that have come and cannot be settled now, or one of these can:
   * one that failed after its pause, one that is held elsewhere after a while, which grows as it stays held.
   */
  async #restBeside(due: readonly DueSchedule[], now: number): Promise<number> {
    const ids = new Set(due.map(({ id }) => id));
    let rest = limits.scheduleLeastMs * 2 ** Math.min(this.#vainLooks, 10);
    for (const id of this.#troubles.schedules) rest = Math.min(rest, this.#troubles.pauseOf(id));
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

// A store that is away says nothing about a schedule.
function isAway(error: unknown): boolean {
  return asPlatformError(error).status === 503;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
