// Everything that Prometheus is told of this process, in a registry of its own. Invariant: nothing is
// global, and what nobody asks for costs additions alone: gauges are read, and the process is watched, once
// somebody asks.
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Observation } from '../core/observe.ts';
import type { RunStore } from '../core/queue.ts';
import { ObservedCount } from './observed.ts';
import { QueueDepth } from './queue-depth.ts';
import { OperationCount, RequestCount } from './requests.ts';

/** What is in force, for gauges. */
export interface ConfigurationState {
  readonly generation: number;
  /** When it was last known to be what is stored, by performance.now(). */
  readonly seenAt: number;
}

/** What metrics are made with. */
export interface MetricsOptions {
  readonly version: string;
}

/** The metrics of a process. */
export class Metrics {
  readonly requests: RequestCount;
  readonly operations: OperationCount;
  readonly #registry = new Registry();
  readonly #observed: ObservedCount;
  #isWatching = false;
  #rendering: Promise<string> | undefined;

  constructor({ version }: MetricsOptions) {
    const registry = this.#registry;
    this.requests = new RequestCount(registry);
    this.operations = new OperationCount(registry);
    this.#observed = new ObservedCount(registry, (service) => this.operations.known(service));
    const build = new Gauge({
      ...{ name: 'tenon_build_info', help: 'The version of Tenon, and the Node.js that it runs in.' },
      ...{ labelNames: ['version', 'node'], registers: [registry] },
    });
    build.set({ version, node: process.version }, 1);
  }

  /** Takes an observation. */
  observe(seen: Observation): void {
    this.#observed.observe(seen);
  }

  /** From now on the depth of queues is told. */
  addQueues(queue: Pick<RunStore, 'stats'>): void {
    new QueueDepth({ registry: this.#registry, queue });
  }

  /** From now on the configuration in force is told. */
  addConfiguration(state: () => ConfigurationState): void {
    this.#read(
      'tenon_configuration_generation',
      'Grows with every change of the configuration, as far as it is in force here.',
      () => state().generation,
    );
    this.#read(
      'tenon_configuration_age_seconds',
      'For how long it is not known whether the configuration in force is the stored one.',
      () => (performance.now() - state().seenAt) / 1_000,
    );
  }

  /** From now on it is told whether requests should be sent here. */
  addReadiness(isReady: () => boolean): void {
    this.#read('tenon_ready', 'Whether this process wants requests, as /status/ready says.', () =>
      isReady() ? 1 : 0,
    );
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text for Prometheus; those who ask at the same time get the same. */
  text(): Promise<string> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = undefined;
    });
    return this.#rendering;
  }

  #render(): Promise<string> {
    if (!this.#isWatching) collectDefaultMetrics({ register: this.#registry });
    this.#isWatching = true;
    return this.#registry.metrics();
  }

  #read(name: string, help: string, value: () => number): void {
    new Gauge({
      ...{ name, help, registers: [this.#registry] },
      collect() {
        this.set(value());
      },
    });
  }
}
