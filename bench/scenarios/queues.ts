// How many runs that do nothing a queue takes and performs, and how soon one starts where nothing else is to
// be done: ours on SQLite beside BullMQ on Redis, ours on PostgreSQL beside pg-boss and graphile-worker. Each
// contestant is one process, new in every round, with a place of its own; the order is reversed each round.
import { bullmq, compete, type Entrant } from '../contestants.ts';
import type { Performance } from '../queue-contest.ts';
import { folderPlace, postgresPlaces, redisPlace } from '../queue-places.ts';
import { type Spread, spread } from '../spread.ts';

interface Goals {
  readonly performed: { readonly must: number; readonly stretch: number };
  readonly latencyMs: { readonly must: number; readonly stretch: number };
}

const ours = { program: 'test/soak/no-op-runs.ts', settings: { concurrency: 200 } };

/** Our queue on SQLite, and BullMQ. */
export async function measureQueueOnSqlite(rounds: number): Promise<unknown> {
  const entrants: Entrant[] = [
    { ...ours, name: 'tenon on SQLite', place: folderPlace },
    { ...bullmq, name: 'BullMQ, to disk each second', place: () => redisPlace('everysec') },
    { ...bullmq, name: 'BullMQ, to disk each time', place: () => redisPlace('always') },
  ];
  const goals = { performed: { must: 5, stretch: 10 }, latencyMs: { must: 1, stretch: 0.4 } };
  return compared('queue-noop-sqlite', { entrants, goals, rounds, count: 20_000 });
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
    return await compared('queue-noop-postgres', { entrants, goals, rounds, count: 10_000 });
  } finally {
    await places.remove();
  }
}

interface Comparison {
  readonly entrants: readonly Entrant[];
  readonly goals: Goals;
  readonly rounds: number;
  readonly count: number;
}

async function compared(name: string, { entrants, goals, rounds, count }: Comparison): Promise<unknown> {
  console.log(`\n${name}: ${count} runs that do nothing, queued by a call each, then performed`);
  const work = { count, window: 1_000, waits: 40 };
  const samples = new Map<Entrant, Performance[]>(entrants.map((entrant) => [entrant, []]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? entrants : [...entrants].reverse();
    for (const entrant of order) samples.get(entrant)?.push(await compete(entrant, work));
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
