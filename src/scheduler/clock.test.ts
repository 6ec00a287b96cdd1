// Clocks of several servers on one database, on every engine.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canTest } from '../../test/databases.ts';
import type { ScheduleRun } from '../core/schedule.ts';
import type { Store } from '../core/store.ts';
import { until } from '../queues/fixture.ts';
import {
  addSchedule,
  type ClockNode,
  clockNode,
  fileDatabase,
  newSchedule,
  type SharedDatabase,
  serverDatabase,
} from './fixture.ts';

clocks('SQLite', async () => fileDatabase());
describe.runIf(canTest('postgres'))('server', () => clocks('PostgreSQL', () => serverDatabase('postgres')));
describe.runIf(canTest('mysql'))('server', () => clocks('MariaDB', () => serverDatabase('mysql')));

function clocks(name: string, make: () => Promise<SharedDatabase>): void {
  describe(`clocks on ${name}`, () => {
    let database: SharedDatabase;
    let stores: Store[] = [];
    let store: Store;
    let nodes: ClockNode[];
    beforeAll(async () => {
      database = await make();
      stores = [await database.open(), await database.open(), await database.open()];
      store = stores[0] as Store;
    }, 60_000);
    afterAll(async () => {
      for (const each of stores) await each.close();
      await database.drop();
    });
    beforeEach(async () => {
      await database.empty();
      nodes = stores.map((each) => clockNode(each));
    });
    afterEach(async () => {
      for (const { clock } of nodes) await clock.stop();
    });

    const add = (schedule: string, inMs = 0) => addSchedule(store, inMs, newSchedule(schedule));
    const told = () => store.scheduleSlots.runs({ limit: 10_000 });

    it('settle every slot once, without a gap, also when one of them stops', async () => {
      // More than one transaction holds.
      const ids: number[] = [];
      for (let at = 0; at < 20; at++) ids.push((await add(`s${at}`)).id);
      for (const { clock } of nodes) clock.start();
      await until(async () => (await store.scheduleSlots.countRuns()) >= 20);
      await nodes[1]?.clock.stop();
      await until(async () => (await store.scheduleSlots.countRuns()) >= 60);
      for (const { clock } of nodes) await clock.stop();
      const runs = await told();
      const queued = await store.queue.list({ limit: 10_000, isBrief: true });
      expect(queued.map(({ id }) => id).sort()).toEqual(runs.map(({ id }) => id).sort());
      for (const id of ids) expectEverySecond(runs.filter(({ scheduleId }) => scheduleId === id));
      const seen = nodes.flatMap(({ observations }) => observations.map(({ kind }) => kind));
      expect(new Set(seen)).toEqual(new Set(['schedule.fired']));
      expect(seen).toHaveLength(runs.length);
    });

    it('settle together what nobody was there for, once', async () => {
      const { id } = await add('away', -3_600_000);
      for (const { clock } of nodes) clock.start();
      await until(async () => (await store.scheduleSlots.countRuns(id)) > 0);
      for (const { clock } of nodes) await clock.stop();
      const notes = await told();
      expect(notes.filter(({ skipped }) => skipped === 'missed')).toHaveLength(1);
      expectEverySecond(notes.filter(({ skipped }) => skipped === null));
    });

    // Writers of SQLite are one at a time: there is nobody who could meet what is held.
    it.skipIf(name === 'SQLite')(
      'leave alone what another one holds, and go on with the others',
      async () => {
        await leavesAlone(nodes as [ClockNode, ClockNode], await add('held'), await add('other'));
      },
    );
  });
}

type Scheduled = Awaited<ReturnType<typeof addSchedule>>;

async function leavesAlone([first, second]: [ClockNode, ClockNode], held: Scheduled, other: Scheduled) {
  const { scheduleSlots } = second.store;
  const { now, schedules } = await scheduleSlots.due(10);
  expect(schedules.map(({ id }) => id)).toEqual([held.id, other.id]);
  await first.store.transaction(async (inside) => {
    const mine = { id: held.id, slot: held.slot };
    expect(await inside.scheduleSlots.hold([mine])).toEqual([mine]);
    const settled = await second.firing.fire(schedules, now);
    expect(settled.map(({ id }) => id)).toEqual([other.id]);
  });
  second.clock.start();
  await until(async () => (await scheduleSlots.countRuns(held.id)) > 0);
}

function expectEverySecond(runs: readonly ScheduleRun[]): void {
  const slots = runs.map(({ slot }) => slot ?? 0).sort((one, other) => one - other);
  const [first = 0] = slots;
  expect(slots).toEqual(slots.map((_, at) => first + at * 1_000));
}
