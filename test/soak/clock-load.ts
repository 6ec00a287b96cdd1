// How punctual clocks are under load: `node test/soak/clock-load.ts [kind] [clocks] [schedules] [seconds]`,
// kind being sqlite, postgres or mysql, runs clocks in processes of their own on schedules that come every
// second. Invariant: it fails unless every slot was queued and remembered once.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../src/core/store.ts';
import { addSchedule, clockNode, newSchedule } from '../../src/scheduler/fixture.ts';
import { openSystemStore } from '../../src/store/open.ts';
import { type ServerKind, testDatabase } from '../databases.ts';

interface Place {
  readonly url: string;
  drop(): Promise<void>;
}

const [first = 'postgres', clocks = '3', schedules = '100', seconds = '20'] = process.argv.slice(2);

if (process.send === undefined) await measure(await placeOf(first));
else await tick(first);

async function placeOf(kind: string): Promise<Place> {
  if (kind === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'clock-load-'));
    return { url: join(folder, 'system.db'), drop: async () => rmSync(folder, { recursive: true }) };
  }
  const database = await testDatabase(kind as ServerKind);
  const { user, password, host, port, database: name } = database;
  return {
    url: `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`,
    drop: () => database.drop(),
  };
}

// One server, until it is told to stop.
async function tick(url: string): Promise<void> {
  const store = await openSystemStore(url);
  const { clock, observations } = clockNode(store);
  clock.start();
  process.send?.('ready');
  const before = process.cpuUsage();
  await once(process, 'message');
  await clock.stop();
  const { user, system } = process.cpuUsage(before);
  const troubles = observations.filter(({ kind }) => kind === 'schedule.failed');
  const count = observations.filter(({ kind }) => kind === 'schedule.fired').length;
  process.send?.({ cpuMs: Math.round((user + system) / 1_000), count, troubles });
  await store.close();
  process.disconnect();
}

async function measure(place: Place): Promise<void> {
  const store = await openSystemStore(place.url);
  try {
    const nodes = Array.from({ length: Number(clocks) }, () => fork(import.meta.filename, [place.url]));
    await Promise.all(nodes.map((node) => once(node, 'message')));
    for (let at = 0; at < Number(schedules); at++) await addSchedule(store, 3_000, newSchedule(`s${at}`));
    await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1_000));
    const told = nodes.map((node) => once(node, 'message'));
    for (const node of nodes) node.send('stop');
    const reports = (await Promise.all(told)).map(([report]) => report);
    console.log(JSON.stringify({ ...(await verdict(store)), reports }, null, 1));
  } finally {
    await store.close();
    await place.drop();
  }
}

async function verdict(store: Store) {
  const runs = await store.scheduleSlots.runs({ limit: 1_000_000 });
  const queued = await store.queue.count();
  const lateness = runs.map(({ slot, createdDate }) => createdDate - (slot ?? 0)).sort((a, b) => a - b);
  const at = (share: number) => lateness[Math.floor(share * (lateness.length - 1))];
  const bySchedule = Map.groupBy(runs, ({ scheduleId }) => scheduleId);
  const gaps = [...bySchedule.values()].map((of) => {
    const slots = of.map(({ slot }) => slot ?? 0);
    return (Math.max(...slots) - Math.min(...slots)) / 1_000 + 1 - new Set(slots).size;
  });
  const lost = gaps.reduce((sum, gap) => sum + gap, 0);
  if (lost !== 0 || queued !== runs.length) process.exitCode = 1;
  return { slots: runs.length, queued, lost, p50: at(0.5), p99: at(0.99), most: at(1) };
}
