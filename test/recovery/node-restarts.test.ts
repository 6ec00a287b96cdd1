// Three nodes behind a balancer that are restarted in order, then one that is lost, while clients ask, a queue
// is busy and schedules come each second.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBalancer } from '../balancer.ts';
import { canTest } from '../databases.ts';
import { clientCount, loseUnder, openBalanced, rollUnder } from './node-proofs.ts';
import type { QueueWorld } from './queue-world.ts';

const traffic = { perSecond: 30, schedules: 3 };
// Time for a node to be lost in the middle of a run.
const lastStep = 'await new Promise((done) => setTimeout(done, 50));';

describe.runIf(canTest('postgres') && hasBalancer())('three nodes behind a balancer', () => {
  let world: QueueWorld;

  beforeAll(async () => {
    const limits = { queueLeaseMs: 5_000, queueSweepMs: 100 };
    world = await openBalanced({ engine: 'postgres', nodes: 3, lastStep, limits });
  });
  afterAll(() => world?.close());

  test('are restarted one after the other: no request fails, nothing is lost or done twice', {
    timeout: 120_000,
  }, async () => {
    const { codes, verdict, schedules, ...figures } = await rollUnder(world, { ...traffic, rounds: 1 });
    console.log(JSON.stringify({ ...figures, verdict, schedules }));
    expect(codes).toEqual([0, 0, 0]);
    expect(verdict.findings).toEqual([]);
    expect(schedules.findings).toEqual([]);
    // Runs that are given back are not those of a worker that was lost.
    expect(verdict.takenOver).toBe(0);
    expect(verdict.acknowledged).toBeGreaterThan(10);
    expect(schedules.passed).toBe(0);
  });

  test('lose one: what was under way there has no answer, its runs are done by others, schedules go on', {
    timeout: 120_000,
  }, async () => {
    const { verdict, schedules, resumed, unanswered, ...figures } = await loseUnder(world, {
      ...traffic,
      name: 'lost',
    });
    console.log(JSON.stringify({ ...figures, unanswered, resumed, verdict, schedules }));
    expect(verdict.findings).toEqual([]);
    expect(schedules.findings).toEqual([]);
    expect(unanswered).toBeLessThanOrEqual(clientCount);
    expect(resumed.length).toBeGreaterThan(0);
    expect(verdict.takenOver).toBeGreaterThan(0);
    expect(schedules.passed).toBe(0);
  });
});
