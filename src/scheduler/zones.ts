// What clocks on walls show, zone by zone. Invariant: the offset of a zone is constant within a stretch, and
// stretches follow each other without a hole; what the table of zones says is asked of Intl alone.
import { LRUCache } from 'lru-cache';
import { limits } from '../core/limits.ts';

const dayMs = 86_400_000;
const partDays = 16;

/** A time within which a zone keeps its offset; the next one may have the same. */
export interface Stretch {
  /** Where the next one begins. */
  readonly until: number;
  /** What its clocks are ahead of UTC, in milliseconds. */
  readonly offset: number;
}

/** A time zone. Throws a `RangeError` for a name that is none. */
export class Zone {
  readonly #format: Intl.DateTimeFormat;
  readonly #parts = new LRUCache<number, readonly Stretch[]>({ max: limits.scheduleZoneParts });

  constructor(name: string) {
    // An offset such as +02:00 is no zone: it would be wrong for half of the year, and nobody would notice.
    if (!/^[a-z]/i.test(name)) throw new RangeError(`'${name}' is no name of a time zone`);
    const field = 'numeric';
    this.#format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone: name, hourCycle: 'h23', calendar: 'gregory', numberingSystem: 'latn' },
      ...{ year: field, month: field, day: field, hour: field, minute: field, second: field },
    });
  }

  /** The stretch that a moment is in. */
  stretch(at: number): Stretch {
    const number = Math.floor(at / (partDays * dayMs));
    let part = this.#parts.get(number);
    if (part === undefined) {
      part = this.#read(number * partDays * dayMs);
      this.#parts.set(number, part);
    }
    // The last one reaches to the end of the part.
    return part.find(({ until }) => until > at) as Stretch;
  }

  #read(from: number): Stretch[] {
    const stretches: Stretch[] = [];
    let offset = this.#ask(from);
    for (let day = 1; day <= partDays; day++) {
      const at = from + day * dayMs;
      const then = this.#ask(at);
      if (then !== offset) stretches.push({ until: this.#change(at, offset), offset });
      offset = then;
    }
    stretches.push({ until: from + partDays * dayMs, offset });
    return stretches;
  }

  // The second at which the offset changes that the zone has had until within a day before.
  #change(before: number, offset: number): number {
    let [same, other] = [before - dayMs, before];
    while (other - same > 1_000) {
      const middle = Math.floor((same + other) / 2_000) * 1_000;
      if (this.#ask(middle) === offset) same = middle;
      else other = middle;
    }
    return other;
  }

  #ask(at: number): number {
    const shown = (this.#format.format(at).match(/\d+/g) ?? []).map(Number);
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = shown;
    return Date.UTC(year, month - 1, day, hour, minute, second) - at;
  }
}

/** A name that somebody may have meant who wrote one that is none: that of its city. */
export function similarZone(name: string): string | undefined {
  const city = name.trim().replaceAll(' ', '_').split('/').at(-1)?.toLowerCase();
  return Intl.supportedValuesOf('timeZone').find((zone) => zone.toLowerCase().split('/').at(-1) === city);
}
