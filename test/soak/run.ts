// The long proofs, by name: `npm run soak -- sql-injection`. What `npm test` samples runs here in full.
// Invariant: the last report of each soak is kept in bench/results/soak with its date, commit and figures,
// also when it failed.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startServers, stopServers } from '../../tools/databases.mjs';
import { soakOutage } from './database-outage.ts';
import { soakNodeLoss, soakQueueRestarts } from './node-storms.ts';
import { soakClockJumps, soakSystemOutage } from './node-troubles.ts';
import { soakPropagation } from './propagation.ts';
import { soakQueueKills, soakQueuePauses } from './queue-kills.ts';
import { soakQueueTakeover } from './queue-takeover.ts';
import { soakRunStore } from './run-store.ts';
import { soakSchedule } from './schedule.ts';
import type { Soak } from './soak.ts';
import { soakInjection } from './sql-injection.ts';
import { soakStreamReaders } from './stream-readers.ts';

const soaks: Readonly<Record<string, Soak>> = {
  'clock-jumps': soakClockJumps,
  'database-outage': soakOutage,
  'node-loss': soakNodeLoss,
  propagation: soakPropagation,
  'queue-kills': soakQueueKills,
  'queue-pauses': soakQueuePauses,
  'queue-restarts': soakQueueRestarts,
  'queue-takeover': soakQueueTakeover,
  'run-store': soakRunStore,
  schedule: soakSchedule,
  'sql-injection': soakInjection,
  'system-outage': soakSystemOutage,
  'stream-readers': soakStreamReaders,
};

const root = fileURLToPath(new URL('../..', import.meta.url));

async function main(name: string | undefined, options: readonly string[]): Promise<void> {
  const soak = Object.hasOwn(soaks, name ?? '') ? soaks[name ?? ''] : undefined;
  if (name === undefined || soak === undefined) {
    console.error(`soak: say which: ${Object.keys(soaks).join(', ')}`);
    process.exitCode = 1;
    return;
  }
  const { started } = await startServers();
  const began = Date.now();
  try {
    const { figures, findings } = await soak(options, (line) => console.log(`soak: ${line}`));
    keep(name, { options, seconds: Math.round((Date.now() - began) / 1000), figures, findings });
    process.exitCode = findings.length === 0 ? 0 : 1;
  } finally {
    if (started.length > 0) await stopServers();
  }
}

function keep(name: string, result: Record<string, unknown>): void {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const report = {
    soak: name,
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short', 'HEAD'),
    cores: cpus().length,
    node: process.versions.node,
    ...result,
  };
  const text = JSON.stringify(report, null, 2);
  mkdirSync(`${root}bench/results/soak`, { recursive: true });
  writeFileSync(`${root}bench/results/soak/${name}.json`, `${text}\n`);
  console.log(text);
}

await main(process.argv[2], process.argv.slice(3));
