// A SQL service's part in transactions that scripts open: a transaction of its database that stays open
// between operations, and the source as operations inside it see it.
// Invariant: once a level is over none of its statements reaches the database, whoever still holds it: its
// connection may be somebody else's by then.
import { PlatformError } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import type { CallContext } from '../../core/service.ts';
import {
  elsewhere,
  type HeldTransaction,
  type TransactionMember,
  TransactionScope,
} from '../../core/transaction.ts';
import { DatabaseError, type MaybePromise, type Transaction } from '../../database/connection.ts';
import { type SqlSource, unavailable } from './source.ts';
import { GuardedSession, JoinedSource } from './transaction-session.ts';

/** What an operation inside a transaction works on. */
export interface Inside {
  readonly source: SqlSource;
  readonly session: Transaction;
  readonly context: CallContext;
}

interface Joining {
  readonly transaction: TransactionScope;
  readonly context: CallContext;
  readonly onlyReads?: boolean;
}

/** The part that one source takes. */
export class SqlTransactions implements TransactionMember {
  readonly name: string;
  readonly mostMs: number;
  readonly #source: SqlSource;

  constructor({ source }: { readonly source: SqlSource }) {
    this.#source = source;
    this.name = source.settings.service;
    this.mostMs = source.settings.transactionMs;
  }

  begin(): Promise<SqlTransaction> {
    return SqlTransaction.open((work) => this.#source.database().transaction(work), this.name);
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
    const { around } = transaction;
    if (around?.covers(this) === true) return this.join({ ...operation, transaction: around }, context, work);
    const [root] = path;
    if (!transaction.covers(this)) {
      if (transaction.allowsOthers || (action === 'GET' && root !== '_proc')) return work(undefined);
      throw elsewhere(this.name, transaction.service ?? '');
    }
    if (action !== 'GET' && root === '_schema') throw schemaInside();
    const onlyReads =
      action === 'GET' && root === '_table' && !this.#source.dialect.grammar.breaksTransactions;
    return this.#within({ transaction, context, onlyReads }, work);
  }

  /**
   * Does work in a transaction of its own, which calls that it makes join where they lead back here. What
   * they do at other services stays whatever becomes of it.
   */
  async alone<T>(context: CallContext, work: (inside: Inside) => MaybePromise<T>): Promise<T> {
    const transaction = new TransactionScope({ allowsOthers: true });
    transaction.covers(this);
    try {
      const value = await this.#within({ transaction, context }, work);
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
    let partly: PlatformError | undefined;
    const joined = async ({ session }: SqlTransaction, inner: TransactionScope) => {
      try {
        return await work(this.#inside(session, context, inner));
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

  #inside(session: Transaction, context: CallContext, inner: TransactionScope): Inside {
    return {
      session,
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

/** A transaction of a database, or a savepoint in one, that stays open until it is told how it ends. */
class SqlTransaction implements HeldTransaction {
  readonly session: Transaction;
  readonly #guard: GuardedSession;
  readonly #service: string;
  readonly #end: PromiseWithResolvers<void>;
  readonly #done: Promise<void>;

  /** Use `open`. */
  constructor(options: {
    readonly guard: GuardedSession;
    readonly service: string;
    readonly end: PromiseWithResolvers<void>;
    readonly done: Promise<void>;
  }) {
    this.#guard = options.guard;
    this.session = options.guard;
    this.#service = options.service;
    this.#end = options.end;
    this.#done = options.done;
  }

  /** `begin` is `transaction` of a database or `savepoint` of a transaction. */
  static async open(
    begin: (work: (transaction: Transaction) => Promise<void>) => MaybePromise<void>,
    service: string,
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
      return new SqlTransaction({ guard, service, end, done });
    } catch (error) {
      throw error instanceof DatabaseError ? unavailable(service, error) : error;
    }
  }

  get isLost(): boolean {
    return this.#guard.isLost;
  }

  nested(onlyReads: boolean): Promise<SqlTransaction> {
    const { session } = this;
    const begin = (work: (transaction: Transaction) => Promise<void>) =>
      onlyReads ? work(session) : session.savepoint(() => work(session));
    return SqlTransaction.open(begin, this.#service);
  }

  async commit(): Promise<void> {
    await this.#guard.close();
    this.#end.resolve();
    try {
      await this.#done;
    } catch (error) {
      throw error instanceof DatabaseError ? refusedCommit(this.#service, error) : error;
    }
  }

  async rollback(): Promise<void> {
    await this.#guard.close();
    this.#end.reject(new PlatformError('script.transaction_over', 'The transaction was rolled back.'));
    await this.#done.catch(() => undefined);
  }
}

function isPartial(error: unknown): error is PlatformError {
  return error instanceof PlatformError && error.kind === 'request.batch_failed';
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
