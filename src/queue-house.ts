// Everything that has to do with queued runs: their connections, the way that they are handed over, who
// performs them, and the workers of this process. Invariant: what was taken is kept before the house is
// closed, and nothing is begun after.
import { byRole } from './core/access.ts';
import type { Dispatcher } from './core/dispatch.ts';
import type { Observe } from './core/observe.ts';
import type { Handoffs } from './core/outbox.ts';
import type { QueuePlace, RunPerformer } from './core/queue.ts';
import type { ServiceDirectory } from './core/service.ts';
import type { Store } from './core/store.ts';
import { QueueConnections } from './queues/connections.ts';
import { Handover } from './queues/handoff.ts';
import { Relay } from './queues/relay.ts';
import type { EventScripts } from './scripts/directory.ts';
import { QueuedRuns } from './scripts/queued-runs.ts';
import { newRunId } from './scripts/run-record.ts';
import type { Authority } from './security/authority.ts';
import { RunActors } from './security/run-actors.ts';
import type { RunTokens } from './security/run-tokens.ts';
import type { Secrets } from './security/secrets.ts';

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
}

/** Where queued runs are at home. */
export class QueueHouse {
  readonly connections: QueueConnections;
  readonly handoffs: Handoffs;
  readonly relay: Relay;
  readonly #parts: QueueHouseParts;
  #performer: RunPerformer | undefined;

  constructor(parts: QueueHouseParts) {
    this.#parts = parts;
    const { store, services, secrets, observe, fallback } = parts;
    this.connections = new QueueConnections({
      ...{ store, fallback, secrets, observe },
      performer: () => this.performer,
    });
    const { connections } = this;
    this.handoffs = new Handover({ queue: connections, outbox: store.outbox, newId: newRunId });
    this.relay = new Relay({ outbox: store.outbox, services, queue: connections, observe });
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
    this.#performer = new QueuedRuns({ scripts, services, access: byRole, actors, dispatcher });
  }

  /** Hands on what earlier servers left, from now on. */
  async start(): Promise<void> {
    await this.connections.load();
    this.relay.start();
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    await this.relay.stop();
    await this.connections.close();
  }
}
