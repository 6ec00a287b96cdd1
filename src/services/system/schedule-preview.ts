// When a schedule comes, told ahead: of one that is stored, or of one that somebody is about to write.
// Invariant: moments are told in UTC, and on the clock of the schedule's zone with its offset.
import type { Timetable, Timing } from '../../core/schedule.ts';
import type { Row } from './selection.ts';

/** Which moments are told. */
export interface Preview {
  readonly timing: Timing;
  /** Milliseconds since 1970. */
  readonly after: number;
  readonly count: number;
}

/** The next moments of a timing. Throws `request.invalid_parameter` for one that cannot be read. */
export function previewOf(timetable: Timetable, { timing, after, count }: Preview): Row {
  timetable.check(timing);
  const moments = timetable.next(timing, after, count);
  // Minutes are counted in UTC, whatever the zone.
  const zone = timing.cron === null ? 'UTC' : timing.timeZone;
  const local = localClock(zone);
  return {
    resource: moments.map((moment) => new Date(moment).toISOString()),
    local: moments.map((moment) => local(new Date(moment))),
    time_zone: zone,
  };
}

function localClock(timeZone: string): (date: Date) => string {
  const form = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
    ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  return (date) => {
    const parts = new Map(form.formatToParts(date).map(({ type, value }) => [type, value]));
    const [year, month, day, hour, minute, second] = partNames.map((name) => parts.get(name) ?? '');
    // `GMT+01:00`, and `GMT` alone in UTC.
    const offset = parts.get('timeZoneName')?.slice('GMT'.length) || '+00:00';
    return `${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`;
  };
}

const partNames = ['year', 'month', 'day', 'hour', 'minute', 'second'] as const;
