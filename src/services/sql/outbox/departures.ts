// Writes that set something off or have an idempotency key: what belongs to them is kept in their
// transaction. Invariant: it is there if and only if the write was committed.
import { errorResult } from '../../../core/dispatch.ts';
import { PlatformError } from '../../../core/errors.ts';
import { replayedHeader } from '../../../core/idempotency.ts';
import { limits } from '../../../core/limits.ts';
import type { Operation, Result } from '../../../core/operation.ts';
import type { Keeping, OutboxEntry } from '../../../core/outbox.ts';
import type { CallContext } from '../../../core/service.ts';
import { DatabaseError, type MaybePromise } from '../../../database/connection.ts';
import { type Inside, isPartial, type SqlTransactions } from '../transaction.ts';
import { answerText, readAnswer } from './answer-text.ts';
import type { SqlOutbox } from './outbox.ts';

/** What departures are made of. */
export interface DeparturesParts {
  /** Absent: the database keeps nothing, and whoever asks knows. */
  readonly outbox: SqlOutbox | undefined;
  readonly transactions: SqlTransactions;
}

/** A write as it was asked for. */
export interface DepartingWrite {
  readonly operation: Operation;
  readonly context: CallContext;
  /** The transaction that it is a part of. */
  readonly inside: Inside | undefined;
  /** Whether it may be done again when the database undid it, because nothing else was done. */
  readonly mayRepeat: boolean;
  /** Does it; given nothing, as a write that sets nothing off. */
  readonly work: (inside: Inside | undefined) => MaybePromise<Result>;
}

/** Whether something is to be kept with a write. */
export function departs({ idempotency }: Operation, { departure }: CallContext): boolean {
  return departure !== undefined || idempotency !== undefined;
}

/** Does the writes of one service that set something off. */
export class Departures {
  readonly #outbox: SqlOutbox | undefined;
  readonly #transactions: SqlTransactions;

  constructor({ outbox, transactions }: DeparturesParts) {
    this.#outbox = outbox;
    this.#transactions = transactions;
  }

  /** Does a write with all that belongs to it. */
  write(write: DepartingWrite): MaybePromise<Result> {
    const outbox = this.#outbox;
    if (outbox === undefined) return write.work(write.inside);
    const { inside } = write;
    return inside === undefined
      ? this.#alone(write, outbox)
      : this.#within(write, { inside, outbox, put: inside.enqueue });
  }

  /** Notes ahead what can not be kept together with what is done, because that may commit by itself. */
  async foretold(context: CallContext, work: () => MaybePromise<Result>): Promise<Result> {
    if (this.#outbox !== undefined) await context.departure?.intend();
    return work();
  }

  async #alone(write: DepartingWrite, outbox: SqlOutbox): Promise<Result> {
    const { context, operation, work } = write;
    if (!(await outbox.ready())) {
      if (operation.idempotency !== undefined && operation.transaction !== undefined)
        throw keyless(operation);
      await context.departure?.intend();
      return announced(await work(undefined), outbox);
    }
    for (let tries = 1; ; tries++) {
      const began = performance.now();
      try {
        return announced(await this.#once(write, outbox), outbox);
      } catch (thrown) {
        const isQuick = performance.now() - began < limits.deadlockMs;
        if (!write.mayRepeat || !isBusy(thrown) || !isQuick || tries >= limits.deadlockTries) throw thrown;
      }
    }
  }

  async #once(write: DepartingWrite, outbox: SqlOutbox): Promise<Result> {
    const { operation, context } = write;
    let keeping: Keeping | undefined;
    const kept = () => keeping && context.departure?.kept(keeping);
    const work = async (inside: Inside) => {
      const put = (entry: OutboxEntry) => outbox.put(inside.session, entry);
      const doing = await this.#kept({ ...write, context: inside.context }, { inside, outbox, put });
      keeping = doing.keeping;
      if (doing.failure !== undefined) throw doing.failure;
      return doing.result;
    };
    try {
      const result = await this.#transactions.alone(context, work, operation.transaction);
      kept();
      return result;
    } catch (thrown) {
      // What failed in part was committed all the same.
      if (isPartial(thrown)) kept();
      throw thrown;
    }
  }

