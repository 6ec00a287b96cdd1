// Several records in one request: stop at the first failure, go on (`continue`), or undo everything
// (`rollback`).
// Invariant: a request for one record fails with that record's own error; several fail with error 1000 and
// all results.
import { asPlatformError, envelope, PlatformError } from '../../core/errors.ts';
import type { Parameters } from '../../core/operation.ts';
import type { Store } from '../../core/store.ts';
import { flagOption, invalidParameter } from './request.ts';

/** What is done with each item. */
export interface Batch<Item> {
  readonly items: readonly Item[];
  /** `created`, `updated`, `deleted` or `retrieved`, for the message. */
  readonly done: string;
  readonly options: Parameters;
  readonly store: Store;
  /** Does one item with the store it is given; returns the record to answer. */
  readonly work: (store: Store, item: Item) => Promise<unknown>;
}

/** Does a batch and returns the record of each item, or throws as said above. */
export async function runBatch<Item>(batch: Batch<Item>): Promise<unknown[]> {
  const goesOn = flagOption(batch.options, 'continue');
  const undoes = flagOption(batch.options, 'rollback');
  if (goesOn && undoes) throw invalidParameter('continue', "cannot be combined with 'rollback'");
  if (!undoes) return each(batch, batch.store, goesOn);
  return batch.store.transaction((inside) => each(batch, inside, false));
}

async function each<Item>(batch: Batch<Item>, store: Store, goesOn: boolean): Promise<unknown[]> {
  const results: unknown[] = [];
  const failed: number[] = [];
  for (const [index, item] of batch.items.entries()) {
    try {
      results.push(await batch.work(store, item));
    } catch (thrown) {
      if (batch.items.length === 1) throw thrown;
      failed.push(index);
      results.push(envelope(asPlatformError(thrown)));
      if (!goesOn) break;
    }
  }
  if (failed.length > 0) throw batchError(batch, results, failed);
  return results;
}

function batchError<Item>(batch: Batch<Item>, results: unknown[], failed: number[]): PlatformError {
  const undone = flagOption(batch.options, 'rollback') ? ' All changes rolled back.' : '';
  const message = `Batch Error: Not all requested records could be ${batch.done}.${undone}`;
  const context = { error: failed, resource: results };
  return new PlatformError('request.batch_failed', message, { code: 1000, context });
}
