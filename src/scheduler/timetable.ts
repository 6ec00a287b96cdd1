// Works out when schedules come. Invariant: a moment depends on what the schedule says and on the moment it
// is asked from, never on the clock or the time zone of this machine.
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Timetable, Timing } from '../core/schedule.ts';
import { CronSlots } from './cron-slots.ts';
import { similarZone, Zone } from './zones.ts';

const minuteMs = 60_000;

/** Reads cron expressions, and counts minutes. */
export class CronTimetable implements Timetable {
  readonly #zones = new LRUCache<string, Zone>({ max: limits.scheduleExpressions });
  readonly #expressions = new LRUCache<string, CronSlots>({ max: limits.scheduleExpressions });

  check(timing: Timing): void {
    this.#zone(timing);
    if (timing.cron === null) checkFrequency(timing);
    else if (this.#cron(timing, timing.cron).next(0) === undefined) {
      throw refusal('cron', `is for a day that never comes: '${timing.cron}'`);
    }
  }

  next(timing: Timing, after: number, count: number): number[] {
    const moments: number[] = [];
    const step = this.#step(timing);
    for (let at = step(after); at !== undefined && moments.length < count; at = step(at)) moments.push(at);
    return moments;
  }

  #step(timing: Timing): (after: number) => number | undefined {
    if (timing.cron !== null) {
      const cron = this.#cron(timing, timing.cron);
      return (after) => cron.next(after);
    }
    checkFrequency(timing);
    const period = timing.frequency * minuteMs;
    return (after) => (Math.floor(after / period) + 1) * period;
  }

  #cron(timing: Timing, expression: string): CronSlots {
    const key = `${timing.timeZone} ${expression}`;
    const known = this.#expressions.get(key);
    if (known !== undefined) return known;
    const cron = readCron(expression, this.#zone(timing));
    this.#expressions.set(key, cron);
    return cron;
  }

  #zone({ timeZone }: Timing): Zone {
    const known = this.#zones.get(timeZone);
    if (known !== undefined) return known;
    const zone = readZone(timeZone);
    this.#zones.set(timeZone, zone);
    return zone;
  }
}

function readCron(expression: string, zone: Zone): CronSlots {
  const { scheduleCronChars: most } = limits;
  if (expression.length > most) throw refusal('cron', `must have at most ${most} characters`);
  try {
    return new CronSlots(expression, zone);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    throw refusal(
      'cron',
      `is no cron expression: ${why.replace(/\.$/, '')}. It is 'minute hour day month weekday', perhaps ` +
        "with seconds before them, as in '30 2 * * MON-FRI', or a name such as '@daily'",
    );
  }
}

function readZone(name: string): Zone {
  try {
    return new Zone(name);
  } catch {
    const similar = similarZone(name) ?? 'Europe/Berlin';
    const told = name.slice(0, limits.excerpt);
    throw refusal(
      'time_zone',
      `must be the IANA name of a time zone, such as '${similar}'; '${told}' is none`,
    );
  }
}

function checkFrequency({ frequency }: Timing): void {
  const { scheduleFrequency: most } = limits;
  if (Number.isInteger(frequency) && frequency >= 1 && frequency <= most) return;
  throw refusal('frequency', `must be a whole number of minutes from 1 to ${most}, unless there is a 'cron'`);
}

function refusal(field: string, problem: string): PlatformError {
  return new PlatformError('request.invalid_parameter', `Field '${field}' ${problem}.`);
}
