import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { readExposition, sampleOf } from './exposition-fixture.ts';
import { DurationHistogram, durationBounds, Tally } from './tallies.ts';

test('durations fall into the first bucket that holds them', async () => {
  const registry = new Registry();
  const naming = { name: 'wait_seconds', help: 'For how long somebody waited.', labels: ['who'] as const };
  const histogram = new DurationHistogram(registry, naming);
  for (const ms of [0, 0.1, 0.2, 0.3, 1, 29_999, 30_000, 60_000]) histogram.of('ann').observe(ms);
  histogram.of('bob').observe(3);
  const text = await registry.metrics();
  const bucket = (le: string, who = 'ann') => sampleOf(text, 'wait_seconds_bucket', { who, le });
  const bounds = ['0.0002', '0.0005', '0.001', '10', '30', '+Inf'];
  expect(bounds.map((le) => bucket(le))).toEqual([3, 4, 5, 5, 7, 8]);
  expect(bounds.map((le) => bucket(le, 'bob'))).toEqual([0, 0, 0, 1, 1, 1]);
  expect(sampleOf(text, 'wait_seconds_sum', { who: 'ann' })).toBeCloseTo(120.0006, 6);
  expect(sampleOf(text, 'wait_seconds_count', { who: 'ann' })).toBe(8);
  expect(readExposition(text).get('wait_seconds')?.samples).toHaveLength(2 * (durationBounds.length + 3));
});

test('what was counted is told as often as it is asked for', async () => {
  const registry = new Registry();
  const tally = new Tally(registry, { name: 'knocks_total', help: 'Knocks at a door.', labels: ['door'] });
  const front = tally.cell('front');
  front.count++;
  tally.add(2, 'back');
  await registry.metrics();
  front.count += 4;
  expect(tally.cell('front')).toBe(front);
  const text = await registry.metrics();
  expect(sampleOf(text, 'knocks_total', { door: 'front' })).toBe(5);
  expect(sampleOf(text, 'knocks_total', { door: 'back' })).toBe(2);
});

test.each([
  ['a line that does not end', '# HELP a b\n# TYPE a gauge\na 1'],
  ['a sample without its metric', 'a 1\n'],
  ['a metric that comes twice', '# HELP a b\n# TYPE a gauge\na 1\n# HELP a b\n# TYPE a gauge\n'],
  ['a sample that comes twice', '# HELP a b\n# TYPE a gauge\na 1\na 2\n'],
  ['a quote in a label', '# HELP a b\n# TYPE a gauge\na{b="c"d"} 1\n'],
  ['no number', '# HELP a b\n# TYPE a gauge\na one\n'],
  ['a counter below zero', '# HELP a b\n# TYPE a counter\na -1\n'],
  ['buckets that fall', '# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n'],
  ['no last bucket', '# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 2\na_sum 1\na_count 2\n'],
])('the reader of these tests refuses %s', (_, text) => {
  expect(() => readExposition(text)).toThrow();
});
