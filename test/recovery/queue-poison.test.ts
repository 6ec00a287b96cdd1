// Runs that bring down what performs them: a runner, or the whole node each time.
// Invariant: they are put aside, and only they; everything beside them is done.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { QueueNode } from './queue-fleet.ts';
import { QueueWorld } from './queue-world.ts';

test('runs that fell runners or nodes are put aside, and nothing else is', { timeout: 120_000 }, async () => {
  const world = await QueueWorld.open({
    engine: 'sqlite',
    limits: { queueLeaseMs: 1_000, queueCrashes: limits.queueCrashes },
  });
  const [node] = world.nodes;
  try {
    const falls = felling(world, node);
    const clients = world.clients(['plain', 'batch', 'job'], { pauseMs: 100 });
    await pause(300);
    for (const deed of ['runner falls', 'node falls']) {
      expect((await world.ask('POST', 'job', { mark: `job:${deed}`, deed })).status).toBe(202);
    }
    const where = "select state, attempt, crashes, reason from queued_run where state = 'quarantined'";
    for (let left = 600; left > 0 && (await world.databases.system(where)).length === 0; left--)
      await pause(100);
    const acknowledged = clients.acknowledged;
    const verdict = await world.verdict(clients);
    console.log(falls(), acknowledged, JSON.stringify(verdict));
    const { lost, missing, doubledEffects, missingJobs, unsettled } = verdict;
    expect({ lost, missing, doubledEffects, missingJobs, unsettled }).toEqual({
      ...{ lost: 0, missing: 0, doubledEffects: 0, missingJobs: 0, unsettled: 0 },
    });
    expect(verdict.states).toMatchObject({ quarantined: 1, failed: 1 });
    expect(await world.databases.system(where)).toMatchObject([{ attempt: 0, crashes: 4 }]);
    // That the runner fell is a failure of the script, each time.
    expect(verdict.failedTries).toBe(2);
    expect(falls()).toBe(4);
  } finally {
    await world.close();
  }
});

// The node ends the moment the run says so; somebody starts it again, as in life.
function felling({ witness }: QueueWorld, node: QueueNode | undefined): () => number {
  let falls = 0;
  witness.heard = (path) => {
    if (path !== '/node%20falls') return;
    falls++;
    void node?.kill().then(() => node.start());
  };
  return () => falls;
}
