// How much a worker takes, when it sleeps, and which queues it knows.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Bell } from '../core/bell.ts';
import { limits } from '../core/limits.ts';
import { Pace } from './pace.ts';

/** What a pace lets a worker take that has so many runs. */
function roomOf(pace: Pace, running: number, waiting = 0, ending = 0): number {
  return pace.room({ running, waiting, held: running + waiting + ending });
}

it('takes what it can start now as long as it does not know how long runs take', () => {
  const pace = new Pace(4);
  expect(roomOf(pace, 0)).toBe(4);
  expect(roomOf(pace, 3)).toBe(1);
  expect(roomOf(pace, 4)).toBe(0);
});

it('takes no slow runs ahead', () => {
  const pace = new Pace(4);
  pace.took(60_000);
  expect(roomOf(pace, 4)).toBe(0);
  expect(roomOf(pace, 2)).toBe(2);
});

it('takes quick runs ahead, many at once, and never more than its bound', () => {
  const pace = new Pace(4);
  pace.took(20);
  const ahead = (4 * limits.queueAheadMs) / 20;
  expect(roomOf(pace, 4)).toBe(ahead);
  // Enough wait: the next claim is worth it later.
  expect(roomOf(pace, 4, ahead)).toBe(0);
  expect(roomOf(pace, 4, ahead - 5)).toBe(0);
  expect(roomOf(pace, 4, 3)).toBe(ahead - 3);
  const quick = new Pace(4);
  quick.took(0.01);
  expect(roomOf(quick, 0)).toBe(4 + limits.queueAhead);
});

it('takes others while ends are written, but not ever more', () => {
  const pace = new Pace(4);
  expect(roomOf(pace, 0, 0, 4)).toBe(4);
  expect(roomOf(pace, 2, 0, 4)).toBe(2);
  expect(roomOf(pace, 0, 0, 7)).toBe(1);
  expect(roomOf(pace, 0, 0, 8)).toBe(0);
});

it('learns that runs take longer now', () => {
  const pace = new Pace(2);
  pace.took(1);
  expect(roomOf(pace, 2)).toBe(limits.queueAhead);
  for (let at = 0; at < 30; at++) pace.took(10_000);
  expect(roomOf(pace, 2)).toBe(0);
});

it('hears a bell that rang while nobody slept, once', async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  await bell.wait(3_600_000);
  const order: string[] = [];
  const second = bell.wait(3_600_000).then(() => order.push('rung'));
  await sleep(20);
  order.push('waited');
  bell.ring();
  await second;
  expect(order).toEqual(['waited', 'rung']);
});

it('wakes by itself after a while', async () => {
  const bell = new Bell();
  await bell.wait(5);
  await bell.wait(5);
  bell.ring();
  await bell.wait(3_600_000);
});
