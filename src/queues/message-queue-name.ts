// What a queue is called at a broker. Invariant: two queues never share a name there, whatever characters
// theirs have; plain names stay as they are, so that people find them.
import { createHash } from 'node:crypto';

/** What names at a broker may be. */
export interface NameRule {
  /** Stands before and after each. */
  readonly before?: string;
  readonly after?: string;
  /** How many characters there may be, with these. */
  readonly most: number;
}

const plain = /^[A-Za-z0-9][\w-]*$/;
/** How every other name ends, and no plain one does. */
const marked = /--[0-9a-f]{24}$/;

/** The name of a queue at a broker: letters, digits, `_` and `-` alone. */
export function messageQueueName(queue: string, { before = '', after = '', most }: NameRule): string {
  const room = most - before.length - after.length;
  if (plain.test(queue) && !marked.test(queue) && queue.length <= room) return `${before}${queue}${after}`;
  const mark = createHash('sha256').update(queue).digest('hex').slice(0, 24);
  const shown = queue.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return `${before}${(shown || 'q').slice(0, room - mark.length - 2)}--${mark}${after}`;
}
