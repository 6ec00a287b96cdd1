import { describe, expect, test } from 'vitest';
import { clockOf, distanceText, spanText, timingText, utcText } from './schedule-time.ts';

describe('the clock of a zone', () => {
  test('is told with its offset, in winter and in summer', () => {
    const berlin = clockOf('Europe/Berlin');
    expect(berlin(new Date('2026-01-05T01:00:00Z'))).toBe('2026-01-05 02:00:00 +01:00');
    expect(berlin(new Date('2026-07-05T22:30:09.999Z'))).toBe('2026-07-06 00:30:09 +02:00');
  });

  test('tells the two hours of an autumn night apart', () => {
    const berlin = clockOf('Europe/Berlin');
    expect(berlin(new Date('2026-10-25T00:30:00Z'))).toBe('2026-10-25 02:30:00 +02:00');
    expect(berlin(new Date('2026-10-25T01:30:00Z'))).toBe('2026-10-25 02:30:00 +01:00');
  });

  test.each([
    ['UTC', '2026-01-05 00:00:00 +00:00'],
    ['Asia/Kolkata', '2026-01-05 05:30:00 +05:30'],
    ['America/St_Johns', '2026-01-04 20:30:00 -03:30'],
    ['Pacific/Kiritimati', '2026-01-05 14:00:00 +14:00'],
    ['europe/london', '2026-01-05 00:00:00 +00:00'],
  ])('%s', (zone, text) => {
    expect(clockOf(zone)(new Date('2026-01-05T00:00:00Z'))).toBe(text);
  });

  test('in UTC is short', () => {
    expect(utcText(new Date('2026-01-05T23:59:59.999Z'))).toBe('2026-01-05 23:59:59');
  });
});

describe('how long something is', () => {
  test.each([
    [0, '0 s'],
    [1_999, '1 s'],
    [119_999, '119 s'],
    [120_000, '2 min'],
    [7_199_999, '119 min'],
    [7_200_000, '2 h'],
    [172_799_999, '47 h'],
    [172_800_000, '2 d'],
    [40 * 86_400_000, '40 d'],
  ])('%d ms', (ms, text) => {
    expect(spanText(ms)).toBe(text);
  });

  test('and in which direction', () => {
    const now = new Date('2026-01-05T12:00:00Z');
    expect(distanceText(new Date('2026-01-05T12:03:00Z'), now)).toBe('in 3 min');
    expect(distanceText(new Date('2026-01-05T11:57:00Z'), now)).toBe('3 min ago');
    expect(distanceText(now, now)).toBe('in 0 s');
  });
});

test('when a schedule comes is told by its expression and zone, or by its minutes', () => {
  const timing = { time_zone: 'Asia/Tokyo', frequency: 5 };
  expect(timingText({ ...timing, cron: '0 2 * * *' })).toBe('0 2 * * *  Asia/Tokyo');
  expect(timingText({ ...timing, cron: null })).toBe('every 5 minutes');
  expect(timingText({ ...timing, cron: null, frequency: 1 })).toBe('every minute');
});
