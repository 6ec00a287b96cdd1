// `tenon work`, `queue:work` and `queue:listen`: performs queued runs without serving the API.
// Invariant: on SIGINT or SIGTERM runs end or are given back before the process does; a second signal stops
// what runs, and nothing waits any longer.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, systemDatabase } from '../config.ts';
import { limits } from '../core/limits.ts';
import { type OpenPlatform, openPlatform } from '../main.ts';
import { retentionOf } from '../queue-house.ts';
import { isOnServer } from '../store/place.ts';
import type { Worker } from '../worker/worker.ts';
import { CommandError } from './failure.ts';
import { configOf, type ServerOptions } from './options.ts';
import { reportOf } from './work-report.ts';

/** Options of `work`; numbers as they were typed. */
export interface WorkOptions extends Pick<ServerOptions, 'home' | 'databaseUrl'> {
  readonly queue?: string;
  readonly once?: boolean;
  readonly concurrency?: string;
  /** Seconds that a run may take. */
  readonly timeout?: string;
  /** Seconds between looks at an empty queue. */
  readonly sleep?: string;
  readonly tries?: string;
  /** Seconds before a failed run is tried again. */
  readonly delay?: string;
}

/** Performs runs until it is told to stop, or only the next one. */
export async function work(connection: string | undefined, options: WorkOptions): Promise<void> {
  const config = configOf(options);
  requireSystem(config);
  const plan = planOf(connection ?? '', options, config);
  const isForPeople = process.stdout.isTTY === true;
  // The lines of the log are for programs; at a terminal they would hide the others.
  const isQuiet = isForPeople && process.env.TENON_LOG_LEVEL === undefined;
  const logLevel = isQuiet ? 'silent' : config.logLevel;
  const isLogging = !['error', 'silent'].includes(logLevel);
  const observe = reportOf({ write: (line) => console.log(line), isForPeople, isLogging });
  const platform = await openPlatform({ config: { ...config, logLevel }, observe });
  try {
    await (options.once === true ? performOne(platform, plan) : goOn({ platform, plan, isForPeople }));
  } finally {
    await platform.close();
  }
}

// A mistyped folder would become a new system, which has nothing to do.
function requireSystem(config: Config): void {
  const database = systemDatabase(config);
  if (isOnServer(database) || existsSync(database)) return;
  throw new CommandError(
    `There is no system database at ${database}.`,
    'Name the data folder of the server with --home (TENON_HOME), or start the server first.',
  );
}

type Plan = Parameters<OpenPlatform['worker']>[0];

function planOf(connection: string, options: WorkOptions, config: Config): Plan {
  const { workerConcurrency, queueTries, queueTimeout } = config;
  const whole = (name: NumberName, otherwise: number) => numberOf(options, name) ?? otherwise;
  const wait = numberOf(options, 'delay');
  return {
    connection,
    queues: queuesOf(options.queue),
    concurrency: options.once === true ? 1 : whole('concurrency', workerConcurrency),
    retention: retentionOf(config),
    tries: whole('tries', queueTries),
    // As elsewhere, no time means as long as can be.
    timeoutMs: (whole('timeout', queueTimeout) || limits.queueTimeoutMaxMs / 1_000) * 1_000,
    pollMs: options.sleep === undefined ? limits.queuePollMs : whole('sleep', 1) * 1_000,
    ...(wait === undefined ? {} : { backoff: { kind: 'list', delaysMs: [wait * 1_000] } }),
  };
}

// None stands for the default queue of the connection.
function queuesOf(text: string | undefined): string[] {
  const names = (text ?? '').split(',').map((name) => name.trim());
  const queues = [...new Set(names.filter((name) => name !== ''))];
  const long = queues.find((name) => name.length > limits.queueNameChars);
  if (long === undefined) return queues;
  throw new CommandError(`The name of a queue may have ${limits.queueNameChars} characters: ${long}`);
}

type NumberName = 'concurrency' | 'timeout' | 'sleep' | 'tries' | 'delay';

const ranges: Readonly<Record<NumberName, readonly [least: number, most: number, unit: string]>> = {
  concurrency: [1, 1_000, ''],
  timeout: [0, limits.queueTimeoutMaxMs / 1_000, ' of seconds'],
  sleep: [1, 3_600, ' of seconds'],
  tries: [1, limits.queueTriesMax, ''],
  delay: [0, limits.queueDelaySeconds, ' of seconds'],
};

function numberOf(options: WorkOptions, name: NumberName): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  const [least, most, unit] = ranges[name];
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new CommandError(
    `--${name} must be a whole number${unit} from ${least} to ${most}; it is '${text}'.`,
  );
}

async function performOne(platform: OpenPlatform, plan: Plan): Promise<void> {
  const worker = platform.worker(plan);
  const { unhook } = onSignal(() => worker.stop());
  try {
    if (await worker.performNext()) return;
    console.log(`Nothing to do: no run is due in ${described(worker)}.`);
  } finally {
    unhook();
  }
}

interface GoingOn {
  readonly platform: OpenPlatform;
  readonly plan: Plan;
  readonly isForPeople: boolean;
}

async function goOn({ platform, plan, isForPeople }: GoingOn): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const stop = async () => {
    sayGoodbye();
    await worker.stop();
    ended.resolve();
  };
  const worker: Worker = platform.worker({
    ...plan,
    onRestart: () => {
      console.log('Asked to begin anew: ending, for whoever watches over this process to start it again.');
      void stop();
    },
  });
  const sayGoodbye = await platform.join(worker);
  const { unhook } = onSignal(stop);
  worker.start();
  const { concurrency } = plan;
  console.log(`Working ${described(worker)}, ${concurrency} at a time${isForPeople ? '; Ctrl-C ends' : ''}.`);
  await ended.promise;
  unhook();
  console.log('Stopped.');
}

function described({ connection, queues }: Pick<Worker, 'connection' | 'queues'>): string {
  if (queues.includes('*') && queues.length === 1) return `all queues of '${connection}'`;
  const names = queues.map((name) => `'${name}'`).join(', ');
  return `the ${queues.length === 1 ? 'queue' : 'queues'} ${names} of '${connection}'`;
}

function onSignal(stop: () => Promise<void>): { unhook(): void } {
  let signals = 0;
  const end = () => {
    signals += 1;
    if (signals === 1) console.log('Ending: what runs may end first; a second signal gives it back at once.');
    void stop();
    // One that cannot even be given back is taken over by others.
    if (signals > 1) void sleep(2 * limits.queueAbortMs).then(() => process.exit(1));
    if (signals > 2) process.exit(1);
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  return { unhook: () => void process.off('SIGINT', end).off('SIGTERM', end) };
}
