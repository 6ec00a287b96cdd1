// Doing the records of one request in turn, and the answer when some of them fail (spec §5.7).
// Invariant: an entry stands at the index of its record, done or refused; nothing else is told about a batch.
import { type ErrorDetails, envelope, PlatformError } from '../../../core/errors.ts';
import type { MaybePromise, Session, Transaction } from '../../../database/connection.ts';
import { concernsRecord } from './refusals.ts';

/**
 * What to do when a record is refused: end with the earlier ones kept, try the others too, or undo them
 * all.
 */
export type OnFailure = 'stop' | 'continue' | 'rollback';

/** Does one record of a batch. Throws what its record is refused with. */
export type Step<Entry> = (session: Session) => MaybePromise<Entry>;

/** How to run a batch: `refuse` makes a thrown refusal one that callers may read. */
export interface BatchRules {
  readonly onFailure: OnFailure;
  /** Whether each record needs a savepoint, because a refusal would break the whole transaction. */
  readonly inSavepoints: boolean;
  refuse(thrown: unknown): unknown;
}

/** What became of the records that were tried, by index. */
export type BatchOutcome<Entry> = readonly (Entry | PlatformError)[];

/**
 * Runs the steps in order. Each is one statement or checks before it writes, so a refused one leaves
 * nothing behind on engines whose statements are atomic. Throws when the database itself fails, so that a
 * transaction undoes all.
 */
export async function runBatch<Entry>(
  steps: readonly Step<Entry>[],
  session: Transaction,
  rules: BatchRules,
): Promise<BatchOutcome<Entry>> {
  const outcome: (Entry | PlatformError)[] = [];
  for (const step of steps) {
    try {
      const entry = rules.inSavepoints ? session.savepoint(() => step(session)) : step(session);
      outcome.push(entry instanceof Promise ? await entry : entry);
    } catch (thrown) {
      const refusal = rules.refuse(thrown);
      if (!concernsRecord(thrown) || !(refusal instanceof PlatformError)) throw refusal;
      outcome.push(refusal);
      if (rules.onFailure !== 'continue') break;
    }
  }
  return outcome;
}

/** The refusal of a batch, which may have been done in part. */
export class BatchError extends PlatformError {
  /** Whether something was written that stays. */
  readonly hasWritten: boolean;

  constructor(message: string, details: ErrorDetails, hasWritten: boolean) {
    super('request.batch_failed', message, details);
    this.hasWritten = hasWritten;
  }
}

/** The error of a batch in which records failed. `verb` such as `created`; entries are answered as given. */
export function batchError(outcome: BatchOutcome<unknown>, verb: string, isUndone: boolean): PlatformError {
  const failed = outcome.flatMap((entry, index) => (entry instanceof PlatformError ? [index] : []));
  const undone = isUndone ? ' All changes rolled back.' : '';
  return new BatchError(
    `Batch Error: Not all requested records could be ${verb}.${undone}`,
    {
      code: 1000,
      context: {
        error: failed,
        resource: outcome.map((entry) => (entry instanceof PlatformError ? envelope(entry) : entry)),
      },
    },
    !isUndone && failed.length < outcome.length,
  );
}

/** Whether some record of a batch was refused. */
export function hasFailed(outcome: BatchOutcome<unknown>): boolean {
  return outcome.some((entry) => entry instanceof PlatformError);
}
