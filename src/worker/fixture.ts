// A store, a performer and workers for tests of workers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { Observation } from '../core/observe.ts';
import type { ClaimedRun, NewQueuedRun, Performed, RunControl, RunPerformer } from '../core/queue.ts';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { Worker, type WorkerOptions } from './worker.ts';

/** A run to be queued; `over` says what is special about it. */
export function newRun(id: string, over: Partial<NewQueuedRun> = {}): NewQueuedRun {
  return {
    ...{ id, connection: 'database', queue: 'default', script: 'hr._table.todo.post.queued', version: null },
    ...{ priority: 0, payload: '{}', userId: 1, appId: null, roleId: null, tries: null, backoff: null },
    ...{ timeoutMs: null, uniqueKey: null, orderingKey: null, delivery: 'effects-once', delayMs: 0 },
    ...over,
  };
}

/** A store in a file of its own; another one on it is another server. */
export async function testStore(clock?: () => number) {
  const folder = mkdtempSync(join(tmpdir(), 'worker-'));
  const file = join(folder, 'system.sqlite');
  const opened: Store[] = [];
  const open = async () => {
    const store = await createSqliteStore({ file, ...(clock === undefined ? {} : { clock }) });
    opened.push(store);
    return store;
  };
  onTestFinished(async () => {
    for (const store of opened) await store.close();
    rmSync(folder, { recursive: true });
  });
  return { store: await open(), open, file };
}

/** What a script does. */
export type Act = (run: ClaimedRun, control: RunControl) => Promise<Performed> | Performed;

export const done: Performed = { outcome: 'done', further: [] };

/** A failure of a script. */
export function failure(
  reason: string,
  over: Partial<Extract<Performed, { outcome: 'failed' }>> = {},
): Performed {
  return { outcome: 'failed', reason, logId: null, retry: undefined, onFailure: undefined, ...over };
}

/** Performs runs as it is told, and notes them. */
export class Actor implements RunPerformer {
  readonly started: string[] = [];
  readonly #act: Act;
  atOnce = 0;
  mostAtOnce = 0;

  constructor(act: Act = () => done) {
    this.#act = act;
  }

  async perform(run: ClaimedRun, control: RunControl): Promise<Performed> {
    this.started.push(run.id);
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    try {
      return await this.#act(run, control);
    } finally {
      this.atOnce -= 1;
    }
  }
}

/** A worker that is stopped with its test, and what it told. */
export function testWorker(
  store: WorkerOptions['store'] & Partial<Pick<Store, 'queueSignal'>>,
  performer: RunPerformer,
  over: Partial<WorkerOptions> = {},
) {
  const seen: Observation[] = [];
  const worker = new Worker({
    ...{ store, performer, connection: 'database', queues: ['default'], concurrency: 1, pollMs: 50 },
    ...(store.queueSignal === undefined ? {} : { signal: store.queueSignal }),
    observe: (observation) => void seen.push(observation),
    ...over,
  });
  onTestFinished(async () => {
    const stopped = worker.stop();
    void worker.stop();
    await stopped;
  });
  const kinds = () => seen.map(({ kind }) => kind);
  return { worker, seen, kinds };
}

/** Waits until a run is in a state. */
export async function untilState(store: Store, id: string, state: string): Promise<void> {
  await until(async () => (await store.queue.get(id))?.state === state);
}

/** Waits until something is so. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  await vi.waitFor(
    async () => {
      if (!(await isSo())) throw new Error('not yet');
    },
    { timeout: 15_000, interval: 20 },
  );
}

/** Resolves when a run is told to stop. */
export function toStop({ signal }: RunControl): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
