// When a cron expression comes in a time zone. croner reads expressions and steps through what clocks on
// walls show, for which it is given a zone without changes; this file says when they show it. Left to itself
// croner loses slots in an hour that is skipped if minutes or hours have a wildcard or a step, or if the gap
// reaches midnight. Invariants: moments only grow; a slot that clocks skip comes once, when they have jumped;
// one that they show twice comes once, the first time, unless it is for every hour or every few minutes.
import { Cron, CronPattern } from 'croner';
import type { Zone } from './zones.ts';

const dayMs = 86_400_000;

/** A cron expression in a time zone. Throws what croner says of one that it cannot read. */
export class CronSlots {
  readonly #cron: Cron;
  readonly #zone: Zone;
  /** Comes in every hour that passes, whatever that is called: a skipped one takes nothing of it away. */
  readonly #isHourly: boolean;
  /** Comes again when clocks are set back. */
  readonly #repeats: boolean;

  constructor(expression: string, zone: Zone) {
    const { pattern, hour } = new CronPattern(expression, undefined, { mode: '5-or-6-parts' });
    this.#cron = new Cron(pattern, { utcOffset: 0, paused: true });
    this.#zone = zone;
    this.#isHourly = hour.every((isMeant) => isMeant === 1);
    const [minutes = '', hours = ''] = pattern.trim().split(/\s+/).slice(-5);
    this.#repeats = this.#isHourly || /[*?/]/.test(minutes + hours);
  }

  /** The next moment after one; undefined: there is none. */
  next(after: number): number | undefined {
    let { until, offset } = this.#zone.stretch(after);
    let wall: number | undefined = after + offset;
    for (;;) {
      wall = this.#nextOnWall(wall);
      if (wall === undefined) return undefined;
      for (let at = wall - offset; at >= until; at = wall - offset) {
        const end = until;
        const before = offset;
        ({ until, offset } = this.#zone.stretch(end));
        if (offset > before && !this.#isHourly && wall < end + offset) return end;
        // Set back, clocks show again what may have been passed over already.
        if (offset !== before) wall = this.#nextOnWall(end + offset - 1);
        if (wall === undefined) return undefined;
      }
      if (this.#repeats || !this.#wasShown(wall - offset, offset)) return wall - offset;
    }
  }

  // Whether clocks showed the same some time before, no more than a day.
  #wasShown(at: number, offset: number): boolean {
    const { offset: before } = this.#zone.stretch(at - dayMs - 1);
    const earlier = at + offset - before;
    return before > offset && this.#zone.stretch(earlier).offset === before;
  }

  // As if it were in UTC.
  #nextOnWall(after: number): number | undefined {
    return this.#cron.nextRun(new Date(Math.floor(after / 1_000) * 1_000))?.getTime();
  }
}
