// Keeps what is in force in step with what is stored, also when another process that shares the system
// database changes it. Invariant: what fails to be read is told once, and read again a moment later.
import { limits } from './core/limits.ts';
import type { Observe } from './core/observe.ts';
import type { CorsRecord, Store } from './core/store.ts';
import type { QueueConnections } from './queues/connections.ts';
import type { EventScripts } from './scripts/directory.ts';
import type { Authority } from './security/authority.ts';
import type { RateLimits } from './security/limits/rate-limits.ts';
import type { Services } from './services/directory.ts';
import type { Overlays } from './services/index.ts';

/** Takes over roles, apps and lookups; which names are lookups decides how scripts are compiled. */
export async function reloadAuthority(
  parts: Pick<WatchParts, 'authority' | 'scripts' | 'store'>,
): Promise<void> {
  const { authority, scripts, store } = parts;
  const before = authority.lookupNames();
  await authority.load();
  if (authority.lookupNames() === before) return;
  scripts.load(await store.eventScripts.list(), authority.lookupNames());
  void scripts.warm();
}

/** What is kept in step, and with what. */
export interface WatchParts {
  readonly store: Store;
  readonly services: Services;
  readonly overlays: Overlays;
  readonly scripts: EventScripts;
  readonly authority: Authority;
  readonly limitCounts: RateLimits;
  readonly queues: QueueConnections;
  /** Told when something changed, once it is in force. */
  readonly loaded: () => void;
  readonly observe: Observe;
}

/** How the configuration in force stands to the stored one. */
export interface ConfigurationState {
  readonly generation: number;
  /** When it was last known to be the stored one, by performance.now(). */
  readonly seenAt: number;
  /** Whether the system database answered not long ago. */
  readonly isReachable: boolean;
  /** Whether what was stored then is in force. */
  readonly isLoaded: boolean;
}

/**
 * Keeps services, scripts, roles and apps in step with the store, also when another process of the same data
 * folder changes it.
 */
export class ConfigurationWatch {
  readonly #parts: WatchParts;
  #timer: NodeJS.Timeout | undefined;
  #generation = -1;
  #seenGeneration = -1;
  #isHealthy = false;
  #isReachable = false;
  /** When the store was last asked and answered, by performance.now(). */
  #seenAt = Number.NEGATIVE_INFINITY;
  #loadedAt = Number.NEGATIVE_INFINITY;
  corsRules: readonly CorsRecord[] = [];

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** What is in force, and since when that is not known to be what is stored. */
  readonly state = (): ConfigurationState => ({
    generation: this.#generation,
    seenAt: this.#loadedAt,
    isReachable: this.#isReachable && performance.now() - this.#seenAt < limits.readyMs,
    isLoaded: this.#generation === this.#seenGeneration,
  });

  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#tryLook(), limits.configurationPollMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #tryLook(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      if (this.#isHealthy) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#parts.observe({ kind: 'service.failed', service: 'system', reason: `store: ${reason}` });
      }
      this.#isHealthy = false;
    }
  }

  async #ask(): Promise<number> {
    try {
      this.#seenGeneration = await this.#parts.store.generation();
      this.#seenAt = performance.now();
      this.#isReachable = true;
      return this.#seenGeneration;
    } catch (error) {
      this.#isReachable = false;
      throw error;
    }
  }

  async #look(): Promise<void> {
    const { store, services, overlays, scripts, authority, limitCounts, queues } = this.#parts;
    const generation = await this.#ask();
    if (generation !== this.#generation) {
      await overlays.load();
      // Before services: their configurations may name lookups.
      await authority.load();
      services.reload(await store.services.list());
      this.corsRules = await store.cors.list();
      await limitCounts.load();
      await queues.load();
      scripts.load(await store.eventScripts.list(), authority.lookupNames());
      void scripts.warm();
      this.#generation = generation;
      this.#parts.loaded();
    }
    this.#loadedAt = performance.now();
    this.#isHealthy = true;
  }
}
