// Has a run performed within its time. Invariant: it is over at the latest a moment after it was told to
// stop, so that one that does not listen costs no place for ever.
import { limits } from '../core/limits.ts';
import type { Performed, RunControl, RunPerformer, RunStore } from '../core/queue.ts';
import type { HeldRun } from './held-run.ts';

/** What performing takes. */
export interface PerformingParts {
  readonly queue: Pick<RunStore, 'noteEffects' | 'recall' | 'remember'>;
  readonly performer: RunPerformer;
}

/** What became of it; undefined when it went on though it was told to stop. */
export async function performWithin(
  { queue, performer }: PerformingParts,
  held: HeldRun,
  timeoutMs: number,
): Promise<Performed | undefined> {
  const run = { ...held.run, timeoutMs };
  const timer = setTimeout(() => held.stop('timeout'), timeoutMs);
  const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
  let patience: NodeJS.Timeout | undefined;
  held.whenStopped(() => {
    patience = setTimeout(() => resolve(undefined), limits.queueAbortMs);
  });
  try {
    return await Promise.race([performer.perform(run, controlOf(queue, held)), tooLate]);
  } catch (error) {
    // Performers do not throw; one that does must not take its worker along.
    const reason = error instanceof Error ? error.message : String(error);
    return { outcome: 'failed', reason, logId: null, retry: undefined, onFailure: undefined };
  } finally {
    clearTimeout(timer);
    clearTimeout(patience);
    held.whenStopped(undefined);
  }
}

function controlOf(queue: PerformingParts['queue'], held: HeldRun): RunControl {
  const { hold } = held;
  return {
    get signal() {
      return held.signal;
    },
    // Whoever was told to stop begins nothing any more.
    noteEffects: async (service) => held.stopped === undefined && (await queue.noteEffects(hold, service)),
    recall: (key) => queue.recall(hold, key),
    remember: (key, value) => queue.remember(hold, key, value),
  };
}
