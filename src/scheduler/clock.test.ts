// Clocks of several servers on one database, on every engine.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canTest } from '../../test/databases.ts';
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
    let nodes: ClockNode[];
    let store: Store;
    beforeAll(async () => {
      database = await make();
    }, 60_000);
    afterAll(() => database.drop());
    beforeEach(async () => {
      await database.empty();
      nodes = [];
      for (let at = 0; at < 3; at++) nodes.push(clockNode(await database.open()));
      store = (nodes[0] as ClockNode).store;
    });
    afterEach(async () => {
      for (const node of nodes) {
        await node.clock.stop();
        await node.store.close();
      }
    });

    it('fire every slot once, without a gap', async () => {
      const ids: number[] = [];
      for (let at = 0; at < 5; at++) {
        ids.push((await addSchedule(store, 0, newSchedule(`s${at}`))).id);
      }
      for (const { clock } of nodes) clock.start();
      await until(async () => (await store.scheduleSlots.countRuns()) >= 15);
      for (const { clock } of nodes) await clock.stop();
      const runs = await store.scheduleSlots.runs({ limit: 1_000 });
      const queued = await store.queue.list({ limit: 1_000 });
      expect(queued.map(({ id }) => id).sort()).toEqual(runs.map(({ id }) => id).sort());
      for (const id of ids) {
        const slots = runs
          .filter(({ scheduleId }) => scheduleId === id)
          .map(({ slot }) => Number(slot))
          .sort();
        const [first = 0] = slots;
        expect(slots).toEqual(slots.map((_slot, at) => first + at * 1_000));
      }
      expect(
        nodes.flatMap(({ observations }) => observations).filter(({ kind }) => kind === 'schedule.failed'),
      ).toEqual([]);
    });
  });
}
