// `npm run bench [-- name …] [--rounds N] [--seconds N] [--connections N]`: asks the speed questions of
// bench/scenarios, prints medians and ratios beside their goals, and keeps everything as JSON in
// bench/results.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { generator } from './load.ts';
import { type Effort, measure, type Sample, type Scenario } from './scenario.ts';
import { measureDatabases, measureGrowth } from './scenarios/databases.ts';
import { measureStreams } from './scenarios/databases-stream.ts';
import { house } from './scenarios/house.ts';
import { languages } from './scenarios/languages.ts';
import { limits } from './scenarios/limits.ts';
import { measureQueuedScripts } from './scenarios/queue-scripts.ts';
import { measureQueueOnPostgres, measureQueueOnSqlite } from './scenarios/queues.ts';
import { measureRunners } from './scenarios/runners.ts';
import { runs } from './scenarios/runs.ts';
import { services } from './scenarios/services.ts';
import { measureStart } from './scenarios/start.ts';
import { spread } from './spread.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const scenarios = [...house, ...languages, ...services, ...runs, ...limits];
const effort: Effort = {
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  connections: Number(values.connections),
};

/** Questions that are no comparison of requests per second. */
const others: Readonly<Record<string, () => Promise<unknown>>> = {
  start: () => measureStart(effort.rounds * 2),
  runners: () => measureRunners(effort.rounds),
  databases: () => measureDatabases(effort),
  'databases-growth': () => measureGrowth(effort),
  'databases-stream': () => measureStreams(effort.rounds),
  'queue-scripts': () => measureQueuedScripts(effort.rounds),
  'queue-noop-sqlite': () => measureQueueOnSqlite(effort.rounds),
  'queue-noop-postgres': () => measureQueueOnPostgres(effort.rounds),
};

if (values.help) {
  const names = [...scenarios.map((scenario) => scenario.name), ...Object.keys(others)].join(', ');
  console.log(`npm run bench [-- name …] [--rounds 5] [--seconds 3] [--connections 32]\nnames: ${names}`);
} else {
  await main();
}

async function main(): Promise<void> {
  const wanted = (name: string) => positionals.length === 0 || positionals.includes(name);
  const unknown = positionals.filter(
    (name) => !Object.hasOwn(others, name) && !scenarios.some((scenario) => scenario.name === name),
  );
  if (unknown.length > 0) throw new Error(`No scenario is called ${unknown.join(', ')}; see --help.`);
  const reports: unknown[] = [];
  for (const scenario of scenarios.filter(({ name }) => wanted(name))) {
    console.log(`\n${scenario.name}: ${scenario.question}`);
    reports.push(report(scenario, await measure(scenario, effort)));
  }
  for (const [name, answer] of Object.entries(others)) if (wanted(name)) reports.push(await answer());
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim();
  mkdirSync(new URL('./results/', import.meta.url), { recursive: true });
  const file = new URL(`./results/${commit}.json`, import.meta.url);
  writeFileSync(
    file,
    `${JSON.stringify({ commit, machine, generator, command, effort, reports }, null, 2)}\n`,
  );
  console.log(`\nkept in bench/results/${commit}.json`);
}

function report(scenario: Scenario, samples: { a: Sample[]; b: Sample[] }): unknown {
  const a = medians(samples.a);
  const b = medians(samples.b);
  const ratio = a.requestsPerSecond / b.requestsPerSecond;
  const cpuRatio = a.cpuMicrosecondsPerRequest / b.cpuMicrosecondsPerRequest;
  const line = (name: string, sample: Sample) =>
    console.log(
      `  ${name.padEnd(36)} ${Math.round(sample.requestsPerSecond).toString().padStart(7)}/s ` +
        `${sample.cpuMicrosecondsPerRequest.toFixed(1).padStart(9)} µs CPU  p50 ${sample.latencyP50Ms} ms  ` +
        `p99 ${sample.latencyP99Ms} ms`,
    );
  line(scenario.a.name, a);
  line(scenario.b.name, b);
  const goal = scenario.goal;
  const verdict =
    goal === undefined ? '' : ` (must ${goal.must}, stretch ${goal.stretch}): ${judged(ratio, goal)}`;
  console.log(`  requests/s × ${ratio.toFixed(2)}, CPU × ${cpuRatio.toFixed(2)}${verdict}`);
  return {
    name: scenario.name,
    question: scenario.question,
    goal,
    ratio,
    cpuRatio,
    median: { a, b },
    samples,
  };
}

function judged(ratio: number, goal: { must: number; stretch: number }): string {
  if (ratio >= goal.stretch) return 'stretch reached';
  return ratio >= goal.must ? 'reached' : 'MISSED';
}

function medians(samples: readonly Sample[]): Sample {
  const of = (pick: (sample: Sample) => number) => spread(samples.map(pick)).median;
  return {
    requestsPerSecond: of((sample) => sample.requestsPerSecond),
    cpuMicrosecondsPerRequest: of((sample) => sample.cpuMicrosecondsPerRequest),
    latencyP50Ms: of((sample) => sample.latencyP50Ms),
    latencyP99Ms: of((sample) => sample.latencyP99Ms),
  };
}
