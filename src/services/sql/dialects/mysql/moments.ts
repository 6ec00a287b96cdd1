// Times of MySQL and MariaDB, which are spans of up to 838 hours, and fractions of seconds.
// Invariant: a fraction beyond what the column keeps is left out here, because MySQL would round it up to the
// next second and MariaDB would not.

// sign, hours, minutes, seconds, fraction
const span = /^([+-]?)(\d{2,3}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?$/;

/** `[-]HH:MM:SS[.f]` within 838:59:59, or undefined. */
export function readSpan(value: unknown, precision: number): string | undefined {
  const match = typeof value === 'string' ? span.exec(value) : null;
  if (match === null) return undefined;
  const [, sign = '', hours = '', minutes = '', seconds = '00', fraction = ''] = match;
  if (Number(hours) > 838 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const isLast = Number(hours) === 838 && minutes === '59' && seconds === '59';
  if (isLast && /[1-9]/.test(fraction)) return undefined;
  const text = cutFraction(`${hours.replace(/^0(?=\d\d)/, '')}:${minutes}:${seconds}${fraction}`, precision);
  return sign === '-' && /[1-9]/.test(text) ? `-${text}` : text;
}

/** Without digits of the fraction that the column would not keep. */
export function cutFraction(text: string, precision: number): string {
  const point = text.indexOf('.');
  if (point < 0) return text;
  return precision === 0 ? text.slice(0, point) : text.slice(0, point + 1 + precision);
}

/** `09:30:00.500000` → `09:30:00.5`. */
export function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
