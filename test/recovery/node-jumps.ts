// Nodes of which one has its clock set while all of them work.
// Invariant: clients ask the other node, because sessions end by the clock of whoever looks at them.
import { setTimeout as pause } from 'node:timers/promises';
import { ChangingClock } from './node-clock.ts';
import type { Engine } from './queue-database.ts';
import { QueueWorld } from './queue-world.ts';
import { ScheduleLoad } from './schedule-load.ts';

const hour = 3_600;
const day = 24 * hour;
const jumps = [3 * hour, -3 * hour, 90 * day, -90 * day, 0];

// What looks at dates does so often, so that a jump would show. Leases are those of life: that a machine is
// busy is not what is proven.
const limits = {
  ...{ queueLeaseMs: 15_000, poolConnectMs: 20_000 },
  ...{ queueTrimMs: 300, scheduleTrimMs: 300, nodeBeatMs: 300 },
};

/** How a node suffers: with so many schedules, for so many of their slots after each jump. */
export interface Jumps {
  readonly engine: Engine;
  readonly schedules: number;
  readonly stayed: number;
}

/** Sets the clock of one of two nodes hours and months ahead and back. */
export async function jumpUnder({ engine, schedules: count, stayed }: Jumps) {
  const clock = new ChangingClock();
  const jumpy = { ...clock.environment, TENON_LOG_LEVEL: 'debug' };
  try {
    const world = await QueueWorld.open({ engine, nodes: 2, own: [{}, jumpy], limits });
    try {
      const load = await ScheduleLoad.make(world, { count });
      const [steady, jumping] = world.nodes;
      const urls = () => (steady === undefined ? [] : [steady.url]);
      const clients = world.clients(['plain', 'batch', 'job'], { urls, pauseMs: 60, accepted: [] });
      let slots = 1;
      let jumpedSlots = 0;
      if (jumping !== undefined) {
        jumping.told = (text) => {
          jumpedSlots += text.split('scheduled call queued').length - 1;
        };
      }
      for (const seconds of jumps) {
        clock.set(seconds);
        slots += stayed;
        await load.came(slots);
        // Whatever looks at dates has looked.
        await pause(400);
      }
      await clients.end();
      const schedules = await load.verdict();
      const verdict = await world.verdict(clients);
      return { verdict, schedules, jumpedSlots };
    } finally {
      await world.close();
    }
  } finally {
    clock.remove();
  }
}
