// The composition root: the only file that knows every part. Invariant: parts get each other by constructor,
// are started from the ground up and ended in the reverse order.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Config, systemDatabase } from './config.ts';
import type { ConfigurationState } from './configuration-watch.ts';
import { limits } from './core/limits.ts';
import type { Observe } from './core/observe.ts';
import type { Operation, Result } from './core/operation.ts';
import type { Announce, InitialService } from './first-records.ts';
import { readHostMark } from './host-mark.ts';
import { furnish } from './house.ts';
import type { MetricsSource } from './http/metrics.ts';
import { createHttpServer } from './http/server.ts';
import { createLog } from './log.ts';
import type { Metrics } from './metrics/metrics.ts';
import { NodeWatch } from './node-watch.ts';
import { placesOf, type WorkPlan, workPlan } from './queue-house.ts';
import { type OpenSandbox, openSandbox } from './runners/sandbox/index.ts';
import { openKeyRing } from './security/key-ring.ts';
import { openSystemStore } from './store/open.ts';
import { isOnServer } from './store/place.ts';
import { version } from './version.ts';
import type { Worker } from './worker/worker.ts';

export { announceOnce, type InitialService } from './first-records.ts';

/** What a server is started with. */
export interface ServerOptions {
  readonly config: Config;
  readonly services?: readonly InitialService[];
  /** Told everything that the log is told. */
  readonly observe?: Observe;
  /** Told the password that was made up for the first administrator; without, it is printed once. */
  readonly announce?: Announce;
  /** In place of the mark of this machine, for tests. */
  readonly hostMark?: string;
}

/** A running server. */
export interface RunningServer {
  readonly url: string;
  /**
   * Tells that requests are not wanted any more, goes on serving for so long, and ends the requests in
   * flight, the runners and the databases, in this order.
   */
  close(options?: { readonly delayMs?: number }): Promise<void>;
}

/** Starts a server; resolves once it listens. Throws `config.*` or the reason why it cannot. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config } = options;
  const metrics = await openMetrics(config);
  const { house, nodes, observe, sandbox, closers } = await open(options, metrics);
  try {
    const server = await createHttpServer({
      ...house.door,
      status: () => ({
        version,
        sandbox: { level: sandbox.level },
        checks: checksOf(house.configuration(), nodes),
      }),
      requests: metrics?.requests,
      metrics: sourceOf(metrics, config.metricsToken),
      observe,
      host: config.host,
      port: config.port,
      bodyBytes: config.bodyBytes,
      proxies: config.trustedProxies,
      corsOrigins: config.corsOrigins,
    });
    metrics?.addReadiness(() => server.isReady);
    closers.push(() => server.close());
    house.queues.start();
    house.queues.work(workPlan(config));
    if (config.runsSchedules) house.schedules.start();
    // Requests may go on setting runs off while those that run here are ended or given back.
    closers.push(() => house.queues.stopWorking());
    await nodes.start({ kind: 'serve', url: server.url, queues: house.queues.worked });
    closers.push(async () => nodes.drain());
    const stop = async (delayMs: number) => {
      server.drain();
      nodes.drain();
      const working = Promise.all([house.schedules.stop(), house.queues.stopWorking()]);
      await Promise.all([working, pause(delayMs).then(() => server.close(quietMs(delayMs)))]);
      await closeAll(closers);
    };
    return { url: server.url, close: ({ delayMs = 0 } = {}) => stop(delayMs) };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** All of a server but its door to the network. */
export interface OpenPlatform {
  /** Does an operation; refusals and failures are results, too. */
  dispatch(operation: Operation): Promise<Result>;
  /** Makes a worker, which its owner starts and stops before he closes. */
  worker(plan: WorkPlan): Worker;
  /** Lets the other processes know of a worker that goes on; tells how to say that it is about to end. */
  join(worker: Pick<Worker, 'connection' | 'queues'>): Promise<() => void>;
  close(): Promise<void>;
}

/** Opens a data folder for a command; another process may serve it meanwhile. */
export async function openPlatform(options: ServerOptions): Promise<OpenPlatform> {
  const { house, nodes, closers } = await open(options);
  const { dispatcher } = house.door;
  return {
    dispatch: (operation) => dispatcher.dispatch(operation),
    worker: (plan) => {
      house.queues.start();
      return house.queues.worker(plan);
    },
    join: async (worker) => {
      await nodes.start({ kind: 'work', url: null, queues: placesOf(worker) });
      return () => nodes.drain();
    },
    close: () => closeAll(closers),
  };
}

async function open(options: ServerOptions, metrics?: Metrics) {
  const { config } = options;
  const observe = observerOf(options, metrics);
  mkdirSync(config.home, { recursive: true, mode: 0o700 });
  const { home, masterKey: given, masterKeyPrevious: previous } = config;
  const keys = openKeyRing({ given, previous, home });
  const sandbox = await contain(config, observe);
  const closers: (() => Promise<void>)[] = [() => sandbox.close()];
  try {
    const { store, nodes } = await openStore(options, observe);
    closers.push(() => store.close());
    const house = await furnish({ options, store, keys, sandbox, observe, meter: metrics?.operations });
    metrics?.addQueues(store.queue);
    metrics?.addConfiguration(house.configuration);
    closers.push(() => house.close());
    closers.push(() => nodes.stop());
    return { house, nodes, observe, sandbox, closers };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function openStore({ config, hostMark = readHostMark() }: ServerOptions, observe: Observe) {
  const database = systemDatabase(config);
  const owner = { hostMark, isInsisting: config.networkFolder, observe };
  const store = await openSystemStore(database, owner);
  return { store, nodes: new NodeWatch({ store, hostMark, isOneHost: !isOnServer(database), observe }) };
}

async function contain(config: Config, observe: Observe): Promise<OpenSandbox> {
  const { sandboxMin: minimum, scriptReadPaths: readPaths } = config;
  const secrets = [join(config.home, 'master.key'), systemDatabase(config)].filter(existsSync);
  const sandbox = await openSandbox({ minimum, readPaths, secrets });
  const { level, launcher, notes } = sandbox.report;
  observe({ kind: 'sandbox.opened', level, launcher, notes });
  return sandbox;
}

function observerOf({ config, observe }: ServerOptions, metrics: Metrics | undefined): Observe {
  const log = createLog(config.logLevel);
  if (observe === undefined && metrics === undefined) return log.observe;
  return (observation) => {
    log.observe(observation);
    metrics?.observe(observation);
    observe?.(observation);
  };
}

// Commands that end at once load nothing of it.
async function openMetrics({ metrics }: Config): Promise<Metrics | undefined> {
  if (!metrics) return undefined;
  const { Metrics: Room } = await import('./metrics/metrics.ts');
  return new Room({ version });
}

function sourceOf(metrics: Metrics | undefined, token: string | undefined): MetricsSource | undefined {
  if (metrics === undefined) return undefined;
  return { token, contentType: metrics.contentType, text: () => metrics.text() };
}

function checksOf({ isReachable, isLoaded }: ConfigurationState, { isHealthy }: NodeWatch) {
  return { system_database: isReachable, configuration: isLoaded, registry: isHealthy };
}

// Whoever stops at once has nobody to take over from it.
function quietMs(delayMs: number): number {
  return Math.min(delayMs, limits.drainQuietMs);
}

async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}
