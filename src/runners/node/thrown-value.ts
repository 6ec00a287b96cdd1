// Anything that a script can throw, told as plain data.
// Invariant: describing never throws, whatever getters and proxies the thrown value has.
import { inspect } from 'node:util';

/** What travels; the server finds line and column in `stack`. */
export interface ThrownText {
  message: string;
  code?: number | string;
  status?: number;
  stack?: string;
  retry?: number | false;
}

/** Describes a thrown value (spec §1.3: a thrown string is its message; code and status are kept). */
export function describeThrown(thrown: unknown): ThrownText {
  try {
    if (typeof thrown === 'string') return { message: thrown };
    if (typeof thrown !== 'object' || thrown === null) return { message: strange(thrown) };
    return describeObject(thrown as Record<string, unknown>);
  } catch {
    return { message: 'Script threw a value that cannot be read.' };
  }
}

function describeObject(thrown: Record<string, unknown>): ThrownText {
  const { message, code, name, stack } = thrown;
  const text = typeof message === 'string' && message !== '' ? message : undefined;
  const fallback = thrown instanceof Error ? String(name) : strange(thrown);
  const described: ThrownText = { message: text ?? fallback };
  if (typeof code === 'string' || (typeof code === 'number' && Number.isFinite(code))) described.code = code;
  const status = [thrown.status_code, thrown.statusCode, thrown.status].map(Number).find(Number.isInteger);
  if (status !== undefined) described.status = status;
  const retry = retryOf(thrown);
  if (retry !== undefined) described.retry = retry;
  if (typeof stack === 'string') described.stack = stack.slice(0, 8_192);
  return described;
}

// `retry: false` or `retry_after` in seconds, as what asks for it has them.
function retryOf({ retry, retry_after: after }: Record<string, unknown>): number | false | undefined {
  if (retry === false) return false;
  return typeof after === 'number' && after >= 0 && Number.isFinite(after) ? after : undefined;
}

function strange(thrown: unknown): string {
  return `Script threw ${inspect(thrown, { depth: 1, breakLength: 200 }).slice(0, 1_000)}`;
}
