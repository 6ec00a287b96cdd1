// Dates and times as text. The stored forms sort as they mean: `YYYY-MM-DD`, `HH:MM:SS[.f]`, `YYYY-MM-DD
// HH:MM:SS[.f]`. Invariant: a date and time with a zone is stored as UTC; one without a zone is stored as it
// was given.

const minutesOfDay = 1_440;

/** `YYYY-MM-DD` of a real calendar day, or undefined. */
export function readDate(value: unknown): string | undefined {
  const match = typeof value === 'string' ? /^(\d{4})-(\d{2})-(\d{2})$/.exec(value) : null;
  return match !== null && isDay(match) ? match[0] : undefined;
}

/** `HH:MM:SS`, with the fraction as given; seconds may be left out. Undefined for anything else. */
export function readTime(value: unknown): string | undefined {
  const match = typeof value === 'string' ? timePattern.exec(value) : null;
  return match === null || match[5] !== undefined ? undefined : clock(match);
}

/**
 * `YYYY-MM-DD HH:MM:SS`, with the fraction as given, of an ISO 8601 text with `T` or a space; or
 * undefined.
 */
export function readDateTime(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const day = readDate(value.slice(0, 10));
  if (day === undefined) return undefined;
  if (value.length === 10) return `${day} 00:00:00`;
  const match = /^[T ]/i.test(value.slice(10, 11)) ? timePattern.exec(value.slice(11)) : null;
  const time = match === null ? undefined : clock(match);
  if (match === null || time === undefined) return undefined;
  const shift = offsetMinutes(match);
  if (shift === undefined) return undefined;
  return shift === 0 ? `${day} ${time}` : shifted({ day, time, shift });
}

// hour, minute, second, fraction, zone, sign, zone hours, zone minutes
const timePattern = /^(\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?\s?(Z|([+-])(\d{2}):?(\d{2})?)?$/i;

function isDay(match: RegExpExecArray): boolean {
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31);
}

function clock(match: RegExpExecArray): string | undefined {
  const [, hour = '', minute = '', second = '00', fraction = ''] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  return `${hour}:${minute}:${second}${fraction}`;
}

function offsetMinutes(match: RegExpExecArray): number | undefined {
  const [, , , , , zone, sign, hours = '0', minutes = '0'] = match;
  if (zone === undefined || sign === undefined) return 0;
  if (Number(hours) > 15 || Number(minutes) > 59) return undefined;
  const offset = Number(hours) * 60 + Number(minutes);
  return sign === '-' ? -offset : offset;
}

// Offsets are whole minutes, so seconds and fraction keep their text; years 0 and 10000 are refused.
function shifted(moment: { day: string; time: string; shift: number }): string | undefined {
  const { day, time, shift } = moment;
  const minutes = Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5)) - shift;
  const utc = new Date(`${day}T00:00:00Z`);
  utc.setUTCDate(utc.getUTCDate() + Math.floor(minutes / minutesOfDay));
  const inDay = ((minutes % minutesOfDay) + minutesOfDay) % minutesOfDay;
  const date = readDate(utc.toISOString().slice(0, 10));
  if (date === undefined) return undefined;
  const two = (number: number) => String(number).padStart(2, '0');
  return `${date} ${two(Math.floor(inDay / 60))}:${two(inDay % 60)}${time.slice(5)}`;
}
