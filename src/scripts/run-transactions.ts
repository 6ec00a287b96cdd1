// The transactions that one run of a script has open, by the numbers that its runner gave them.
// Invariant: what is open when the run ends, however it ends, is rolled back, and its author is told.
import { errorResult } from '../core/dispatch.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { LogLine } from '../core/observe.ts';
import type { Result } from '../core/operation.ts';
import type { TransactionStep } from '../core/runner.ts';
import { TransactionScope } from '../core/transaction.ts';

/** What the transactions of a run are made with. */
export interface RunTransactionsParts {
  /** The transaction that the run itself is a part of: those that it begins are inside. */
  readonly outer: TransactionScope | undefined;
  /** What the author of the script should know goes there. */
  readonly notes: LogLine[];
}

interface Opened {
  readonly scope: TransactionScope;
  /** Calls in it that were not answered yet. */
  readonly calls: Set<Promise<unknown>>;
}

const done: Result = Object.freeze({ status: 200, headers: {}, body: undefined });

/** The transactions of one run. */
export class RunTransactions {
  readonly #parts: RunTransactionsParts;
  readonly #open = new Map<number, Opened>();
  #isOver = false;

  constructor(parts: RunTransactionsParts) {
    this.#parts = parts;
  }

  /** Makes a call in a transaction. Throws `script.transaction_over` when that is none, or no more. */
  async inside(number: number, call: (scope: TransactionScope) => Promise<Result>): Promise<Result> {
    const { scope, calls } = this.#opened(number);
    const answer = call(scope);
    calls.add(answer);
    try {
      return await answer;
    } finally {
      calls.delete(answer);
    }
  }

  /** Takes a step. A refusal is a result. */
  async take(step: TransactionStep): Promise<Result> {
    try {
      if (step.step === 'begin') await this.#begin(step);
      else if (step.step === 'commit') await this.#commit(step.transaction);
      else await this.#rollback(step.transaction);
      return done;
    } catch (error) {
      return errorResult(error);
    }
  }

  /** The run is over. */
  async end(): Promise<void> {
    this.#isOver = true;
    // Those inside first, which were begun later.
    for (const [number, { scope }] of [...this.#open].toReversed()) {
      this.#open.delete(number);
      const { reason, service } = scope;
      const why = reason?.message ?? 'The run ended while it was open.';
      this.#parts.notes.push({ level: 'warn', text: `${named(service)} was rolled back. ${why}` });
      await scope.rollback();
    }
  }

  async #begin({ transaction: number, outer, service }: TransactionStep): Promise<void> {
    if (this.#open.has(number)) throw new PlatformError('request.conflict', 'It was begun already.');
    if (this.#open.size >= limits.runTransactions) {
      const message = `A run may have ${limits.runTransactions} transactions open at once.`;
      throw new PlatformError('script.too_many_calls', message);
    }
    const around = outer === 0 ? this.#parts.outer : this.#opened(outer).scope;
    const scope = await opened(around, service === '' ? undefined : service);
    if (this.#isOver) await scope.rollback();
    else this.#open.set(number, { scope, calls: new Set() });
  }

  async #commit(number: number): Promise<void> {
    const { scope, calls } = this.#opened(number);
    // Those that the script did not wait for belong to it all the same.
    await Promise.allSettled(calls);
    this.#open.delete(number);
    try {
      await scope.commit();
    } catch (error) {
      await scope.rollback();
      throw error;
    }
  }

  async #rollback(number: number): Promise<void> {
    const { scope } = this.#opened(number);
    this.#open.delete(number);
    await scope.rollback();
  }

  #opened(number: number): Opened {
    const opened = this.#open.get(number);
    if (opened !== undefined) return opened;
    throw new PlatformError(
      'script.transaction_over',
      'The transaction that this call belongs to is over: wait for all calls inside it before it ends.',
    );
  }
}

function opened(around: TransactionScope | undefined, service: string | undefined) {
  return around === undefined ? new TransactionScope({ service }) : around.begin(service);
}

function named(service: string | undefined): string {
  return service === undefined ? 'A transaction' : `The transaction on service '${service}'`;
}
