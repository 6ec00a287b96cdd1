// Workers killed in the middle of runs, with the bounds of life: how long until another one has done them.
// Invariant: time is counted from the kill to the end of the run, by the clock of the database.
import { setTimeout as pause } from 'node:timers/promises';
import { startWorker, type WorkProcess } from '../recovery/queue-fleet.ts';
import { QueueWorld } from '../recovery/queue-world.ts';
import { optionOf, type Soak } from './soak.ts';

const boundMs = 20_000;
const patienceMs = 60_000;
const together = 8;

/** `--kills=7` of a worker with 8 runs under way, next to another one; on PostgreSQL. */
export const soakQueueTakeover: Soak = async (options, say) => {
  const kills = Number(optionOf(options, 'kills', '7'));
  const world = await QueueWorld.open({
    engine: 'postgres',
    lastStep: 'await new Promise((done) => setTimeout(done, 500));',
    environment: { TENON_WORKER_QUEUES: 'none', TENON_RUNNERS_MAX: String(together) },
  });
  const workers = new Set<WorkProcess>();
  const begin = () => {
    const worker = startWorker(world.environment, [`--concurrency=${together}`]);
    workers.add(worker);
    return worker;
  };
  try {
    begin();
    const times: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      times.push(...(await loseWorker(world, workers)));
      begin();
      say(`${kill + 1} kills, ${times.length} runs taken over, the slowest after ${Math.max(...times)} ms`);
    }
    times.sort((left, right) => left - right);
    const p99 = times[Math.ceil(times.length * 0.99) - 1] ?? Number.POSITIVE_INFINITY;
    const findings = p99 <= boundMs ? [] : [`p99 is ${p99} ms`];
    return { figures: { kills, runs: times.length, middle: times[times.length >> 1], p99 }, findings };
  } finally {
    for (const worker of workers) await worker.kill();
    await world.close();
  }
};

// Runs come all the time; the one that has most of them is killed, and another one begins beside the rest.
async function loseWorker(world: QueueWorld, workers: Set<WorkProcess>): Promise<number[]> {
  const clients = world.clients(Array<'plain'>(together).fill('plain'), { pauseMs: 200 });
  const lost = await busiest(world, workers);
  workers.delete(lost);
  const at = Date.now();
  await lost.kill();
  const held = await world.databases.system(
    `select id from queued_run where state = 'running' and worker like '%:${lost.pid}:%'`,
  );
  await clients.end();
  const ids = held.map(({ id }) => `'${String(id)}'`).join();
  if (ids === '') return [];
  const spare = startWorker(world.environment, [`--concurrency=${together}`]);
  workers.add(spare);
  await world.settle(patienceMs);
  const done = await world.databases.system(`select finished_date from queued_run where id in (${ids})`);
  return done.map((row) => Number(row.finished_date ?? Number.POSITIVE_INFINITY) - at);
}

async function busiest(world: QueueWorld, workers: ReadonlySet<WorkProcess>): Promise<WorkProcess> {
  for (const began = performance.now(); performance.now() - began < patienceMs; await pause(50)) {
    const rows = await world.databases.system("select worker from queued_run where state = 'running'");
    for (const worker of workers) {
      const own = rows.filter((row) => String(row.worker).includes(`:${worker.pid}:`));
      if (own.length >= together / 2) return worker;
    }
  }
  throw new Error('no worker is busy');
}
