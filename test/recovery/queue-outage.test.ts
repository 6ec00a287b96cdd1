// A database server that is stopped under load and started again, with the queue and the data in it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startPrivateServer } from '../../tools/databases.mjs';
import { canTest } from '../databases.ts';
import { QueueWorld } from './queue-world.ts';

const awayMs = Number(process.env.PROOF_AWAY_MS ?? 3_000);
const underLoadMs = 1_500;

for (const engine of ['postgres', 'mysql'] as const) {
  describe.runIf(canTest(engine))(`${engine} goes and comes back`, () => {
    test('refusals are clear and quick, the queue goes on, nothing is lost or doubled', {
      timeout: 120_000,
    }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'tenon-queue-outage-'));
      const login = await startPrivateServer(engine, { folder });
      let world: QueueWorld | undefined;
      try {
        world = await QueueWorld.open({ engine, place: { login } });
        const pid = world.nodes[0]?.pid;
        const clients = world.clients(['plain', 'batch', 'keyed', 'job'], { mustAnswer: true, pauseMs: 20 });
        await pause(underLoadMs);
        await login.stop();
        await pause(awayMs);
        const before = clients.acknowledged;
        await login.start();
        await pause(underLoadMs);
        const after = clients.acknowledged;
        const verdict = await world.verdict(clients);
        console.log(engine, JSON.stringify(verdict));
        // A script whose write was refused has failed; it is tried again.
        const findings = verdict.findings.filter((finding) => !finding.startsWith('failedTries'));
        expect(findings).toEqual([]);
        expect(after).toBeGreaterThan(before);
        expect(verdict.slowestMs).toBeLessThan(15_000);
        // The same process: it did not fall.
        expect(world.nodes[0]?.pid).toBe(pid);
        expect(world.nodes[0]?.isRunning).toBe(true);
      } finally {
        await world?.close().catch(() => undefined);
        await login.remove();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
}
