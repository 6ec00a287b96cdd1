// How many runs a second the run store of queues takes and gives, without workers: single pushes made
// together, and claiming and finishing in batches. A number of runs that are done lies in the table
// already, where asked.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { RunStore } from '../../src/core/queue.ts';
import type { Store } from '../../src/core/store.ts';
import { openSystemStore } from '../../src/store/open.ts';
import { done, newRun, take } from '../../src/store/queue/fixture.ts';
import { canTest, type ServerKind, testDatabase } from '../databases.ts';
import type { Soak } from './soak.ts';

const rounds = 5;
const single = 5_000;
const batch = 50;

/** Options: `sqlite`, `postgres`, `mysql` (all unless named), and the number of runs that are done before. */
export const soakRunStore: Soak = async (options, say) => {
  const before = Number(options.find((option) => /^\d+$/.test(option)) ?? 0);
  const named = options.filter((option) => !/^\d+$/.test(option));
  const figures: Record<string, Record<string, number>> = {};
  const findings: string[] = [];
  for (const kind of named.length > 0 ? named : ['sqlite', 'postgres', 'mysql']) {
    const { store, drop } = await database(kind);
    try {
      figures[kind] = await measure(store, before);
      say(`${kind}: ${JSON.stringify(figures[kind])}`);
    } catch (error) {
      findings.push(`${kind}: ${String(error)}`);
    } finally {
      await store.close();
      await drop();
    }
  }
  return { figures, findings };
};

async function database(kind: string): Promise<{ store: Store; drop: () => Promise<void> }> {
  if (kind === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'run-store-'));
    const store = await openSystemStore(join(folder, 'system.db'));
    return { store, drop: async () => rmSync(folder, { recursive: true }) };
  }
  if (!canTest(kind as ServerKind)) throw new Error(`no ${kind}`);
  const made = await testDatabase(kind as ServerKind);
  const { user, password, host, port, database: name } = made;
  const url = `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  return { store: await openSystemStore(url), drop: made.drop };
}

async function measure({ queue }: Store, before: number): Promise<Record<string, number>> {
  await fill(queue, before);
  const [pushes, runs, pushesByCpu, runsByCpu] = [[], [], [], []] as number[][] as Figures;
  let number = 0;
  for (let round = 0; round < rounds; round++) {
    let cpu = process.cpuUsage();
    pushes.push(
      await perSecond(single, async () => {
        const calls = Array.from({ length: single }, () => queue.push([newRun(`p${number++}`)]));
        await Promise.all(calls);
      }),
    );
    pushesByCpu.push(perCpuSecond(single, cpu));
    cpu = process.cpuUsage();
    runs.push(await perSecond(single, () => work(queue)));
    runsByCpu.push(perCpuSecond(single, cpu));
  }
  const due = await perSecond(200, async () => {
    for (let at = 0; at < 200; at++) await queue.nextDue({ connection: 'database', queues: ['default'] });
  });
  const idle = await perSecond(200, async () => {
    for (let at = 0; at < 200; at++) await take(queue);
  });
  return {
    ...{ pushesPerSecond: middle(pushes), runsPerSecond: middle(runs) },
    ...{ nextDuePerSecond: due, emptyClaimsPerSecond: idle },
    ...{ pushesPerCpuSecond: middle(pushesByCpu), runsPerCpuSecond: middle(runsByCpu) },
  };
}

async function fill(queue: RunStore, count: number): Promise<void> {
  for (let at = 0; at < count; at += 5_000) {
    const size = Math.min(5_000, count - at);
    await queue.push(Array.from({ length: size }, (_, of) => newRun(`done${at + of}`)));
    await work(queue);
  }
}

async function work(queue: RunStore): Promise<void> {
  for (;;) {
    const runs = await take(queue, { limit: batch });
    if (runs.length === 0) return;
    const counted = await queue.finish(runs.map(done));
    if (!counted.every(Boolean)) throw new Error('a run that was held did not end');
  }
}

type Figures = [number[], number[], number[], number[]];

// Of this process: where the machine has other work to do, it says more than the time that went by.
function perCpuSecond(count: number, before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return Math.round((count * 1_000_000) / (user + system));
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return Math.round((count * 1_000) / (performance.now() - start));
}

function middle(figures: readonly number[]): number {
  return [...figures].sort((left, right) => left - right)[Math.floor(figures.length / 2)] ?? 0;
}
