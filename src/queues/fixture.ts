// Connections, and those who perform runs, for tests of transports.
import type { Observation } from '../core/observe.ts';
import type { ClaimedRun, NewQueuedRun, Performed, RunControl, RunPerformer } from '../core/queue.ts';
import type { New, QueueConnectionRecord, Store } from '../core/store.ts';
import { QueueConnections } from './connections.ts';

/** A run to be queued that names no place. */
export function newRun(id: string, over: Partial<NewQueuedRun> = {}): NewQueuedRun {
  const nobody = { userId: null, appId: null, roleId: null };
  const plain = { tries: null, backoff: null, timeoutMs: null, uniqueKey: null, orderingKey: null };
  return {
    ...{ id, connection: '', queue: '', script: 'db.todo.post.queued', version: null, priority: 0 },
    ...{ payload: `{"id":"${id}"}`, delivery: 'effects-once', delayMs: 0, ...nobody, ...plain, ...over },
  };
}

/** The record of a connection. */
export function newConnection(
  name: string,
  over: Partial<New<QueueConnectionRecord>> = {},
): New<QueueConnectionRecord> {
  const plain = { description: null, config: {}, defaultQueue: 'default', isActive: true, isDefault: false };
  return { name, type: 'database', ...plain, ...over };
}

/** What a run comes to that sets nothing off. */
export const done: Performed = { outcome: 'done', further: [] };

/** What a run comes to whose script failed. */
export function failure(over: Partial<Extract<Performed, { outcome: 'failed' }>> = {}): Performed {
  const plain = { reason: 'Error: no', logId: null, retry: undefined, onFailure: undefined };
  return { outcome: 'failed', ...plain, ...over };
}

/** Performs runs as a test says, and remembers them. */
class Performer implements RunPerformer {
  readonly runs: ClaimedRun[] = [];
  act: (run: ClaimedRun, control: RunControl) => Promise<Performed> | Performed = () => done;

  async perform(run: ClaimedRun, control: RunControl): Promise<Performed> {
    this.runs.push(run);
    return this.act(run, control);
  }

  get ids(): string[] {
    return this.runs.map(({ id }) => id);
  }
}

/** Connections as one server has them. */
export interface Node {
  readonly store: Store;
  readonly connections: QueueConnections;
  readonly performer: Performer;
  readonly observations: Observation[];
}

/** The connections of a server on a store; `fallback` is what its settings say. */
export async function openNode(
  store: Store,
  fallback = { connection: 'database', queue: 'default' },
  more: { readonly redisUrl?: string } = {},
) {
  const performer = new Performer();
  const observations: Observation[] = [];
  const connections = new QueueConnections({
    ...{ store, fallback, ...more, performer: () => performer },
    secrets: { open: (sealed, place) => JSON.stringify(`${sealed} for ${place}`) },
    observe: (observation) => void observations.push(observation),
  });
  await connections.load();
  const node: Node = { store, connections, performer, observations };
  return node;
}

/** Resolves when it is so; fails when it does not get so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    if (tries === 3_000) throw new Error('it did not get so in 30 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
