// A disk that runs full under load, and is given room again: system database and data on a small file system
// of the test's own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { QueueWorld } from './queue-world.ts';

const sizeMegabytes = 24;
const leftBytes = 600_000;
const patienceMs = 30_000;

const disk = mkdtempSync(join(tmpdir(), 'tenon-disk-'));
const isMounted = mount(disk);

test.runIf(isMounted)(
  'what was acknowledged stays, refusals are clear, and all goes on with room',
  {
    timeout: 120_000,
  },
  async () => {
    const compiled = mkdtempSync(join(tmpdir(), 'tenon-compiled-'));
    let world: QueueWorld | undefined;
    try {
      world = await QueueWorld.open({
        ...{ engine: 'sqlite', place: { folder: join(disk, 'home') } },
        environment: { PROOF_CACHE: compiled },
      });
      const ballast = join(disk, 'ballast');
      const { bavail, bsize } = statfsSync(disk);
      writeFileSync(ballast, Buffer.alloc(bavail * bsize - leftBytes, 1));
      const accepted = [503, 507];
      const clients = world.clients(['plain', 'batch', 'keyed', 'job'], { accepted, mustAnswer: true });
      await until(() => clients.refusals >= 20);
      const before = clients.acknowledged;
      rmSync(ballast);
      await until(() => clients.acknowledged > before + 20);
      const verdict = await world.verdict(clients);
      console.log(JSON.stringify(verdict));
      // A script whose write was refused has failed; it is tried again.
      const findings = verdict.findings.filter((finding) => !finding.startsWith('failedTries'));
      expect(findings).toEqual([]);
      for (const look of [world.databases.data, world.databases.system]) {
        expect(await look('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      }
    } finally {
      await world?.close();
      execFileSync('umount', [disk]);
      for (const folder of [disk, compiled]) rmSync(folder, { recursive: true, force: true });
    }
  },
);

async function until(isSo: () => boolean): Promise<void> {
  const began = performance.now();
  while (!isSo()) {
    if (performance.now() - began > patienceMs) throw new Error('nothing changes');
    await pause(20);
  }
}

function mount(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMegabytes}m`, 'tmpfs', folder], {
      stdio: 'pipe',
    });
    return true;
  } catch (error) {
    rmSync(folder, { recursive: true });
    console.warn(`SKIPPED: a full disk: no file system may be mounted here: ${String(error)}`);
    return false;
  }
}
