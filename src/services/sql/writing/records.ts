// Finding the records and parameters of a request: wrapped in `resource`, as a bare list, or one bare record.
// Invariant: the query speaks first; a body speaks as parameters only where it can not be a record itself.
import { Body, writeJson } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import type { Action, Message } from '../../../core/operation.ts';

/** What the body of a write holds. */
export interface WriteContent {
  /** The records of a list, wrapped or bare; undefined when the body is no list. */
  readonly list: readonly unknown[] | undefined;
  /** A record that stands alone in the body. */
  readonly bare: Readonly<Record<string, unknown>> | undefined;
  /** Keys beside the records that may be parameters (spec §5.5). */
  readonly beside: Readonly<Record<string, unknown>>;
}

const nothing: WriteContent = { list: undefined, bare: undefined, beside: {} };

/** Takes a body apart. Integers beyond 2^53 arrive as bigint. */
export function readContent(message: Message, action: Action): WriteContent {
  const value = message.body?.exactValue;
  if (Array.isArray(value)) return listContent(value, {}, action);
  if (!isRecord(value)) return nothing;
  const wrapped = Object.hasOwn(value, 'resource') ? value.resource : undefined;
  if (Array.isArray(wrapped)) return listContent(wrapped, value, action);
  if (isRecord(wrapped)) return { list: [wrapped], bare: undefined, beside: value };
  // A DELETE needs no values, so its body is parameters: `{"ids": [1, 2]}`.
  if (action === 'DELETE') return { ...nothing, beside: value };
  return { ...nothing, bare: value };
}

// As recorded: plain values in the list of a DELETE are the identifiers of records.
function listContent(list: readonly unknown[], beside: WriteContent['beside'], action: Action): WriteContent {
  const isIds = action === 'DELETE' && list.length > 0 && list.every(isIdentifier);
  return isIds ? { ...nothing, beside: { ...beside, ids: list } } : { ...nothing, list, beside };
}

function isIdentifier(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
}

/**
 * The message that the parameters of a write are read from: its query, and what stands beside its records.
 */
export function besideRecords(message: Message, content: WriteContent): Message {
  return { ...message, body: Body.ofValue(content.beside) };
}

/** Whether a value is an object with keys, not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of a request as a message repeats it; an object may have a `toString` of its own. */
export function textOf(value: unknown): string {
  return typeof value === 'object' ? writeJson(value) : String(value);
}

/** The refusal of a write that brings no records, in the recorded words. */
export function noRecords(): PlatformError {
  return new PlatformError(
    'request.no_records',
    "No record(s) detected in request. Please make sure record(s) are wrapped in a 'resource' tag. " +
      'Example: {"resource":[{"record":1},{"record":2}]}',
  );
}
