// How full queues are, as the run store counts it. Invariant: however often it is asked, the store is asked
// once at a time and no more often than every few seconds, and nobody waits for it for long; what is not
// known any more is not told.
import { setTimeout as pause } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';
import { limits } from '../core/limits.ts';
import type { QueueStats, RunStore } from '../core/queue.ts';
import { Tally } from './tallies.ts';

/** What it is made with. */
export interface QueueDepthOptions {
  readonly registry: Registry;
  readonly queue: Pick<RunStore, 'stats'>;
  /** How often the store is asked at most. */
  readonly everyMs?: number;
}

/** Gauges of queues. */
export class QueueDepth {
  readonly #queue: Pick<RunStore, 'stats'>;
  readonly #everyMs: number;
  readonly #failures: Tally<never>;
  #known: readonly QueueStats[] = [];
  /** Before it the store is not asked again. */
  #nextAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor({ registry, queue, everyMs = limits.metricsQueueMs }: QueueDepthOptions) {
    this.#queue = queue;
    this.#everyMs = everyMs;
    this.#failures = new Tally(registry, {
      name: 'tenon_queue_look_failures_total',
      help: 'How often the state of queues could not be read for metrics.',
      labels: [],
    });
    this.#failures.add(0);
    const gauge = (name: string, help: string, fill: (gauge: Gauge, stats: QueueStats) => void) => {
      const fresh = () => this.#fresh();
      const labelNames = name === 'tenon_queue_runs' ? [...place, 'state'] : place;
      new Gauge({
        ...{ name, help, labelNames, registers: [registry] },
        async collect() {
          const known = await fresh();
          this.reset();
          for (const stats of known.slice(0, limits.metricsSeries)) fill(this, stats);
        },
      });
    };
    gauge('tenon_queue_runs', 'Runs in a queue by state, those that are done left out.', (its, stats) => {
      for (const [state, count] of Object.entries(stats.counts)) its.set({ ...at(stats), state }, count);
    });
    gauge(
      'tenon_queue_lag_seconds',
      'For how long the oldest run that could start has waited.',
      (its, stats) => its.set(at(stats), stats.lagMs / 1_000),
    );
    gauge('tenon_queue_paused', 'Whether a queue is paused.', (its, stats) =>
      its.set(at(stats), stats.isPaused ? 1 : 0),
    );
  }

  async #fresh(): Promise<readonly QueueStats[]> {
    if (performance.now() >= this.#nextAt) {
      this.#looking ??= this.#look();
      await Promise.race([this.#looking, pause(limits.metricsWaitMs, undefined, { ref: false })]);
    }
    return this.#known;
  }

  // What takes long is asked for less often: a store that embeds its database does nothing else meanwhile.
  async #look(): Promise<void> {
    const began = performance.now();
    try {
      this.#known = await this.#queue.stats();
    } catch {
      this.#known = [];
      this.#failures.add(1);
    } finally {
      const now = performance.now();
      this.#nextAt = now + Math.max(this.#everyMs, (now - began) / limits.metricsShare);
      this.#looking = undefined;
    }
  }
}

const place = ['connection', 'queue'];

function at({ connection, queue }: QueueStats) {
  return { connection, queue };
}
