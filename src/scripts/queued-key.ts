// Keys of queued runs: texts in which names in braces stand for parts of the event, as in
// `todo-{request.payload.id}`. Invariant: a name that stands for nothing makes no key, rather than one that
// unrelated runs would share; what is too long, or has signs that a database does not keep, becomes a digest,
// so that different keys stay so.
import { createHash } from 'node:crypto';
import type { Body } from '../core/body.ts';
import { limits } from '../core/limits.ts';
import type { QueuedExchange } from './types/queued.ts';

/** The key for an exchange; null: it has none. */
export function keyOf(template: string | null, exchange: QueuedExchange): string | null {
  if (template === null) return null;
  let isWhole = true;
  const key = template.replaceAll(/\{([\w.[\]-]+)\}/g, (_whole, name: string) => {
    const value = partOf(name.split('.'), exchange);
    if (value === undefined) isWhole = false;
    return value ?? '';
  });
  if (!isWhole || key.trim() === '') return null;
  // Nor do databases keep every text: some refuse signs that others change.
  const isPlain = key.isWellFormed() && !/\p{Cc}/u.test(key);
  if (isPlain && key.length <= limits.queueKeyChars) return key;
  return `sha256:${createHash('sha256').update(key, 'utf16le').digest('hex')}`;
}

function partOf([root, part, ...rest]: readonly string[], exchange: QueuedExchange): string | undefined {
  const { operation, request, result } = exchange;
  if (root === 'request') {
    if (part === 'payload') return written(inside(contentOf(request.body), rest));
    if (part === 'parameters' || part === 'headers') return written(inside(request[part], rest));
    return part === 'method' ? operation.action : undefined;
  }
  if (root === 'response') {
    if (part === 'content') return written(inside(contentOf(result?.body), rest));
    return part === 'status_code' ? written(result?.status) : undefined;
  }
  if (root === 'resource') return operation.path.join('/');
  if (root === 'user' && part !== undefined) return written(inside(operation.principal.user, [part]));
  return undefined;
}

function contentOf(body: Body | undefined): unknown {
  try {
    return body?.value;
  } catch {
    return undefined;
  }
}

function inside(value: unknown, names: readonly string[]): unknown {
  let part = value;
  for (const name of names) {
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, name)) return undefined;
    part = (part as Record<string, unknown>)[name];
  }
  return part;
}

function written(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
