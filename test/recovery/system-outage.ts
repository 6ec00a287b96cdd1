// A database server that is stopped under load and started again, with the queue, the schedules and the data
// in it.
// Invariant: the server is the proof's own; the node beside it is one process from begin to end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startPrivateServer } from '../../tools/databases.mjs';
import type { ServerKind } from '../databases.ts';
import type { Clients } from './queue-client.ts';
import { QueueWorld } from './queue-world.ts';
import { ScheduleLoad } from './schedule-load.ts';

/** How long the server is away. */
export interface Outage {
  readonly engine: ServerKind;
  readonly awayMs: number;
  /** A slot that is later was missed. */
  readonly graceMs: number;
}

const underLoadMs = 1_500;
const patienceMs = 30_000;
const policies = ['skip', 'last', 'all'] as const;

/** Stops the server for a while; tells what came of writes, runs and slots. */
export async function sufferOutage({ engine, awayMs, graceMs }: Outage) {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-queue-outage-'));
  const login = await startPrivateServer(engine, { folder });
  let world: QueueWorld | undefined;
  try {
    world = await QueueWorld.open({ engine, place: { login }, limits: { scheduleGraceMs: graceMs } });
    const pid = world.nodes[0]?.pid;
    const fields = policies.map((missed) => ({ missed }));
    const load = await ScheduleLoad.make(world, { count: policies.length, fields });
    const clients = world.clients(['plain', 'batch', 'keyed', 'job'], { mustAnswer: true, pauseMs: 20 });
    await load.came(1);
    await pause(underLoadMs);
    await login.stop();
    await pause(awayMs);
    await login.start();
    const firstSuccessMs = await firstSuccess(clients);
    await pause(underLoadMs);
    await clients.end();
    const schedules = await load.verdict();
    const verdict = await world.verdict(clients);
    const isSame = world.nodes[0]?.isRunning === true && world.nodes[0].pid === pid;
    return { verdict, schedules, firstSuccessMs, isSame, slots: await slotsOf(world) };
  } finally {
    await world?.close().catch(() => undefined);
    await login.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function firstSuccess(clients: Clients): Promise<number> {
  const before = clients.acknowledged;
  const began = performance.now();
  while (clients.acknowledged === before && performance.now() - began < patienceMs) await pause(5);
  return clients.acknowledged === before ? Number.POSITIVE_INFINITY : Math.round(performance.now() - began);
}

/** By what is done about missed slots: how many of them were run late, and how many only told of. */
async function slotsOf({ databases }: QueueWorld) {
  const rows = await databases.system(
    `select schedule.missed, sum(case when cause = 'missed' and skipped is null then 1 else 0 end) as late,
      sum(case when skipped = 'missed' then slots else 0 end) as passed
     from schedule_run join schedule on schedule.id = schedule_run.schedule_id group by schedule.missed`,
  );
  const of = (policy: (typeof policies)[number]) => {
    const row = rows.find(({ missed }) => missed === policy);
    return { late: Number(row?.late ?? 0), passed: Number(row?.passed ?? 0) };
  };
  return { skip: of('skip'), last: of('last'), all: of('all') };
}
