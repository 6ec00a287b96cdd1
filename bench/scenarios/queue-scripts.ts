// How many queued scripts the whole product performs, each in a process of its runner and recorded in the log
// of runs, against BullMQ, whose handler is a function in its own process. Both queues are filled while
// nobody works them, so that neither HTTP nor filling is part of the figure.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bullmq, compete } from '../contestants.ts';
import { makeDatabase } from '../data.ts';
import { cpuMs, type Started, start } from '../process.ts';
import { redisPlace } from '../queue-places.ts';
import { prepare, programOf, type Variant } from '../scenario.ts';
import { spread } from '../spread.ts';

const count = 5_000;
const atOnce = 64;
const goal = { must: 1.5, stretch: 3 };
const queue = '/api/v2/system/queue/default';

const content = `const { a, b } = event.request.payload;
return { product: a * b };`;

const tenon: Variant = {
  name: 'tenon, queued scripts in Node',
  server: 'tenon',
  services: [{ name: 'later', type: 'nodejs', content, queued: true }],
  // Every run is recorded.
  environment: { TENON_RUN_SAMPLE: '1', TENON_WORKER_CONCURRENCY: '64' },
};

interface Sample {
  readonly performedPerSecond: number;
  readonly cpuMicrosecondsPerRun: number;
}

/** Measures both in turn; prints and returns medians of `rounds`. */
export async function measureQueuedScripts(rounds: number): Promise<unknown> {
  console.log(`\nqueue-scripts: ${count} queued scripts in Node, history and log on, against BullMQ inline`);
  const samples = { tenon: [] as Sample[], bullmq: [] as Sample[] };
  const rival = { ...bullmq, name: 'BullMQ', place: () => redisPlace('everysec') };
  for (let round = 0; round < rounds; round++) {
    const measures = [
      async () => samples.tenon.push(await once()),
      async () => samples.bullmq.push(await compete(rival, { count: 4 * count, window: 1_000, waits: 0 })),
    ];
    for (const measure of round % 2 === 0 ? measures : measures.reverse()) await measure();
  }
  const of = (all: readonly Sample[]) => ({
    performed: spread(all.map(({ performedPerSecond }) => performedPerSecond)),
    cpu: spread(all.map(({ cpuMicrosecondsPerRun }) => cpuMicrosecondsPerRun)),
  });
  const found = { tenon: of(samples.tenon), bullmq: of(samples.bullmq) };
  for (const [name, { performed, cpu }] of Object.entries(found)) {
    const [median, least, most] = [performed.median, performed.least, performed.most].map(Math.round);
    console.log(`  ${name.padEnd(8)} ${median}/s (${least}–${most}), ${cpu.median.toFixed(1)} µs CPU`);
  }
  const ratio = found.tenon.performed.median / found.bullmq.performed.median;
  console.log(`  × ${ratio.toFixed(2)} (must ${goal.must}, stretch ${goal.stretch})`);
  return { name: 'queue-scripts', count, goal, ratio, found, samples };
}

async function once(): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-bench-'));
  const database = join(folder, 'bench.sqlite');
  makeDatabase(database);
  const server = await start(programOf(tenon, folder, database));
  try {
    const headers = { ...(await prepare(server, tenon, database)), 'content-type': 'application/json' };
    const side: Side = { server, headers };
    // Processes of the runner are there, and code is compiled.
    await performed(side, count);
    const { ms, cpu } = await performed(side, count);
    await check(side);
    return { performedPerSecond: (count * 1_000) / ms, cpuMicrosecondsPerRun: (cpu * 1_000) / count };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Side {
  readonly server: Started;
  readonly headers: Readonly<Record<string, string>>;
}

async function performed(side: Side, runs: number): Promise<{ ms: number; cpu: number }> {
  await ask(side, `${queue}/pause`, 'POST');
  let number = 0;
  const fill = async () => {
    while (number < runs) await ask(side, '/api/v2/later', 'POST', { a: number++, b: 3 });
  };
  await Promise.all(Array.from({ length: atOnce }, fill));
  const [began, cpu] = [performance.now(), cpuMs(side.server.pid)];
  await ask(side, `${queue}/resume`, 'POST');
  for (;;) {
    const { ready, running } = (await ask(side, queue, 'GET')) as { ready: number; running: number };
    if (ready + running === 0) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  return { ms: performance.now() - began, cpu: cpuMs(side.server.pid) - cpu };
}

// All of them ended well.
async function check(side: Side): Promise<void> {
  const path = '/api/v2/system/queued_run?limit=1&include_count=true&filter=state%3Ddone';
  const { meta } = (await ask(side, path, 'GET')) as { meta?: { count?: number } };
  if (meta?.count !== 2 * count) throw new Error(`${meta?.count} of ${2 * count} runs are done`);
}

async function ask(
  { server, headers }: Side,
  path: string,
  method: string,
  body?: unknown,
): Promise<unknown> {
  const given = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(server.url + path, { method, headers, ...given });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
