// `tenon queue …`: what waits, runs and failed, and what people do about it; on a running server or, where
// none runs, in the data folder. Invariant: what was asked for and not done gives exit code 1 and says which.
import { limits } from '../core/limits.ts';
import { RefusedError } from './client.ts';
import type { DoorOptions } from './door.ts';
import { CommandError } from './failure.ts';
import { Progress } from './progress.ts';
import { type QueuedRunView, type QueueView, queueTable, runTable, runText } from './queue-text.ts';
import { type SystemCall, type SystemDoor, throughDoor } from './system-door.ts';

/** Options of the verbs. */
export interface QueueCommandOptions extends DoorOptions {
  readonly connection?: string;
  readonly queue?: string;
  readonly state?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

/** What is done with runs. */
type Verb = 'retry' | 'cancel' | 'forget';

const done: Readonly<Record<Verb, string>> = {
  retry: 'started anew',
  cancel: 'cancelled',
  forget: 'forgotten',
};

const states = ['ready', 'running', 'done', 'failed', 'cancelled', 'quarantined'];
const dead = ['failed', 'quarantined'];

/** Prints runs: those that failed for good unless `usual` says others. */
export function listRuns(options: QueueCommandOptions, usual: readonly string[] = []): Promise<void> {
  const limit = limitOf(options);
  const choice = choiceOf(options, usual);
  return throughDoor(options, async (door) => {
    const query = { ...choice.query, limit: String(limit), include_count: 'true' };
    const answer = await door.ask({ path: ['queued_run'], query, params: choice.params });
    const { resource, meta } = answer as { resource: QueuedRunView[]; meta: { count: number } };
    if (options.json === true) return console.log(JSON.stringify(resource, undefined, 2));
    if (resource.length === 0) return console.log(usual === dead ? 'No run has failed.' : 'No runs.');
    console.log(runTable(resource));
    if (resource.length < meta.count) {
      console.error(
        `The newest ${resource.length} of ${meta.count.toLocaleString('en')}; more with --limit.`,
      );
    }
  });
}

/** Prints runs that failed for good. */
export function listFailed(options: QueueCommandOptions): Promise<void> {
  return listRuns(options, dead);
}

/** Prints everything that is known of a run, with its attempts. */
export function showRun(key: string, options: QueueCommandOptions): Promise<void> {
  return throughDoor(options, async (door) => {
    const query = { related: 'run_by_queued_run_id' };
    const run = (await door.ask({ path: ['queued_run', key], query })) as QueuedRunView;
    console.log(options.json === true ? JSON.stringify(run, undefined, 2) : runText(run));
  });
}

/** Prints queues with what is in them. */
export function showStats(options: QueueCommandOptions): Promise<void> {
  return throughDoor(options, async (door) => {
    const { resource } = (await door.ask({ path: ['queue'] })) as { resource: QueueView[] };
    const { connection, queue } = options;
    const shown = resource.filter(
      (row) => (connection ?? row.connection) === row.connection && (queue ?? row.name) === row.name,
    );
    console.log(options.json === true ? JSON.stringify(shown, undefined, 2) : queueTable(shown));
  });
}

/** Does something with runs that are named, or with all that the options choose. */
export function changeRuns(verb: Verb, keys: readonly string[], options: QueueCommandOptions): Promise<void> {
  const isAll = keys.length === 1 && keys[0]?.toLowerCase() === 'all';
  if (!isAll) {
    const narrowing = (['connection', 'queue', 'state'] as const).find((name) => options[name] !== undefined);
    if (narrowing !== undefined) {
      throw new CommandError(`--${narrowing} narrows 'all'; runs that are named are meant as they are.`);
    }
    return throughDoor(options, (door) => changeNamed(door, verb, keys));
  }
  return changeAll(verb, options);
}

/** Drops all runs that failed for good. */
export function flushRuns(options: QueueCommandOptions): Promise<void> {
  return changeAll('forget', options);
}

async function changeNamed(door: SystemDoor, verb: Verb, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    try {
      const call: SystemCall = {
        action: 'POST',
        path: ['queued_run', key, verb],
        query: { fields: 'script,is_cancelling' },
      };
      const run = (await door.ask(call)) as QueuedRunView;
      console.log(`${run.position}  ${run.script}  ${wordOf(verb, run)}`);
    } catch (error) {
      // One that is not there, or is in no state for it, keeps none of the others.
      if (!(error instanceof RefusedError) || (error.status !== 404 && error.status !== 409)) throw error;
      console.error(`error: ${error.status === 404 ? `There is no queued run ${key}.` : error.reason}`);
      process.exitCode = 1;
    }
  }
}

