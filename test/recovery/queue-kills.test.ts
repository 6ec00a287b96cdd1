// Nodes that are killed under load: nothing that was acknowledged is lost, nothing is done twice.
import { describe, expect, test } from 'vitest';
import { canTest } from '../databases.ts';
import type { Engine } from './queue-database.ts';
import { killNodes, stormSeed } from './queue-storm.ts';
import { QueueWorld } from './queue-world.ts';

const engines: readonly Engine[] = ['sqlite', 'postgres', 'mysql'];
const kills = Number(process.env.PROOF_KILLS ?? 20);

for (const engine of engines) {
  describe.runIf(engine === 'sqlite' || canTest(engine))(`a node on ${engine}`, () => {
    test(`${kills} kills: every write is there with its effect, once`, { timeout: 300_000 }, async () => {
      const world = await QueueWorld.open({ engine });
      try {
        const clients = world.clients(['plain', 'batch', 'keyed', 'job'], { pauseMs: 100 });
        await killNodes(world.nodes, world.witness, { blows: kills, seed: stormSeed() });
        const verdict = await world.verdict(clients);
        console.log(engine, JSON.stringify(verdict));
        expect(verdict.findings).toEqual([]);
        expect(verdict.acknowledged).toBeGreaterThan(kills);
        // Else no kill has hit a run, and nothing was proven.
        expect(verdict.takenOver).toBeGreaterThan(0);
      } finally {
        await world.close();
      }
    });
  });
}
