import { expect, it } from 'vitest';
import { fc } from '../../test/properties.ts';
import { limits } from '../core/limits.ts';
import type { Backoff } from '../core/queue.ts';
import { backoffOf, usualBackoff, waitAfter } from './backoff.ts';

it('waits as a list says, and as its last entry for all further tries', () => {
  const list: Backoff = { kind: 'list', delaysMs: [1_000, 5_000] };
  expect([1, 2, 3, 99].map((failures) => waitAfter(failures, list))).toEqual([1_000, 5_000, 5_000, 5_000]);
});

it('waits twice as long each time, up to a most', () => {
  const doubling: Backoff = { kind: 'exponential', baseMs: 1_000, mostMs: 10_000, jitter: 0 };
  const waits = [1, 2, 3, 4, 5, 1_000].map((failures) => waitAfter(failures, doubling));
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

it('takes a random part off, so that runs that failed together do not come back together', () => {
  const jittery: Backoff = { kind: 'exponential', baseMs: 1_000, mostMs: 10_000, jitter: 0.5 };
  expect([0, 0.5, 1].map((random) => waitAfter(2, jittery, random))).toEqual([2_000, 1_500, 1_000]);
  const waits = Array.from({ length: 2_000 }, () => waitAfter(2, jittery));
  // Ten equal parts of the span; were they not even, one would be far from 200.
  const parts = Array.from({ length: 10 }, (_, part) => {
    const from = 1_000 + part * 100;
    return waits.filter((wait) => wait >= from && wait <= from + 100).length;
  });
  expect(Math.min(...parts)).toBeGreaterThan(120);
  expect(Math.max(...parts)).toBeLessThan(290);
});

it('is a time within bounds, whatever a back-off says', () => {
  const delays = fc.integer({ min: 0, max: 2 ** 40 });
  const anyBackoff = fc.oneof(
    fc.record({ kind: fc.constant('list' as const), delaysMs: fc.array(delays, { minLength: 1 }) }),
    fc.record({
      kind: fc.constant('exponential' as const),
      baseMs: delays,
      mostMs: delays,
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), anyBackoff, (failures, backoff) => {
      const wait = waitAfter(failures, backoff);
      expect(Number.isInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(limits.queueDelaySeconds * 1_000);
    }),
  );
});

it('reads the back-off of a run, and knows none where nobody understands it', () => {
  const list: Backoff = { kind: 'list', delaysMs: [5] };
  expect(backoffOf(JSON.stringify(list), usualBackoff)).toEqual(list);
  const mine: Backoff = { kind: 'exponential', baseMs: 1, mostMs: 2, jitter: 0 };
  expect(backoffOf(JSON.stringify(mine), usualBackoff)).toEqual(mine);
  const nothing = [null, '', '{', '[]', '7', 'null', '{"kind":"list","delaysMs":[]}', '{"kind":"list"}'];
  const odd = [...nothing, '{"kind":"exponential","baseMs":"1"}', '{"kind":"other"}'];
  for (const text of odd) expect(backoffOf(text, list)).toBe(list);
});