  async #within(write: DepartingWrite, place: Place): Promise<Result> {
    const { inside, outbox } = place;
    const { result, failure, keeping } = await this.#kept(write, place);
    if (keeping !== undefined) write.context.departure?.kept({ update: inside.update, ...keeping });
    if (failure !== undefined) throw failure;
    return announced(result, outbox);
  }

  // The write and what belongs to it, in a transaction that is open.
  async #kept(write: DepartingWrite, place: Place): Promise<Done> {
    const { operation, context } = write;
    const { inside, outbox, put } = place;
    const { idempotency } = operation;
    if (idempotency !== undefined) {
      const known = await outbox.claim(inside.session, idempotency.id, idempotency.digest);
      if (known === undefined) throw keyless(operation);
      if (known !== 'claimed') return replayed(known, idempotency.digest, outbox);
    }
    const done = await attempted(() => write.work(inside));
    if (idempotency !== undefined) {
      await outbox.keepAnswer(inside.session, idempotency.id, answerText(done.result));
    }
    const { departure } = context;
    const entry = departure?.entry(done.result);
    if (departure === undefined || entry === undefined || entry.runs.length === 0) return done;
    if (await put(entry)) return { ...done, keeping: { outbox } };
    await departure.intend();
    return done;
  }
}

/** Where a write is done. */
interface Place {
  readonly inside: Inside;
  readonly outbox: SqlOutbox;
  put(entry: OutboxEntry): Promise<boolean>;
}

/** What became of a write, and where what it set off was put. */
interface Done {
  readonly result: Result;
  /** That of a batch which failed in part. */
  readonly failure?: PlatformError;
  readonly keeping?: Keeping;
}

async function attempted(work: () => MaybePromise<Result>): Promise<Done> {
  try {
    return { result: await work() };
  } catch (thrown) {
    if (!isPartial(thrown)) throw thrown;
    return { result: errorResult(thrown), failure: thrown };
  }
}

// What the house itself knows of the key would stay when the transaction is undone.
function keyless({ service }: Operation): PlatformError {
  return new PlatformError(
    'request.malformed',
    `The header Idempotency-Key is not taken by service '${service}' inside a transaction, or in a queued ` +
      'script whose effects are applied once, because its database keeps no keys. Call without it, or wrap ' +
      'the call in platform.once(key, fn).',
  );
}

// What it set off was kept when it was done.
function replayed(
  known: { readonly digest: string; readonly answer: string },
  digest: string,
  outbox: SqlOutbox,
): Done {
  if (known.digest !== digest) {
    throw new PlatformError(
      'request.key_reused',
      'This Idempotency-Key was used for another request. Use a new key for each write.',
    );
  }
  if (known.answer === '') {
    throw new PlatformError(
      'request.key_in_progress',
      'A request with this Idempotency-Key is being answered. Try again a little later, with the same key.',
      { headers: { 'Retry-After': '1' } },
    );
  }
  const { headers, ...result } = readAnswer(known.answer);
  const isKept = async () => undefined;
  return {
    result: { ...result, headers: { ...headers, [replayedHeader]: 'true' } },
    keeping: { outbox, update: isKept },
  };
}

function announced(result: Result, outbox: SqlOutbox): Result {
  const notice = outbox.takeNotice();
  return notice === undefined
    ? result
    : { ...result, headers: { ...result.headers, 'X-Tenon-Warning': notice } };
}

function isBusy(thrown: unknown): boolean {
  const error = thrown instanceof PlatformError ? thrown.cause : thrown;
  return error instanceof DatabaseError && error.failure === 'busy';
}
