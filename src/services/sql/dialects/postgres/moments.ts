// Dates and times as PostgreSQL has them beyond the common forms: years of more than four digits and before
// Christ, infinity, times with a zone. Invariant: what is answered is taken again and means the same.
import { readDate, readDateTime, readTime } from '../../values/moments.ts';

/** The wire text of a moment for one of PostgreSQL's types; undefined for what is none. */
export function readMoment(type: string, value: unknown): string | undefined {
  switch (type) {
    case 'date':
      return readDate(value) ?? endless(value) ?? farDate(value);
    case 'time':
      return readTime(value) ?? midnight(value);
    case 'timetz':
      return zonedTime(value);
    default:
      return readDateTime(value) ?? endless(value) ?? farMoment(value);
  }
}

/** How a moment in time is answered: ISO 8601 in UTC, to the microsecond. */
export function writeMoment(stored: string): string {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)\+00( BC)?$/.exec(stored);
  if (match === null) return stored;
  const [, day, time, era = ''] = match;
  return `${day}T${time}Z${era}`;
}

const farPattern = /^(\d{4,7})-(\d\d)-(\d\d)(?:[T ](\d\S*))?( BC)?$/;

function endless(value: unknown): string | undefined {
  return value === 'infinity' || value === '-infinity' ? value : undefined;
}

// The last moment of a day.
function midnight(value: unknown): string | undefined {
  return value === '24:00:00' ? value : undefined;
}

function farDate(value: unknown): string | undefined {
  const match = typeof value === 'string' ? farPattern.exec(value) : null;
  return match !== null && match[4] === undefined && isDay(match) ? match[0] : undefined;
}

// What has no zone is UTC, which is the zone of our sessions.
function farMoment(value: unknown): string | undefined {
  const match = typeof value === 'string' ? farPattern.exec(value) : null;
  if (match === null || !isDay(match)) return undefined;
  const [, year, month, day, time = '00:00:00', era = ''] = match;
  const clock = zonedTime(time.endsWith('Z') ? `${time.slice(0, -1)}+00` : time) ?? midnight(time);
  return clock === undefined ? undefined : `${year}-${month}-${day} ${clock}${era}`;
}

function isDay([, year, month, day, , era]: RegExpExecArray): boolean {
  const number = Number(year);
  // Leap years come every 400 years alike; the year 1 BC is the year 0.
  const same = 2000 + ((era === undefined ? number : 1 - number) % 400);
  return number > 0 && readDate(`${same}-${month}-${day}`) !== undefined;
}

function zonedTime(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const match = /^(.+?)\s?(Z|[+-]\d\d(?::?\d\d(?::\d\d)?)?)?$/i.exec(value);
  const clock = readTime(match?.[1]) ?? midnight(match?.[1]);
  if (clock === undefined) return undefined;
  const zone = match?.[2] ?? '+00';
  const offset = /^z$/i.test(zone) ? '+00' : zone;
  return Number(offset.slice(1, 3)) > 15 ? undefined : `${clock}${offset}`;
}
