// Schedules of every second on three nodes whose clocks differ and which are killed; and without what
// slots are won by, or the common clock, which must be found out.
// Invariant: a proof that would hold without them, too, is a finding.
import { skewed } from '../recovery/node-clock.ts';
import { loseNodes, stormSeed } from '../recovery/queue-storm.ts';
import { QueueWorld, type WorldOptions } from '../recovery/queue-world.ts';
import { ScheduleLoad } from '../recovery/schedule-load.ts';
import { overEngines } from './queue-kills.ts';
import { optionOf, type Soak } from './soak.ts';

const skews = [0, 7, -5];
const lateMs = 500;
const mutantSlots = 5;

/** Servers by name, both unless named; `--schedules=100`, `--kills=38`, `--every=2000` ms. */
export const soakSchedule: Soak = (options, say) => {
  const count = Number(optionOf(options, 'schedules', '100'));
  const blows = Number(optionOf(options, 'kills', '38'));
  const everyMs = Number(optionOf(options, 'every', '2000'));
  return overEngines(options, skews.length, async (engine) => {
    const base: WorldOptions = { engine, nodes: skews.length, isBare: true, own: skews.map(skewed) };
    const tell = (blow: number) => blow % 10 === 0 && say(`${engine}: ${blow} kills`);
    const whole = await suffer(base, count, async (load, world) => {
      await load.came(1);
      await loseNodes(world.nodes, { blows, seed: stormSeed(), everyMs, say: tell });
    });
    say(`${engine}: ${JSON.stringify(whole)}`);
    const unwon = await suffer({ ...base, mutant: 'slots' }, 10, (load) => load.came(mutantSlots));
    const apart = await suffer({ ...base, mutant: 'clock' }, 10, (load) => load.came(mutantSlots));
    const late = whole.queuedMs.p99 > lateMs ? [`p99 is ${whole.queuedMs.p99} ms`] : [];
    const blind = [
      ...(unwon.doubledSlots > 0 ? [] : ['without a comparison no slot was doubled']),
      ...(apart.early > 0 ? [] : ['without the common clock no slot was early']),
    ];
    const figures = { schedules: count, kills: blows, skews, whole, unwon, apart };
    return { figures, findings: [...whole.findings, ...late, ...blind] };
  });
};

async function suffer(
  options: WorldOptions,
  count: number,
  deed: (load: ScheduleLoad, world: QueueWorld) => Promise<unknown>,
) {
  const world = await QueueWorld.open(options);
  try {
    // That the row of a slot is unique would tell of a second one, too.
    if (options.mutant !== undefined) await world.databases.system(withoutKey[options.engine]);
    const load = await ScheduleLoad.make(world, { count });
    await deed(load, world);
    return await load.verdict();
  } finally {
    await world.close();
  }
}

const withoutKey: Readonly<Record<WorldOptions['engine'], string>> = {
  sqlite: 'drop index schedule_run_slot',
  postgres: 'alter table schedule_run drop constraint schedule_run_slot',
  mysql: 'alter table schedule_run drop index schedule_run_slot',
};
