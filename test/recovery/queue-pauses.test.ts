// Nodes that stand still for longer than their leases: others do their runs meanwhile, and what the paused
// one still holds when it wakes is worth nothing. The same without the fence shows that the proof can fail.
import { describe, expect, test } from 'vitest';
import { canTest } from '../databases.ts';
import { pauseNodes, stormSeed } from './queue-storm.ts';
import { QueueWorld } from './queue-world.ts';

const pauses = 4;
const limits = { queueLeaseMs: 600, queueBeatMs: 150, queueSweepMs: 150 };
// Time for a pause to begin between the first write of a run and its end.
const lastStep = 'await new Promise((done) => setTimeout(done, 60));';

const mutantOf = (isMutant: boolean) => (isMutant ? { mutant: 'fence' as const } : {});

async function suffer(isMutant: boolean) {
  const world = await QueueWorld.open({
    engine: 'postgres',
    ...mutantOf(isMutant),
    nodes: 3,
    limits,
    lastStep,
  });
  try {
    const clients = world.clients(['plain', 'plain', 'batch'], { pauseMs: 40 });
    await pauseNodes(world.nodes, world.witness, { blows: pauses, seed: stormSeed(), pausedMs: 1_200 });
    const verdict = await world.verdict(clients);
    console.log(isMutant ? 'mutant' : 'fenced', JSON.stringify(verdict));
    return verdict;
  } finally {
    await world.close();
  }
}

describe.runIf(canTest('postgres'))('three nodes, paused beyond their leases', () => {
  test('nothing is lost or done twice', { timeout: 120_000 }, async () => {
    const { findings, takenOver } = await suffer(false);
    expect(findings).toEqual([]);
    expect(takenOver).toBeGreaterThan(0);
  });

  test('without the fence something is', { timeout: 120_000 }, async () => {
    const { doubledEffects } = await suffer(true);
    expect(doubledEffects).toBeGreaterThan(0);
  });
});
