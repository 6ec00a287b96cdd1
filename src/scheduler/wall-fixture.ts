// When fixed minutes of fixed hours come, worked out without any of the code under test: by looking at the
// clock on a wall minute by minute, as Intl shows it.

/** A field of an expression, and what it stands for. */
export interface Field {
  readonly text: string;
  readonly values: ReadonlySet<number>;
}

/** What a clock on a wall shows at the minutes of some days, as minutes since 1970. */
export interface Walls {
  readonly zone: string;
  /** The first minute, in UTC. */
  readonly from: number;
  readonly shown: readonly number[];
}

const minuteMs = 60_000;
const dayMinutes = 1_440;

/** The minutes around a day (`2026-03-29`), from two days before until two days after it. */
export function wallsAround(zone: string, day: string): Walls {
  const part = 'numeric';
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: zone, hourCycle: 'h23', year: part, month: part, day: part, hour: part, minute: part },
  });
  const from = Date.parse(`${day}T00:00:00Z`) / minuteMs - 2 * dayMinutes;
  const shown = Array.from({ length: 5 * dayMinutes }, (_, at) => {
    const [date = 0, month = 1, year = 0, hour, minute] = (
      format.format((from + at) * minuteMs).match(/\d+/g) ?? []
    ).map(Number);
    return Date.UTC(year, month - 1, date, hour, minute) / minuteMs;
  });
  return { zone, from, shown };
}

/** Whether clocks are changed in these days. */
export function isChanged({ shown }: Walls): boolean {
  return shown.some((wall, at) => at > 0 && wall !== (shown[at - 1] ?? 0) + 1);
}

/** The moments of the last three of the days at which it comes. */
export function momentsOn({ from, shown }: Walls, minute: Field, hour: Field): number[] {
  const isMeant = (wall: number) => minute.values.has(wall % 60) && hour.values.has(hourOf(wall));
  const isHourly = hour.values.size === 24;
  const isRepeated = isHourly || /[*/]/.test(minute.text + hour.text);
  const seen = new Set<number>();
  return shown.flatMap((wall, at) => {
    const before = shown[at - 1] ?? wall - 1;
    const skipped = Array.from({ length: Math.max(0, wall - before - 1) }, (_, step) => before + 1 + step);
    const isLate = !isHourly && skipped.some(isMeant);
    const comes = (isMeant(wall) && (isRepeated || !seen.has(wall))) || isLate;
    seen.add(wall);
    return comes && at >= 2 * dayMinutes ? [(from + at) * minuteMs] : [];
  });
}

function hourOf(wall: number): number {
  return Math.floor((wall % dayMinutes) / 60);
}
