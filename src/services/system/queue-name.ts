// How people name queues: `low`, of the default connection, or `connection:low`.
// Invariant: a connection that is not there is refused by name; a queue is there once somebody names it.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { QueuePlace } from '../../core/queue.ts';
import type { QueueConnectionRecord } from '../../core/store.ts';

/** The connection that is there without anybody having made it, and its queue. */
const builtIn = { name: 'database', defaultQueue: 'default' } as const;

/** A connection, and where its runs go that name no queue. */
export type QueueDoor = Pick<QueueConnectionRecord, 'name' | 'defaultQueue'>;

/** The connections that there are, the default one first. */
export function doorsOf(records: readonly QueueConnectionRecord[]): readonly [QueueDoor, ...QueueDoor[]] {
  const chosen = records.find(({ isDefault, isActive }) => isDefault && isActive);
  const own = records.find(({ name }) => name === builtIn.name) ?? builtIn;
  const first = chosen ?? own;
  const others = [own, ...records].filter(({ name }) => name !== first.name);
  const names = new Set<string>();
  const rest = others.filter(({ name }) => !names.has(name) && names.add(name));
  return [first, ...rest];
}

/** What a queue is called in answers. */
export function queueId({ connection, queue }: QueuePlace): string {
  return `${connection}:${queue}`;
}

/** The queue that is meant. Throws `queue.unknown_connection`, or what is wrong with the name. */
export function queueNamed(text: string, doors: readonly [QueueDoor, ...QueueDoor[]]): QueuePlace {
  const at = text.indexOf(':');
  const connection = at < 0 ? doors[0].name : text.slice(0, at);
  const queue = text.slice(at + 1);
  if (!doors.some(({ name }) => name === connection)) {
    const known = doors.map(({ name }) => name).join(', ');
    throw new PlatformError(
      'queue.unknown_connection',
      `There is no queue connection '${connection}'. There are: ${known}.`,
    );
  }
  if (queue.trim() === '' || queue !== queue.trim() || queue.length > limits.queueNameChars) {
    throw new PlatformError(
      'request.invalid_parameter',
      `'${text}' names no queue: it is called by 1 to ${limits.queueNameChars} characters, with its ` +
        "connection before a colon where that is not the default one: 'database:default'.",
    );
  }
  return { connection, queue };
}
