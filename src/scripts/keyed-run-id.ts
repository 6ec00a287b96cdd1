// Ids of the runs that an operation sets off. Invariant: a write with an idempotency key that is tried again,
// because its server was lost, sets off the runs that it set off before, which the queue knows by their ids.
import { createHash } from 'node:crypto';
import type { Operation } from '../core/operation.ts';
import { newRunId } from './run-record.ts';

/** The id of a run of a script, or of an event, that an operation sets off: UUID of version 7. */
export function runIdOf({ idempotency, service, path }: Operation, what: string): string {
  const origin = idempotency?.origin;
  if (origin === undefined) return newRunId();
  const digest = createHash('sha256')
    .update(JSON.stringify([origin, service, path, what]))
    .digest('hex');
  const variant = ((Number.parseInt(digest.charAt(3), 16) & 3) | 8).toString(16);
  const [high, low] = [origin.slice(0, 8), origin.slice(8, 12)];
  return `${high}-${low}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}
