// A SQL service's part in transactions that scripts open: a transaction of its database that stays open
// between operations, and the source as operations inside it see it.
// Invariant: once a level is over none of its statements reaches the database, whoever still holds it: its
// connection may be somebody else's by then.
import { PlatformError } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import type { OutboxEntry, RunEffects } from '../../core/outbox.ts';
import type { CallContext } from '../../core/service.ts';
import {
  elsewhere,
  type HeldTransaction,
  type TransactionMember,
  TransactionScope,
} from '../../core/transaction.ts';
import { DatabaseError, type MaybePromise, type Transaction } from '../../database/connection.ts';
import type { SqlOutbox } from './outbox/outbox.ts';
import { type SqlSource, unavailable } from './source.ts';
import { GuardedSession, JoinedSource } from './transaction-session.ts';
import { BatchError } from './writing/batch.ts';

/** What an operation inside a transaction works on. */
export interface Inside {
  readonly source: SqlSource;
  readonly session: Transaction;
  readonly context: CallContext;
  /** Keeps runs that leave when all around is committed; false: its database keeps none. */
  readonly enqueue: (entry: OutboxEntry) => Promise<boolean>;
  /** Changes an entry after the operation, as long as what is around it is open. */
  readonly update: (entry: OutboxEntry) => Promise<void>;
}

interface Joining {
  readonly transaction: TransactionScope;
  readonly context: CallContext;
  readonly onlyReads?: boolean;
}

/** What the part of a source is made of. */
export interface SqlTransactionsParts {
  readonly source: SqlSource;
  /** Absent: its database keeps no runs. */
  readonly outbox?: SqlOutbox | undefined;
}

/** The part that one source takes. */
export class SqlTransactions implements TransactionMember {
  readonly name: string;
  readonly mostMs: number;
  readonly #source: SqlSource;
  readonly #outbox: SqlOutbox | undefined;

  constructor({ source, outbox }: SqlTransactionsParts) {
    this.#source = source;
    this.#outbox = outbox;
    this.name = source.settings.service;
    this.mostMs = source.settings.transactionMs;
  }

  get keepsOutbox(): boolean {
    return this.#outbox?.mayKeep === true;
  }

  async prepare(): Promise<void> {
    try {
      await this.#outbox?.ready();
    } catch {
      // It is away: that is told by whatever is done next, which is not done without what it promises.
    }
  }

