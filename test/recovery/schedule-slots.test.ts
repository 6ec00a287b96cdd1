// Schedules on three servers whose clocks differ, which are killed: every slot is settled once, and no sooner
// than the database says that it has come. The same without what slots are won by shows that the proof can
// fail.
import { afterEach, describe, expect, test } from 'vitest';
import { canTest } from '../databases.ts';
import { canSetClocks, skewed } from './node-clock.ts';
import { loseNodes, stormSeed } from './queue-storm.ts';
import { QueueWorld, type WorldOptions } from './queue-world.ts';
import { ScheduleLoad } from './schedule-load.ts';

const skews = [0, 7, -5];
const schedules = 10;
const kills = 3;

describe.runIf(canTest('postgres') && canSetClocks())('schedules of three nodes', () => {
  let world: QueueWorld;
  afterEach(() => world.close());

  const open = async (options: Partial<WorldOptions>) => {
    world = await QueueWorld.open({ engine: 'postgres', nodes: skews.length, isBare: true, ...options });
    return world;
  };

  test('come once for each slot, whatever clocks say and nodes fall', { timeout: 120_000 }, async () => {
    await open({ own: skews.map(skewed) });
    // Else the clocks are right, and nothing is proven.
    for (const [at, { aheadMs }] of world.nodes.entries()) {
      expect(Math.abs(aheadMs - (skews[at] ?? 0) * 1_000)).toBeLessThan(3_000);
    }
    const load = await ScheduleLoad.make(world, { count: schedules });
    await load.came(1);
    await loseNodes(world.nodes, { blows: kills, seed: stormSeed(), everyMs: 700 });
    await load.came(4);
    const verdict = await load.verdict();
    console.log(JSON.stringify(verdict));
    expect(verdict.findings).toEqual([]);
    expect(verdict.slots).toBeGreaterThanOrEqual(3 * schedules);
    expect(verdict.passed).toBe(0);
  });

  test('come more than once where nobody compares', { timeout: 120_000 }, async () => {
    await open({ mutant: 'slots' });
    await world.databases.system('alter table schedule_run drop constraint schedule_run_slot');
    const load = await ScheduleLoad.make(world, { count: schedules });
    await load.came(3);
    const { doubledSlots } = await load.verdict();
    expect(doubledSlots).toBeGreaterThan(0);
  });
});
