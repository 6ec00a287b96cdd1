// The outbox in the database of a service: entries of writes, notes of applied runs, answers to idempotency
// keys. Invariant: the tables are made when the first write needs them, and by no look at them; where they
// can not be made or used, nobody's write fails for it.

import { setTimeout as delay } from 'node:timers/promises';
import { limits } from '../../../core/limits.ts';
import type { Observe } from '../../../core/observe.ts';
import type { Outbox, OutboxEntry, RunEffects } from '../../../core/outbox.ts';
import type { NewQueuedRun } from '../../../core/queue.ts';
import { appliedBefore } from '../../../core/transaction.ts';
import {
  type Database,
  DatabaseError,
  type MaybePromise,
  type Session,
  type Statement,
  type Transaction,
} from '../../../database/connection.ts';
import { type SqlSource, unavailable } from '../source.ts';
import { OutboxStatements, type OutboxWords, outboxTables } from './tables.ts';

/** What services with an outbox need of the house. */
export interface OutboxDesk {
  /** Entries were committed that nobody hands on: they are to be looked for at once. */
  departed(service: string): void;
  /**
   * Told before the first entry is put into a database; resolves when every server will look there. Absent:
   * they look anyhow.
   */
  used?(service: string): Promise<void>;
  /** Which of the installations that may share a database this is. */
  readonly house?: string;
  /** Told when a database keeps nothing, although it was asked to. */
  readonly observe?: Observe;
}

/** What an outbox is made of. */
export interface SqlOutboxParts {
  readonly source: SqlSource;
  readonly words: OutboxWords;
  /** Whether it takes nothing any more: what lies there since it did still leaves. */
  readonly isClosed?: boolean;
}

/** An answer to an idempotency key that was given before. */
export interface KnownAnswer {
  readonly digest: string;
  /** Empty while the write that it answers is under way. */
  readonly answer: string;
}

/** The outbox of one source. */
export class SqlOutbox implements Outbox {
  readonly statements: OutboxStatements;
  readonly #source: SqlSource;
  readonly #words: OutboxWords;
  readonly #isClosed: boolean;
  #desk: OutboxDesk | undefined;
  #isThere = false;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #making: Promise<boolean> | undefined;
  #isNoted = false;
  #notice: string | undefined;

  constructor({ source, words, isClosed = false }: SqlOutboxParts) {
    this.#source = source;
    this.#words = words;
    this.#isClosed = isClosed;
    this.statements = new OutboxStatements(source.dialect.builder, words);
  }

  /** Gives it its place in the house. */
  useDesk(desk: OutboxDesk): void {
    this.#desk = desk;
  }

