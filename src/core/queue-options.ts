// What a script says of its queued runs, in all the spellings that there are (spec §§3, 4.1).
// Invariant: what is wrong is told by the name it was given under, when the script is stored.
import { PlatformError } from './errors.ts';
import { limits } from './limits.ts';
import type { Backoff, Delivery } from './queue.ts';

/** Options of queued runs; what is absent is as the worker, the connection or the queue has it. */
export interface QueueOptions {
  readonly queue?: string;
  readonly connection?: string;
  readonly delayMs: number;
  readonly priority: number;
  readonly tries: number | null;
  readonly backoff: Backoff | null;
  readonly timeoutMs: number | null;
  /** May name parts of the event in braces: `todo-{request.payload.id}`. */
  readonly uniqueKey: string | null;
  readonly orderingKey: string | null;
  readonly delivery: Delivery;
  /** Whether a run is one of the text that it was queued with, or of the one there is when it starts. */
  readonly version: 'pinned' | 'latest';
  /** Path that is called with POST when a run has failed for good: `alerts/failed`. */
  readonly onFailure: string | null;
}

type Config = Readonly<Record<string, unknown>>;

const deliveries: readonly Delivery[] = ['effects-once', 'at-least-once', 'at-most-once'];

/** Reads the options of a script. Throws `script.invalid` naming the option and what it may be. */
export function readQueueOptions(config: Config): QueueOptions {
  const given = spelled(config);
  const text = (name: string, most: number) => textOption(given, name, most);
  const queue = text('queue', limits.queueNameChars);
  const connection = text('connection', limits.queueNameChars);
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(connection === undefined ? {} : { connection }),
    delayMs: (numberOption(given, 'delay', limits.queueDelaySeconds) ?? 0) * 1_000,
    priority: numberOption(given, 'priority', limits.queuePriority, -limits.queuePriority) ?? 0,
    tries: numberOption(given, 'tries', limits.queueTriesMax, 1) ?? null,
    backoff: backoffOption(given),
    timeoutMs: timeoutOption(given),
    uniqueKey: text('unique_key', limits.queueKeyChars) ?? null,
    orderingKey: text('ordering_key', limits.queueKeyChars) ?? null,
    delivery: oneOf(given, 'delivery', deliveries) ?? 'effects-once',
    version: oneOf(given, 'version', ['pinned', 'latest'] as const) ?? 'pinned',
    onFailure: text('on_failure', limits.uriBytes) ?? null,
  };
}

/** An option as it was given: the name it has there, and its value. */
interface Given {
  readonly name: string;
  readonly value: unknown;
}

// The original's user interface calls them QUEUED_DELAY and so on, its code delay; people write queue_delay.
function spelled(config: Config): ReadonlyMap<string, Given> {
  const options = new Map<string, Given>();
  for (const [name, value] of Object.entries(config)) {
    if (value === undefined || value === null || value === '') continue;
    const option = name.toLowerCase().replace(/^queued?_(?=.)/, '');
    // What is spelled as documented stands before another spelling of the same.
    if (!options.has(option) || option === name) options.set(option, { name, value });
  }
  return options;
}

function textOption(options: ReadonlyMap<string, Given>, option: string, most: number): string | undefined {
  const given = options.get(option);
  if (given === undefined) return undefined;
  const { name, value } = given;
  const isFine = typeof value === 'string' && value.trim() !== '' && value.length <= most;
  if (!isFine) throw refused(name, `must be text of at most ${most} characters`);
  return value.trim();
}

function numberOption(
  options: ReadonlyMap<string, Given>,
  option: string,
  ...[most, least = 0]: readonly [most: number, least?: number]
): number | undefined {
  const given = options.get(option);
  if (given === undefined) return undefined;
  const { name, value } = given;
  // Forms send numbers as text.
  const number = typeof value === 'string' && /^-?\d{1,12}$/.test(value) ? Number(value) : value;
  const isFine = Number.isInteger(number) && Number(number) >= least && Number(number) <= most;
  const unit = option === 'delay' ? ' of seconds' : '';
  if (!isFine) throw refused(name, `must be a whole number${unit} from ${least} to ${most}`);
  return Number(number);
}

// Seconds, as of workers; `timeout_ms` is what all scripts have.
function timeoutOption(options: ReadonlyMap<string, Given>): number | null {
  const most = limits.queueTimeoutMaxMs / 1_000;
  const seconds = numberOption(options, 'timeout', most, 1);
  if (seconds !== undefined) return seconds * 1_000;
  return numberOption(options, 'timeout_ms', limits.queueTimeoutMaxMs, 1) ?? null;
}

function oneOf<Word extends string>(
  options: ReadonlyMap<string, Given>,
  option: string,
  words: readonly Word[],
): Word | undefined {
  const given = options.get(option);
  if (given === undefined) return undefined;
  const known = words.find((word) => word === String(given.value).replaceAll('_', '-'));
  if (known !== undefined) return known;
  throw refused(given.name, `must be one of ${words.join(', ')}`);
}

// Seconds between tries: one number, a list of them (the last one for all further tries), or an object.
function backoffOption(options: ReadonlyMap<string, Given>): Backoff | null {
  const given = options.get('backoff');
  if (given === undefined) return null;
  const { name, value } = given;
  const values = Array.isArray(value) ? value : [value];
  const seconds = values.map((entry) =>
    typeof entry === 'string' && /^\d{1,9}$/.test(entry) ? Number(entry) : entry,
  );
  if (seconds.length > 0 && seconds.every(isDelay)) {
    return { kind: 'list', delaysMs: seconds.map((entry) => Number(entry) * 1_000) };
  }
  const { base, most, jitter } = (typeof value === 'object' ? value : {}) as Config;
  const isFine = isDelay(base) && (most === undefined || isDelay(most)) && isShare(jitter);
  if (!isFine) {
    throw refused(
      name,
      'must be seconds, a list of seconds, or {"base": seconds, "most": seconds, "jitter": 0 to 1}',
    );
  }
  return {
    kind: 'exponential',
    baseMs: Number(base) * 1_000,
    mostMs: Number(most ?? limits.queueBackoffMostMs / 1_000) * 1_000,
    jitter: Number(jitter ?? 0.5),
  };
}

function isDelay(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= limits.queueDelaySeconds;
}

function isShare(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && value >= 0 && value <= 1);
}

function refused(name: string, problem: string): PlatformError {
  return new PlatformError('script.invalid', `The option 'config.${name}' ${problem}.`);
}
