// Moments of schedules as people read them: on the clock of the schedule's zone, and how far they are from
// now. Invariant: a local time is told with its offset from UTC, without which an hour of autumn means two.

/** When a schedule comes, as the API has it. */
export interface TimingView {
  readonly cron: string | null;
  readonly time_zone: string;
  /** Minutes. */
  readonly frequency: number;
}

/** When a schedule comes, in a word or two. */
export function timingText({ cron, time_zone: zone, frequency }: TimingView): string {
  if (cron !== null) return `${cron}  ${zone}`;
  return frequency === 1 ? 'every minute' : `every ${frequency} minutes`;
}

/** Tells moments on the clock of a zone. */
export function clockOf(timeZone: string): (date: Date) => string {
  const form = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
    ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  return (date) => {
    const parts = new Map(form.formatToParts(date).map(({ type, value }) => [type, value]));
    const [year, month, day, hour, minute, second] = partNames.map((name) => parts.get(name) ?? '');
    // It is 'GMT' alone in UTC.
    const offset = (parts.get('timeZoneName') ?? '').slice('GMT'.length) || '+00:00';
    return `${year}-${month}-${day} ${hour}:${minute}:${second} ${offset}`;
  };
}

const partNames = ['year', 'month', 'day', 'hour', 'minute', 'second'] as const;

/** A moment in UTC, to the second. */
export function utcText(date: Date): string {
  return date.toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replace('T', ' ');
}

const units = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const;

/** How long something takes or took, in the largest unit of which there are two at least. */
export function spanText(ms: number): string {
  const unit = units.find((each) => ms >= 2 * each.ms) ?? units[units.length - 1];
  return unit === undefined ? '' : `${Math.floor(ms / unit.ms)} ${unit.name}`;
}

/** How far a moment is from another: `in 3 min`, `3 min ago`. */
export function distanceText(date: Date, now: Date): string {
  const ms = date.getTime() - now.getTime();
  return ms < 0 ? `${spanText(-ms)} ago` : `in ${spanText(ms)}`;
}