  get #house(): string {
    return this.#desk?.house ?? '';
  }

  /** Whether the database took entries until now, or may. */
  get mayKeep(): boolean {
    if (this.#isClosed) return false;
    return this.#isThere || performance.now() - this.#refusedAt > limits.outboxRetryMs;
  }

  /**
   * Makes the tables unless they are there; false: nothing can be kept. Throws when the database is away. Not
   * for use in a transaction.
   */
  ready(): MaybePromise<boolean> {
    if (!this.mayKeep) return false;
    if (this.#isThere && this.#isNoted) return true;
    this.#making ??= this.#makeOutside().finally(() => (this.#making = undefined));
    return this.#making;
  }

  /** What whoever has written should know, once. */
  takeNotice(): string | undefined {
    const notice = this.#notice;
    this.#notice = undefined;
    return notice;
  }

  /** Tells the house that entries were committed that nobody hands on. */
  departed(): void {
    // They may have been made in the same transaction.
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    this.#desk?.departed(this.#source.settings.service);
  }

  /** Puts an entry into a transaction; false: the database refuses to keep any. */
  async put(session: Transaction, { id, runs, pendingMs }: OutboxEntry): Promise<boolean> {
    const values = [id, this.#house, pendingMs, JSON.stringify(runs)];
    const outcome = await this.within(session, () => session.run(this.statements.put, values));
    return outcome !== undefined;
  }

  /** Changes an entry in the transaction that it was put into. */
  async update(session: Transaction, { id, runs, pendingMs }: OutboxEntry): Promise<void> {
    await this.#safely(session, () =>
      session.run(this.statements.update, [pendingMs, JSON.stringify(runs), id]),
    );
  }

  /** Notes that a transaction holds the effects of a run. Throws `queue.applied`. */
  async apply(session: Session, { runId, fence }: Pick<RunEffects, 'runId' | 'fence'>): Promise<void> {
    try {
      await session.run(this.statements.apply, [runId, fence]);
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      if (error.failure === 'unique') throw appliedBefore(error);
      this.#isThere = false;
      throw error;
    }
  }

  /** Whether the effects of a run were committed, as far as a session sees. */
  async isApplied(session: Session, runId: string): Promise<boolean> {
    return (await session.column(this.statements.applied, [runId])).length > 0;
  }

  async wasApplied(runId: string): Promise<boolean> {
    try {
      return (await this.#look()) && (await this.isApplied(this.#source.database(), runId));
    } catch (error) {
      // Who asks has begun nothing: a database that is away says nothing about the run.
      throw error instanceof DatabaseError ? unavailable(this.#source.settings.service, error) : error;
    }
  }

  /** Claims an idempotency key for a transaction; what is known of it where it was claimed before. */
  async claim(
    session: Transaction,
    id: string,
    digest: string,
  ): Promise<KnownAnswer | 'claimed' | undefined> {
    try {
      const done = await this.within(session, () => session.run(this.statements.claim, [id, digest]));
      return done === undefined ? undefined : 'claimed';
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.failure !== 'unique') throw error;
    }
    const [row] = await session.rows(this.statements.answer, [id]);
    return { digest: String(row?.digest ?? digest), answer: String(row?.answer ?? '') };
  }

  /** Keeps the answer to a key that was claimed. */
  async keepAnswer(session: Session, id: string, answer: string): Promise<void> {
    await session.run(this.statements.keepAnswer, [answer, id]);
  }

  async due(limit: number): Promise<readonly OutboxEntry[]> {
    if (!(await this.#look())) return [];
    const rows = await this.#read(this.statements.due, [this.#house, limit]);
    return rows.flatMap(({ id, runs }) => {
      const known = runsOf(runs);
      return known === undefined ? [] : [{ id: String(id), runs: known, pendingMs: 0 }];
    });
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#removeFrom('_tenon_outbox', ids);
  }

  async trim(olderThanMs: number): Promise<number> {
    if (!(await this.#look())) return 0;
    let count = 0;
    // Keys are good for as long as the house itself knows them, and may stand for something else then.
    const keysMs = Math.min(olderThanMs, limits.idempotencyHours * 3_600_000);
    for (const table of ['_tenon_applied', '_tenon_idempotency'] as const) {
      const age = table === '_tenon_applied' ? olderThanMs : keysMs;
      const rows = await this.#read(this.statements.old[table], [age, limits.queuePartRows]);
      const ids = rows.map((row) => String(Object.values(row)[0]));
      await this.#removeFrom(table, ids);
      count += ids.length;
    }
    return count;
  }

  /** Does something with the tables in a transaction, which it does not harm; undefined: they are refused. */
  async within<T>(session: Transaction, work: () => MaybePromise<T>): Promise<T | undefined> {
    if (!this.mayKeep) return undefined;
    for (const isLast of [false, true]) {
      try {
        if (!this.#isThere && !(await this.#makeInside(session))) return undefined;
        return await this.#safely(session, work);
      } catch (error) {
        if (!isRefusal(error) || error.failure === 'unique') throw error;
        // Longer than the database takes: others may fit.
        if (error.failure === 'type') return undefined;
        // Somebody may have dropped them, or taken the right to use them.
        this.#isThere = false;
        if (isLast) this.#refused(error);
      }
    }
    return undefined;
  }

  async #removeFrom(table: (typeof outboxTables)[number], ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const database = this.#source.database();
    for (const { statement, values } of this.statements.remove(table, ids)) {
      await database.run(statement, values);
    }
  }

  // Tables that a database does not have are looked for from time to time only.
  async #look(): Promise<boolean> {
    if (this.#isThere) return true;
    const pause = this.#isClosed ? Number.POSITIVE_INFINITY : limits.outboxLookMs;
    if (performance.now() - this.#lookedAt < pause) return false;
    const isThere = await this.#isPresent(this.#source.database());
    this.#lookedAt = isThere ? Number.NEGATIVE_INFINITY : performance.now();
    this.#isThere ||= isThere;
    return isThere;
  }

  async #read(statement: Statement, values: readonly (string | number)[]) {
    try {
      return await this.#source.database().rows(statement, values);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#isThere = false;
      return [];
    }
  }

  async #isPresent(session: Session): Promise<boolean> {
    const names = await session.column(this.statements.present, []);
    return names.length === outboxTables.length;
  }

  async #makeOutside(): Promise<boolean> {
    try {
      const database = this.#source.database();
      if (!(await this.#isPresent(database))) await this.#makeFirst(database);
      this.#isThere = true;
      await this.#note();
    } catch (error) {
      // One that is away refuses nothing: what is promised of its writes must not change for that.
      if (!isRefusal(error)) throw error;
      this.#refused(error);
    }
    return this.#isThere;
  }

  async #note(): Promise<void> {
    await this.#desk?.used?.(this.#source.settings.service);
    this.#isNoted = true;
  }

  async #makeFirst(database: Database): Promise<void> {
    try {
      if (this.#words.makesInside) await database.transaction((session) => this.#make(session));
      else await this.#make(database);
      this.#made();
    } catch (error) {
      // Another server may have made them at the same time.
      if (!isRefusal(error) || !(await this.#isPresent(database))) throw error;
    }
  }

  // Tables that are made in a transaction are there for others, and later, only when it is committed.
  async #makeInside(session: Transaction): Promise<boolean> {
    // Nobody waits for the house in the middle of a transaction, which may be in the way of that.
    if (!this.#isNoted) void this.#note().catch(() => undefined);
    if (await this.#isPresent(session)) return true;
    if (!this.#words.makesInside) return this.#madeSoon();
    await this.#safely(session, () => this.#make(session));
    this.#made();
    return true;
  }

  // It takes another connection, and there may be none before the one of this transaction is given back.
  async #madeSoon(): Promise<boolean> {
    const making = Promise.resolve(this.ready());
    // They are made in any case, for those that come later.
    making.catch(() => undefined);
    return Promise.race([making, delay(limits.outboxMakeMs, false, { ref: false })]);
  }

  async #make(session: Session): Promise<void> {
    for (const statement of this.statements.make) await session.run(statement, []);
  }

  // A refused statement leaves some engines' transactions unusable.
  #safely<T>(session: Transaction, work: () => MaybePromise<T>): MaybePromise<T> {
    return this.#source.dialect.grammar.breaksTransactions ? session.savepoint(work) : work();
  }

  #made(): void {
    const { service } = this.#source.settings;
    this.#notice =
      `Made the tables ${outboxTables.join(', ')} in the database of service '${service}', ` +
      'which keep what its writes set off.';
  }

  #refused(error: DatabaseError): void {
    // Others came at the same time.
    if (!this.mayKeep) return;
    const { service } = this.#source.settings;
    this.#refusedAt = performance.now();
    const why =
      `The database of service '${service}' can not keep what its writes set off in tables of its own; it ` +
      'is noted before each write instead';
    this.#notice = `${why}. Let its user make tables, or set 'events' to 'intent'.`;
    this.#desk?.observe?.({ kind: 'service.failed', service, reason: `${why}: ${error.message}` });
  }
}

function isRefusal(error: unknown): error is DatabaseError {
  const failure = error instanceof DatabaseError ? error.failure : 'unavailable';
  return failure !== 'busy' && failure !== 'unavailable';
}

// What nobody can read is nothing that anybody could hand on.
function runsOf(text: unknown): readonly NewQueuedRun[] | undefined {
  try {
    const runs: unknown = JSON.parse(String(text));
    return Array.isArray(runs) ? (runs as NewQueuedRun[]) : undefined;
  } catch {
    return undefined;
  }
}
