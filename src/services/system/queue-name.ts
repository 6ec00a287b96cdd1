// How people name queues: `low`, of the default connection, or `connection:low`.
// Invariant: a connection that nobody knows is refused by name; a queue is there once somebody names it.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { QueuePlace } from '../../core/queue.ts';

/** What a queue is called in answers. */
export function queueId({ connection, queue }: QueuePlace): string {
  return `${connection}:${queue}`;
}

/** The queue that is meant; '' stands for the default connection. Throws what is wrong with the name. */
export function queueNamed(text: string): QueuePlace {
  const at = text.indexOf(':');
  const queue = text.slice(at + 1);
  if (queue.trim() !== '' && queue === queue.trim() && queue.length <= limits.queueNameChars) {
    return { connection: text.slice(0, Math.max(0, at)), queue };
  }
  throw new PlatformError(
    'request.invalid_parameter',
    `'${text.slice(0, limits.excerpt)}' names no queue: it is called by 1 to ${limits.queueNameChars} ` +
      "characters, with its connection before a colon where that is not the default one: 'database:default'.",
  );
}
