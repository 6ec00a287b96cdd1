// `tenon queue limit`: how many runs of a queue may run at once, and how many may start in a time.
// Invariant: what is not said stays as it is; the server alone knows the bounds of the numbers.
import { CommandError } from './failure.ts';
import { placeOf, type QueueCommandOptions } from './queue.ts';
import { limitsText, type QueueView } from './queue-text.ts';
import { throughDoor } from './system-door.ts';

/** Options of `queue limit`. */
export interface QueueLimitOptions extends QueueCommandOptions {
  readonly concurrency?: string;
  readonly rate?: string;
}

type Limits = Pick<QueueView, 'concurrency' | 'rate'>;

/** Sets the limits that are given, and prints those that hold then. */
export function limitQueue(queue: string, options: QueueLimitOptions): Promise<void> {
  const path = ['queue', placeOf(queue, options)];
  const body = changesOf(options);
  return throughDoor(options, async (door) => {
    const isRead = Object.keys(body).length === 0;
    const answer = await door.ask(isRead ? { path } : { action: 'PATCH', path, body });
    const view = answer as QueueView;
    if (options.json !== true) return console.log(`${view.id}: ${limitsText(view) || 'no limits'}`);
    const { id, concurrency, rate } = view;
    console.log(JSON.stringify({ id, concurrency, rate }, undefined, 2));
  });
}

function changesOf({ concurrency, rate }: QueueLimitOptions): Partial<Limits> {
  return {
    ...(concurrency === undefined ? {} : { concurrency: readConcurrency(concurrency) }),
    ...(rate === undefined ? {} : { rate: readRate(rate) }),
  };
}

function readConcurrency(given: string): number | null {
  if (given === 'none') return null;
  if (/^\d+$/.test(given)) return Number(given);
  throw new CommandError(`--concurrency ${given} is no number of runs.`, "Write a number, or 'none'.");
}

const periods = ['second', 'minute', 'hour', 'day'];

/** A rate as people write it: `10/minute`, `10/30` for every 30 seconds, `none`. */
export function readRate(given: string): Limits['rate'] {
  if (given === 'none') return null;
  const [, count = '', per = ''] = /^(\d+) *\/ *(\d+|[a-z]+)$/i.exec(given.trim()) ?? [];
  const period = periods.find((name) => name === per.toLowerCase());
  if (count === '' || (period === undefined && !/^\d+$/.test(per))) {
    throw new CommandError(
      `--rate ${given} is no rate.`,
      "Write it like 10/minute (second, minute, hour, day, or a number of seconds), or 'none'.",
    );
  }
  return { count: Number(count), per: period ?? Number(per) };
}
