// Nodes that are ended in order, one after the other, while clients write and scripts run.
// Invariant: whoever asks another node where one does not listen, or has not taken him yet, gets an answer.
import { describe, expect, test } from 'vitest';
import { canTest } from '../databases.ts';
import { rollNodes } from './queue-storm.ts';
import { QueueWorld } from './queue-world.ts';

describe.runIf(canTest('postgres'))('three nodes, restarted one after the other', () => {
  test('no request that was taken is without an answer, nothing is lost or done twice, nothing is counted', {
    timeout: 240_000,
  }, async () => {
    const world = await QueueWorld.open({ engine: 'postgres', nodes: 3, limits: { queueLeaseMs: 15_000 } });
    try {
      const clients = world.clients(['plain', 'batch', 'keyed', 'job'], {
        mustAnswer: true,
        accepted: [],
        pauseMs: 30,
      });
      const { codes } = await rollNodes(world.nodes, 1);
      const verdict = await world.verdict(clients);
      console.log(JSON.stringify(verdict));
      expect(codes).toEqual([0, 0, 0]);
      // A connection that waits to be taken when a node stops to listen is reset by the kernel, like one that
      // comes a moment later is refused.
      const taken = verdict.findings.filter((finding) => !/: 0 (read|connect) ECONNRESET/.test(finding));
      expect(taken).toEqual([]);
      // Runs that are given back are not those of a worker that was lost.
      expect(verdict.takenOver).toBe(0);
      expect(verdict.acknowledged).toBeGreaterThan(20);
    } finally {
      await world.close();
    }
  });
});