function wordOf(verb: Verb, { is_cancelling: isCancelling }: QueuedRunView): string {
  return verb === 'cancel' && isCancelling ? 'its worker was asked to stop it' : done[verb];
}

async function changeAll(verb: Verb, options: QueueCommandOptions): Promise<void> {
  const choice = choiceOf(options, verb === 'cancel' ? ['ready', 'running'] : dead);
  await throughDoor(options, async (door) => {
    const query = { ...choice.query, count_only: 'true' };
    const total = Number(await door.ask({ path: ['queued_run'], query, params: choice.params }));
    const count = await inParts(door, { verb, choice, total });
    console.log(`${count.toLocaleString('en')} ${count === 1 ? 'run was' : 'runs were'} ${done[verb]}.`);
    if (count < total) {
      console.error(`${(total - count).toLocaleString('en')} were left: another run has their unique key.`);
    }
  });
}

interface Parts {
  readonly verb: Verb;
  readonly choice: Choice;
  readonly total: number;
}

// A part at a time, so that the person sees how far it is, and no answer takes too long to wait for.
async function inParts(door: SystemDoor, { verb, choice, total }: Parts): Promise<number> {
  const { params } = choice;
  const isLong = total > limits.queueCommandRuns;
  const progress = isLong ? new Progress({ stream: process.stderr, what: verbs[verb] }) : undefined;
  progress?.show(0, total);
  let count = 0;
  for (let after = 0; ; ) {
    const body = { filter: choice.query.filter, params, limit: limits.queueCommandRuns };
    const query = { after: String(after) };
    const answer = await door.ask({ action: 'POST', path: ['queued_run', verb], query, body });
    const { count: more, next } = answer as { count: number; next?: number };
    count += more;
    if (next === undefined) {
      progress?.show(total, total);
      return count;
    }
    progress?.show(Math.min(count, total - 1), total);
    after = next;
  }
}

const verbs: Readonly<Record<Verb, string>> = {
  retry: 'Starting anew',
  cancel: 'Cancelling',
  forget: 'Dropping',
};

/** Keeps runs of a queue from being started, or lets them again. */
export function pauseQueue(queue: string, isPaused: boolean, options: QueueCommandOptions): Promise<void> {
  const name = placeOf(queue, options);
  return throughDoor(options, async (door) => {
    const path = ['queue', name, isPaused ? 'pause' : 'resume'];
    const { id } = (await door.ask({ action: 'POST', path })) as QueueView;
    console.log(isPaused ? `${id} is paused; runs that run go on.` : `${id} goes on.`);
  });
}

/** The queue that is meant, with its connection where one was said. */
export function placeOf(queue: string, { connection }: QueueCommandOptions): string {
  if (queue.trim() === '') throw new CommandError('A queue has a name.');
  return connection === undefined ? queue : `${connection}:${queue}`;
}

/** Asks all workers to begin anew. */
export function restartWorkers(options: QueueCommandOptions): Promise<void> {
  return throughDoor(options, async (door) => {
    await door.ask({ action: 'POST', path: ['queue', 'restart'] });
    console.log('Workers end the runs that they have, and begin anew.');
  });
}

/** Says that there is nothing to be made. */
export function explainTables(): void {
  console.log('The tables of queues and of failed runs are there: the server makes them when it starts.');
}

interface Choice {
  readonly query: { readonly filter: string };
  readonly params: Readonly<Record<string, string>>;
}

function choiceOf({ connection, queue, state }: QueueCommandOptions, usual: readonly string[]): Choice {
  const chosen = state === undefined ? usual : state.split(',').map((name) => name.trim());
  const unknown = chosen.find((name) => !states.includes(name));
  if (unknown !== undefined) {
    throw new CommandError(`'${unknown}' is no state of a run.`, `There are: ${states.join(', ')}.`);
  }
  const terms = [
    ...(chosen.length === 0
      ? ['(position > 0)']
      : [`(state in (${chosen.map((name) => `'${name}'`).join(',')}))`]),
    ...(connection === undefined ? [] : ['(connection = :connection)']),
    ...(queue === undefined ? [] : ['(queue = :queue)']),
  ];
  const params = {
    ...(connection === undefined ? {} : { connection }),
    ...(queue === undefined ? {} : { queue }),
  };
  return { query: { filter: terms.join(' and ') }, params };
}

function limitOf({ limit: given = '50' }: QueueCommandOptions): number {
  const limit = Number(given);
  if (/^\d+$/.test(given) && limit <= limits.records) return limit;
  throw new CommandError(`--limit ${given} is no whole number from 0 to ${limits.records}.`);
}
