import { expect, test } from 'vitest';
import { readRate } from './queue-limit.ts';

test.each([
  ['10/minute', { count: 10, per: 'minute' }],
  [' 1 / Day ', { count: 1, per: 'day' }],
  ['100/hour', { count: 100, per: 'hour' }],
  ['5/30', { count: 5, per: 30 }],
  ['none', null],
])('%s is a rate', (text, rate) => {
  expect(readRate(text)).toEqual(rate);
});

test.each(['', '10', '/minute', '10/', '10/week', '-1/minute', '1.5/minute', '10/minute/day', '10/1.5'])(
  "'%s' is none",
  (text) => {
    expect(() => readRate(text)).toThrow(`--rate ${text} is no rate.`);
  },
);
