// Everything that has to do with queued runs: their connections, the way that they are handed over, who
// performs them, and the workers of this process. Invariant: what was taken is kept before the house is
// closed, and nothing is begun after.
import type { Config } from './config.ts';
import { byRole } from './core/access.ts';
import type { Dispatcher } from './core/dispatch.ts';
import { PlatformError } from './core/errors.ts';
import type { Observe } from './core/observe.ts';
import type { Handoffs } from './core/outbox.ts';
import type { QueuePlace, RunPerformer } from './core/queue.ts';
import type { ScheduleSlots } from './core/schedule.ts';
import type { Service, ServiceDirectory } from './core/service.ts';
import type { Store } from './core/store.ts';
import { type QueueConnection, QueueConnections } from './queues/connections.ts';
import { Handover } from './queues/handoff.ts';
import { OutboxRegister } from './queues/outbox-register.ts';
import { Relay } from './queues/relay.ts';
import type { EventScripts } from './scripts/directory.ts';
import { QueuedRuns } from './scripts/queued-runs.ts';
import { newRunId } from './scripts/run-record.ts';
import type { Authority } from './security/authority.ts';
import { RunActors } from './security/run-actors.ts';
import type { RunTokens } from './security/run-tokens.ts';
import type { Secrets } from './security/secrets.ts';
import type { Retention } from './worker/upkeep.ts';
import { Worker, type WorkerOptions } from './worker/worker.ts';

/** What queued runs take. */
export interface QueueHouseParts {
  readonly store: Store;
  readonly services: ServiceDirectory;
  readonly scripts: EventScripts;
  readonly authority: Authority;
  readonly runTokens: RunTokens;
  readonly secrets: Secrets;
  readonly observe: Observe;
  /** The connection and queue of runs that name none. */
  readonly fallback: QueuePlace;
  /** Redis of this server, which then is a connection as well. */
  readonly redisUrl?: string | undefined;
}

/** What a worker takes, and how. */
export type WorkPlan = Omit<
  WorkerOptions,
  'store' | 'performer' | 'observe' | 'signal' | 'consign' | 'currentVersions'
>;

/** The worker that a server is configured to be. */
export function workPlan(config: Config): WorkPlan {
  const { workerQueues: queues, workerConcurrency: concurrency, queueTries: tries, queueTimeout } = config;
  const timeoutMs = queueTimeout * 1_000;
  return { connection: '', queues, concurrency, tries, timeoutMs, retention: retentionOf(config) };
}

/** For how long ended runs are kept. */
export function retentionOf(config: Config): Retention {
  const { queueDoneDays: doneDays, queueDoneCount: doneCount, queueFailedDays: failedDays } = config;
  return { doneDays, doneCount, failedDays };
}

/** The queues that a worker works, as people write them. */
export function placesOf({ connection, queues }: Pick<Worker, 'connection' | 'queues'>): string[] {
  return queues.map((queue) => `${connection}:${queue}`);
}

/** Where queued runs are at home. */
export class QueueHouse {
  readonly connections: QueueConnections;
  readonly handoffs: Handoffs;
  readonly relay: Relay;
  readonly register: OutboxRegister;
  readonly #parts: QueueHouseParts;
  #performer: RunPerformer | undefined;
  #worker: Worker | undefined;
  #isClosing = false;
  #isStarted = false;

  constructor(parts: QueueHouseParts) {
    this.#parts = parts;
    const { store, services, secrets, observe, fallback, redisUrl } = parts;
    this.connections = new QueueConnections({
      ...{ store, fallback, redisUrl, secrets, observe },
      performer: () => this.performer,
    });
    const { connections } = this;
    const dropsUncertain = (name: string) =>
      services.list().some((service) => service.dropsUncertain === true && isNamed(service, name));
    const { outbox } = store;
    this.handoffs = new Handover({ queue: connections, outbox, newId: newRunId, dropsUncertain });
    this.register = new OutboxRegister({ store });
    const { register } = this;
    this.relay = new Relay({ outbox: store.outbox, services, queue: connections, register, observe });
  }

  /** Who performs runs; there once the house is furnished. */
  get performer(): RunPerformer {
    if (this.#performer === undefined) throw new Error('the house of queues is not furnished yet');
    return this.#performer;
  }

  /** Makes who performs runs: they go the path of all operations, which itself sets off runs. */
  furnish(dispatcher: Dispatcher): void {
    const { store, services, scripts, authority, runTokens } = this.#parts;
    const actors = new RunActors({ store, authority, runTokens });
    const answered: ScheduleSlots['answered'] = (id, answer) => store.scheduleSlots.answered(id, answer);
    this.#performer = new QueuedRuns({ scripts, services, access: byRole, actors, dispatcher, answered });
  }

  /** Hands on what earlier servers left, from now on; for whoever stays, not for a command that looks. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.connections.start();
    this.relay.start();
  }

  /** Performs runs in this process, too, unless no queue is named. */
  work(plan: WorkPlan): void {
    if (plan.queues.length > 0 && this.connections.find(plan.connection).transport.isWorked)
      this.#begin(plan);
  }

  /** The queues that this process works as a server. */
  get worked(): string[] {
    return this.#worker === undefined ? [] : placesOf(this.#worker);
  }

  /** Makes a worker, which its owner starts and stops; without queues, of the default one. */
  worker(plan: WorkPlan): Worker {
    const { store, scripts, observe } = this.#parts;
    const { connections, performer } = this;
    const { name, defaultQueue } = this.#workable(plan.connection);
    const queues =
      plan.queues.length === 0 ? [defaultQueue] : plan.queues.map((queue) => queue || defaultQueue);
    return new Worker({
      ...plan,
      ...{ store, performer, observe, connection: name, queues },
      signal: { listen: (of, hear) => connections.consume(of, queues, hear) },
      consign: (runs) => connections.consign(runs),
      currentVersions: async () => scripts.queuedVersions(),
    });
  }

  /** Takes no more runs; resolves when those that run are over or given back. */
  async stopWorking(): Promise<void> {
    this.#isClosing = true;
    await this.#worker?.stop();
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    await this.stopWorking();
    await this.relay.stop();
    await this.connections.close();
  }

  // What is performed by whoever queues it, or dropped, waits for no worker.
  #workable(name: string): QueueConnection {
    const connection = this.connections.find(name);
    if (connection.transport.isWorked) return connection;
    throw new PlatformError(
      'config.invalid',
      `The queue connection '${connection.name}' is of the kind '${connection.type}', which needs no worker.`,
    );
  }

  // Asked to begin anew, a server need not end: what it runs is over, or given back, and goes on.
  #begin(plan: WorkPlan): void {
    const worker = this.worker({
      ...plan,
      onRestart: () => {
        void worker.stop().then(() => !this.#isClosing && this.#begin(plan));
      },
    });
    this.#worker = worker;
    worker.start();
  }
}

function isNamed(service: Service, name: string): boolean {
  return service.name === name || service.name === name.toLowerCase();
}