  begin(): Promise<SqlTransaction> {
    const place = { service: this.name, outbox: this.#outbox, departing: { isAny: false } };
    return SqlTransaction.open((work) => this.#source.database().transaction(work), place);
  }

  /**
   * Does an operation that came in a transaction: inside it when that covers this service, else outside,
   * which only reads may be. Throws `script.transaction_*`.
   */
  async join<T>(
    operation: Operation,
    context: CallContext,
    work: (inside: Inside | undefined) => MaybePromise<T>,
  ): Promise<T> {
    const { transaction, path, action } = operation;
    if (transaction === undefined) return work(undefined);
    const [root] = path;
    const isRead = action === 'GET' && root !== '_proc';
    // Nothing that begins for a change of the schema could hold it.
    const use = { isRead: isRead || root === '_schema' };
    const settling = transaction.settle(this, use);
    if (settling !== undefined) await settling;
    const place = transaction.placeOf(this, use);
    if (place === undefined) {
      if (transaction.allowsOthers || isRead) return work(undefined);
      throw elsewhere(this.name, transaction.service ?? '');
    }
    if (action !== 'GET' && root === '_schema') throw schemaInside();
    const onlyReads =
      action === 'GET' && root === '_table' && !this.#source.dialect.grammar.breaksTransactions;
    return this.#within({ transaction: place, context, onlyReads }, work);
  }

  /**
   * Does work in a transaction of its own, which calls that it makes join where they lead back here. What
   * they do at other services stays whatever becomes of it, unless that is in `around`.
   */
  async alone<T>(
    context: CallContext,
    work: (inside: Inside) => MaybePromise<T>,
    around?: TransactionScope,
  ): Promise<T> {
    const transaction = new TransactionScope({ allowsOthers: true, around });
    transaction.covers(this);
    try {
      // What is refused is undone with all of it, so that it needs no savepoint of its own.
      const value = await this.#within({ transaction, context, onlyReads: true }, work);
      await transaction.commit();
      return value;
    } catch (error) {
      await (isPartial(error) ? transaction.commit() : transaction.rollback());
      throw error;
    }
  }

  // As one operation of a transaction that covers this service.
  async #within<T>(
    { transaction, context, onlyReads = false }: Joining,
    work: (inside: Inside) => MaybePromise<T>,
  ): Promise<T> {
    // A batch that failed in part has undone for itself what its rules say; the rest is to stay.
    let partly: BatchError | undefined;
    const joined = async (held: SqlTransaction, inner: TransactionScope) => {
      try {
        return await work(this.#inside(held, context, { inner, outer: transaction }));
      } catch (error) {
        if (!isPartial(error)) throw error;
        partly = error;
        return undefined;
      }
    };
    const value = await transaction.join(this, joined, { onlyReads });
    if (partly !== undefined) throw partly;
    return value as T;
  }

  #inside(held: SqlTransaction, context: CallContext, { inner, outer }: Levels): Inside {
    const { session } = held;
    return {
      session,
      enqueue: (entry) => held.enqueue(entry),
      update: (entry) => outer.update(entry),
      source: new JoinedSource(this.#source, session),
      context: {
        ...context,
        streams: undefined,
        call: (call, requestor, run) =>
          context.call({ ...call, transaction: call.transaction ?? inner }, requestor, run),
      },
    };
  }
}

/** The level of an operation, and the one that it is in. */
interface Levels {
  readonly inner: TransactionScope;
  readonly outer: TransactionScope;
}

/** Where a transaction is open, the same for all levels. */
interface OpenPlace {
  readonly service: string;
  readonly outbox: SqlOutbox | undefined;
  /** Whether runs were kept that nobody hands on. */
  readonly departing: { isAny: boolean };
}

// Nobody reads it.
const undone = new PlatformError('script.transaction_over', 'The transaction was rolled back.');

/** A transaction of a database, or a savepoint in one, that stays open until it is told how it ends. */
class SqlTransaction implements HeldTransaction {
  readonly session: Transaction;
  readonly #guard: GuardedSession;
  readonly #place: OpenPlace;
  readonly #isOutermost: boolean;
  readonly #end: PromiseWithResolvers<void>;
  readonly #done: Promise<void>;

  /** Use `open`. */
  constructor(options: {
    readonly guard: GuardedSession;
    readonly place: OpenPlace;
    readonly isOutermost: boolean;
    readonly end: PromiseWithResolvers<void>;
    readonly done: Promise<void>;
  }) {
    this.#guard = options.guard;
    this.session = options.guard;
    this.#place = options.place;
    this.#isOutermost = options.isOutermost;
    this.#end = options.end;
    this.#done = options.done;
  }

  /** `begin` is `transaction` of a database or `savepoint` of a transaction. */
  static async open(
    begin: (work: (transaction: Transaction) => Promise<void>) => MaybePromise<void>,
    place: OpenPlace,
    isOutermost = true,
  ): Promise<SqlTransaction> {
    const begun = Promise.withResolvers<Transaction>();
    const end = Promise.withResolvers<void>();
    const done = (async () =>
      begin((transaction) => {
        begun.resolve(transaction);
        return end.promise;
      }))();
    // What could not begin is told here; how it ended, to whoever ends it.
    done.catch(begun.reject);
    try {
      const guard = new GuardedSession(await begun.promise);
      return new SqlTransaction({ guard, place, isOutermost, end, done });
    } catch (error) {
      throw error instanceof DatabaseError ? unavailable(place.service, error) : error;
    }
  }

  get isLost(): boolean {
    return this.#guard.isLost;
  }

  nested(onlyReads: boolean): Promise<SqlTransaction> {
    const { session } = this;
    const begin = (work: (transaction: Transaction) => Promise<void>) =>
      onlyReads ? work(session) : session.savepoint(() => work(session));
    return SqlTransaction.open(begin, this.#place, false);
  }

  async commit(): Promise<void> {
    await this.#guard.close();
    this.#end.resolve();
    try {
      await this.#done;
    } catch (error) {
      throw error instanceof DatabaseError ? refusedCommit(this.#place.service, error) : error;
    }
    const { departing, outbox } = this.#place;
    if (this.#isOutermost && departing.isAny) outbox?.departed();
  }

  async enqueue(entry: OutboxEntry): Promise<boolean> {
    const { outbox, departing } = this.#place;
    if (outbox === undefined || !(await outbox.put(this.session, entry))) return false;
    departing.isAny = true;
    return true;
  }

  async update(entry: OutboxEntry): Promise<void> {
    await this.#place.outbox?.update(this.session, entry);
  }

  async wasApplied(runId: string): Promise<boolean> {
    const { outbox } = this.#place;
    return outbox !== undefined && this.#told(() => outbox.isApplied(this.session, runId));
  }

  async apply(effects: Pick<RunEffects, 'runId' | 'fence'>): Promise<void> {
    await this.#told(async () => this.#place.outbox?.apply(this.session, effects));
  }

  // What the database says here no caller has asked it.
  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw error instanceof DatabaseError ? unavailable(this.#place.service, error) : error;
    }
  }

  async rollback(): Promise<void> {
    await this.#guard.close();
    this.#end.reject(undone);
    await this.#done.catch(() => undefined);
  }
}

/** Whether a batch failed in part: what it did not refuse is to stay. */
export function isPartial(error: unknown): error is BatchError {
  return error instanceof BatchError && error.hasWritten;
}

function refusedCommit(service: string, cause: DatabaseError): PlatformError {
  if (cause.failure === 'busy' || cause.failure === 'unavailable') return unavailable(service, cause);
  return new PlatformError(
    'request.conflict',
    `What the transaction did breaks a rule that the database of service '${service}' checks at its end. ` +
      'Everything was rolled back.',
    { cause },
  );
}

function schemaInside(): PlatformError {
  return new PlatformError(
    'request.unsupported_verb',
    'The schema can not be changed inside a transaction: change it before or after.',
  );
}
