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
  readonly observe: Observe;
}

/**
 * Keeps services, scripts, roles and apps in step with the store, also when another process of the same data
 * folder changes it.
 */
export class ConfigurationWatch {
  readonly #parts: WatchParts;
  #timer: NodeJS.Timeout | undefined;
  #generation = -1;
  isHealthy = false;
  corsRules: readonly CorsRecord[] = [];

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

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
      if (this.isHealthy) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#parts.observe({ kind: 'service.failed', service: 'system', reason: `store: ${reason}` });
      }
      this.isHealthy = false;
    }
  }

  async #look(): Promise<void> {
    const { store, services, overlays, scripts, authority, limitCounts, queues } = this.#parts;
    const generation = await store.generation();
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
    }
    this.isHealthy = true;
  }
}
