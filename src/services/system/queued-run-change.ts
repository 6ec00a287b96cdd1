// What people do with queued runs: start them anew, stop them, drop them; one by one, or many by a condition.
// Invariant: whoever names a run learns what became of it; of many that a condition chooses, those with which
// it cannot be done are left as they are, and it is told how many were changed.
import { PlatformError } from '../../core/errors.ts';
import type { Where } from '../../core/query.ts';
import type { QueuedRun, QueuedState, RunSelection, RunStore } from '../../core/queue.ts';
import { findQueuedRun } from './queued-run-row.ts';

/** What can be done with runs. */
export type RunVerb = 'retry' | 'cancel' | 'forget';

interface Kind {
  /** States that it is for. */
  readonly states: readonly QueuedState[];
  /** Those of them that are meant where nothing says which. */
  readonly usual: readonly QueuedState[];
  readonly done: string;
  act(queue: RunStore, selection: RunSelection, by: string): Promise<number>;
}

/** What failed for good or was put aside. */
export const deadStates: readonly QueuedState[] = ['failed', 'quarantined'];

const kinds: Readonly<Record<RunVerb, Kind>> = {
  retry: {
    states: [...deadStates, 'cancelled'],
    usual: deadStates,
    done: 'retried',
    act: (queue, selection) => queue.retry(selection),
  },
  cancel: {
    states: ['ready', 'running'],
    usual: ['ready', 'running'],
    done: 'cancelled',
    act: (queue, selection, by) => queue.cancel(selection, `cancelled by ${by}`),
  },
  forget: {
    states: [...deadStates, 'cancelled', 'done'],
    usual: [...deadStates, 'cancelled', 'done'],
    done: 'forgotten',
    act: (queue, selection) => queue.forget(selection),
  },
};

/** All that can be done. */
export const runVerbs = Object.keys(kinds) as readonly RunVerb[];

/** The word for a run of which it was done. */
export function doneWord(verb: RunVerb): string {
  return kinds[verb].done;
}

/** A change of runs. */
export interface RunChange {
  readonly queue: RunStore;
  readonly verb: RunVerb;
  /** Who wants it, for the reason of runs that are cancelled. */
  readonly by: string;
}

/**
 * Changes one run; tells it as it is then, or as it was when it is dropped. Throws `request.not_found`, and
 * `request.conflict` saying why it cannot be.
 */
export async function changeOne({ queue, verb, by }: RunChange, key: string): Promise<QueuedRun> {
  const { states, done, act } = kinds[verb];
  const run = await findQueuedRun(queue, key);
  if (!states.includes(run.state)) {
    throw conflict(run, `is ${run.state}: only runs that are ${listed(states)} can be ${done}`);
  }
  if ((await act(queue, { positions: [run.position] }, by)) === 0) {
    const isHeld = verb === 'retry' && run.uniqueKey !== null;
    throw conflict(
      run,
      isHeld
        ? `can not be retried while another run has its unique key '${run.uniqueKey}'`
        : 'was changed by somebody else at the same moment; look at it again',
    );
  }
  return (await queue.get(run.position)) ?? run;
}

function conflict({ id, position }: QueuedRun, problem: string): PlatformError {
  return new PlatformError('request.conflict', `Queued run ${position} (${id}) ${problem}.`);
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}

/** Which runs are changed. */
export interface ManyRuns {
  /** Undefined: all that this is usually done with. */
  readonly where: Where | undefined;
  /** Only those with greater positions. */
  readonly after: number;
  /** At most so many; undefined: all of them. */
  readonly limit: number | undefined;
}

/** How many were changed, and after which position there may be more. */
export interface ManyChanged {
  readonly count: number;
  readonly next?: number;
}

/** Changes those of many runs that can be. */
export async function changeMany(change: RunChange, many: ManyRuns): Promise<ManyChanged> {
  const { queue, verb, by } = change;
  const { states, usual, act } = kinds[verb];
  const { after, limit } = many;
  const state: Where = { kind: 'in', field: 'state', values: many.where === undefined ? usual : states };
  const chosen: Where[] = [state, ...(many.where === undefined ? [] : [many.where])];
  if (after > 0) chosen.push({ kind: 'compare', field: 'position', op: '>', value: after });
  if (limit === 0) return { count: 0 };
  const last = limit === undefined ? undefined : await positionOf(queue, chosen, limit);
  const upTo: Where[] =
    last === undefined ? [] : [{ kind: 'compare', field: 'position', op: '<=', value: last }];
  const count = await act(queue, { where: { kind: 'and', terms: [...chosen, ...upTo] } }, by);
  return { count, ...(last === undefined ? {} : { next: last }) };
}

// Of the last one of a part; undefined when there are fewer.
async function positionOf(queue: RunStore, terms: readonly Where[], size: number) {
  const order = [{ field: 'position', descending: false }];
  const query = { where: { kind: 'and', terms }, order, limit: 1, skip: size - 1, isBrief: true } as const;
  return (await queue.list(query))[0]?.position;
}
