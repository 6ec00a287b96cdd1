// What a place of a request is to an attack, and how answers are judged.
// Invariant: a position never trusts the answer alone; what was written is read back by the driver.
import type { Asked, World } from './sql-world.ts';
import type { Reply } from './wire.ts';

/** What is wrong with an answer, in words; undefined when nothing is. */
export type Finding = string | undefined;

/** What a position works with: `ask` has checked that the answer is decent. */
export interface Attack {
  readonly world: World;
  readonly text: string;
  /** A number that no other attack has. */
  readonly turn: number;
  ask(asked: Asked): Promise<Reply>;
}

/** A place of a request. */
export interface Position {
  readonly name: string;
  /** Whether it writes, so that fewer of them run in a sample. */
  readonly writes: boolean;
  /** Attacks once; a finding is a fault of ours. Resolves to `skipped` where the text cannot stand there. */
  attack(attack: Attack): Promise<Finding | typeof skipped>;
}

/** Said of a text that cannot stand in a position at all. */
export const skipped = Symbol('skipped');

/** Longer texts go into the body, since a request line is bounded. */
export const queryChars = 1_500;
/** How many records a comparison looks at. */
export const page = 50;

/** Text in the quotes of the filter language. */
export function quoted(text: string, quote: "'" | '"'): string {
  return `${quote}${text.replace(/\\/g, '\\\\').replaceAll(quote, `\\${quote}`)}${quote}`;
}

/** A read by parameters: in the query, or in the body of a POST that stands in for a GET. */
export function reading(path: string, parameters: Record<string, unknown>): Asked {
  const isShort = Object.values(parameters).every((value) => {
    return typeof value === 'string' && value.length <= queryChars;
  });
  if (isShort) return { path, query: parameters as Record<string, string> };
  return { method: 'POST', path, headers: { 'X-HTTP-Method': 'GET' }, body: parameters };
}

/** The records of an answer, be it a list or one record. */
export function recordsOf(reply: Reply): Record<string, unknown>[] {
  const body = JSON.parse(reply.text) as { resource?: Record<string, unknown>[] };
  return body.resource ?? [body as Record<string, unknown>];
}

function listed(values: readonly unknown[]): string {
  return values.map(String).join();
}

/** A finding unless the answer has exactly these records, by one of their fields. */
export function compared(reply: Reply, wanted: readonly unknown[], field = 'id'): Finding {
  if (reply.status !== 200)
    return `status ${reply.status} instead of ${wanted.length} records: ${reply.text}`;
  const found = listed(recordsOf(reply).map((record) => record[field]));
  return found === listed(wanted)
    ? undefined
    : `records ${found || 'none'} instead of ${listed(wanted) || 'none'}`;
}

/** A finding unless the answer is a refusal. */
export function refused({ status, text }: Reply): Finding {
  return status >= 400 && status < 500
    ? undefined
    : `status ${status} instead of a refusal: ${text.slice(0, 200)}`;
}

/** A read of the table that holds the corpus. */
const words = (parameters: Record<string, unknown>): Asked =>
  reading('/_table/word', { fields: 'id', order: 'id', limit: String(page), ...parameters });

/** The same by a filter. */
export const filtered = (filter: string) => words({ filter });
