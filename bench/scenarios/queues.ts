// How many runs that do nothing a queue takes and performs, and how soon one starts where nothing else is to
// be done: ours on SQLite beside BullMQ on Redis, ours on PostgreSQL beside pg-boss and graphile-worker. Each
// contestant is one process, new in every round, with a place of its own; the order is reversed each round.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Performance, Task } from '../queue-contest.ts';
import { folderPlace, postgresPlaces, type QueuePlace, redisPlace } from '../queue-places.ts';
import { type Spread, spread } from '../spread.ts';

const count = 20_000;
const work = { count, window: 1_000, waits: 40 };

/** One of the queues that are compared. */
interface Entrant {
  readonly name: string;
  readonly program: string;
  /** The settings that were the quickest of those tried on the machine of the first figures. */
  readonly settings: Readonly<Record<string, number>>;
  place(): Promise<QueuePlace>;
}

interface Goals {
  readonly performed: { readonly must: number; readonly stretch: number };
  readonly latencyMs: { readonly must: number; readonly stretch: number };
}

const ours = { program: 'test/soak/no-op-runs.ts', settings: { concurrency: 200 } };
const bullmq = { program: 'bench/clients/queue-bullmq.mjs', settings: { concurrency: 200 } };

/** Our queue on SQLite, and BullMQ. */
export async function measureQueueOnSqlite(rounds: number): Promise<unknown> {
  const entrants: Entrant[] = [
    { ...ours, name: 'tenon on SQLite', place: folderPlace },
    { ...bullmq, name: 'BullMQ, to disk each second', place: () => redisPlace('everysec') },
    { ...bullmq, name: 'BullMQ, to disk each time', place: () => redisPlace('always') },
  ];
  const goals = { performed: { must: 5, stretch: 10 }, latencyMs: { must: 1, stretch: 0.4 } };
  return compared('queue-noop-sqlite', { entrants, goals, rounds });
}

/** Our queue on PostgreSQL, pg-boss and graphile-worker. */
export async function measureQueueOnPostgres(rounds: number): Promise<unknown> {
  const places = await postgresPlaces();
  const place = places.make;
  const pgBoss = { program: 'bench/clients/queue-pg-boss.mjs', settings: { loops: 4, batch: 500 } };
  const graphile = {
    program: 'bench/clients/queue-graphile-worker.mjs',
    settings: { concurrency: 200, batch: 2_000, delayMs: 5 },
  };
  const entrants: Entrant[] = [
    { ...ours, name: 'tenon on PostgreSQL', place },
    { ...pgBoss, name: 'pg-boss', place },
    { ...graphile, name: 'graphile-worker', place },
  ];
  const goals = { performed: { must: 1.3, stretch: 2 }, latencyMs: { must: 5, stretch: 2 } };
  try {
    return await compared('queue-noop-postgres', { entrants, goals, rounds });
  } finally {
    await places.remove();
  }
}

interface Comparison {
  readonly entrants: readonly Entrant[];
  readonly goals: Goals;
  readonly rounds: number;
}

async function compared(name: string, { entrants, goals, rounds }: Comparison): Promise<unknown> {
  console.log(`\n${name}: ${count} runs that do nothing, queued by a call each, then performed`);
  const samples = new Map<Entrant, Performance[]>(entrants.map((entrant) => [entrant, []]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? entrants : [...entrants].reverse();
    for (const entrant of order) samples.get(entrant)?.push(await once(entrant));
  }
  const found = entrants.map((entrant) => ({ name: entrant.name, ...summary(samples.get(entrant) ?? []) }));
  const [own, ...rivals] = found;
  for (const each of found) console.log(`  ${lineOf(each)}`);
  const ratios = rivals.map((rival) => ({ rival: rival.name, ...ratiosOf(own, rival) }));
  for (const { rival, performed, queued, runs } of ratios) {
    console.log(
      `  against ${rival}: performed × ${performed.toFixed(2)} ` +
        `(must ${goals.performed.must}, stretch ${goals.performed.stretch}), ` +
        `queued × ${queued.toFixed(2)}, queued and performed × ${runs.toFixed(2)}`,
    );
  }
  console.log(`  idle: p50 must be ≤ ${goals.latencyMs.must} ms, stretch ${goals.latencyMs.stretch} ms`);
  return { name, work, goals, ratios, found, samples: [...samples.values()] };
}

interface Summary {
  readonly queued: Spread;
  readonly performed: Spread;
  readonly runs: Spread;
  readonly cpu: Spread;
  readonly latency: Spread;
}

function summary(all: readonly Performance[]): Summary {
  const of = (pick: (each: Performance) => number) => spread(all.map(pick));
  return {
    queued: of((each) => each.queuedPerSecond),
    performed: of((each) => each.performedPerSecond),
    runs: of((each) => each.runsPerSecond),
    cpu: of((each) => each.cpuMicrosecondsPerRun),
    latency: of((each) => spread(each.latenciesMs).median),
  };
}

function lineOf({ name, ...all }: Summary & { readonly name: string }): string {
  const rate = ({ median, least, most }: Spread) =>
    `${Math.round(median)}/s (${Math.round(least)}–${Math.round(most)})`;
  return (
    `${name.padEnd(27)} queued ${rate(all.queued)}, performed ${rate(all.performed)}, ` +
    `both ${rate(all.runs)}, ${all.cpu.median.toFixed(1)} µs CPU, ` +
    `idle p50 ${all.latency.median.toFixed(2)} ms`
  );
}

function ratiosOf(own: Summary | undefined, rival: Summary) {
  const of = (pick: (each: Summary) => Spread) =>
    own === undefined ? 0 : pick(own).median / pick(rival).median;
  return {
    queued: of((each) => each.queued),
    performed: of((each) => each.performed),
    runs: of((each) => each.runs),
  };
}

async function once({ name, program, settings, place }: Entrant): Promise<Performance> {
  const own = await place();
  try {
    const task: Task & Record<string, unknown> = { ...work, ...settings, ...own.task, servers: own.servers };
    return JSON.parse(await outputOf(program, task)) as Performance;
  } catch (error) {
    throw new Error(`${name}: ${String(error)}`, { cause: error });
  } finally {
    await own.remove();
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url));

function outputOf(program: string, task: Task): Promise<string> {
  return new Promise((done, fail) => {
    const env = { PATH: process.env.PATH ?? '', BENCH_QUEUE: JSON.stringify(task) };
    const child = spawn(process.execPath, [program], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', fail);
    child.on('exit', (code) => (code === 0 ? done(text) : fail(new Error(`ended with ${code}`))));
  });
}
