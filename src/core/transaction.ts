// A transaction that operations share: a script opens it, and everything that happens inside joins it. It
// travels on operations, because calls of scripts come in from pipes, where no asynchronous context reaches.
// Invariant: of the operations of one level one is under way at a time, in a level of its own; whatever
// happens, a level ends once, after those inside it, and what a service holds for it is given back.
import { PlatformError } from './errors.ts';
import type { OutboxEntry, RunEffects } from './outbox.ts';

/** What a service holds open for a level: a transaction, or a savepoint in one. */
export interface HeldTransaction {
  /** Whether the source itself gave it up, so that nothing more can be done in it. */
  readonly isLost: boolean;
  /** Opens a level inside, which ends before this one; one that only reads has nothing to undo. */
  nested(onlyReads: boolean): Promise<HeldTransaction>;
  /** Throws what the source refuses only now; everything is undone then. */
  commit(): Promise<void>;
  /** Undoes everything. Never throws. */
  rollback(): Promise<void>;
  /** Keeps runs that leave once this and all around it is committed; absent: the source keeps none. */
  enqueue?(entry: OutboxEntry): Promise<void>;
  /** Whether the effects of a run were committed there, by whomever. */
  wasApplied?(runId: string): Promise<boolean>;
  /** Notes in it that it holds the effects of a run. Throws `queue.applied` when they were committed before. */
  apply?(effects: Pick<RunEffects, 'runId' | 'fence'>): Promise<void>;
}

/** A service as it takes part; the same object for the same source. */
export interface TransactionMember {
  /** Name of the service. */
  readonly name: string;
  /** What is open longer is undone, because others wait for it. */
  readonly mostMs: number;
  /** Whether its transactions can keep runs and notes of runs; absent: no. */
  readonly keepsOutbox?: boolean;
  /** Waits for a connection. Throws `service.unavailable`. */
  begin(): Promise<HeldTransaction>;
}

/** An operation inside. */
export interface JoinOptions {
  /** Whether it does nothing that would have to be undone. */
  readonly onlyReads?: boolean;
}

/** How a scope is opened: for a service by name, or for the first one that is used in it. */
export interface TransactionOptions {
  readonly service?: string | undefined;
  /** Whether other services may be written to meanwhile, which is not undone with it. */
  readonly allowsOthers?: boolean;
  /** One that allows others, in whose middle it is opened: what that covers stays a part of that. */
  readonly around?: TransactionScope | undefined;
  /**
   * Whose effects it holds: it begins with the first write to a service that keeps an outbox, others may be
   * written to, and its commit notes that the run was applied.
   */
  readonly effects?: RunEffects | undefined;
}

/** One level of a transaction: what a script opened, or an operation inside. */
export class TransactionScope {
  readonly #outer: TransactionScope | undefined;
  readonly #allowsOthers: boolean;
  readonly #around: TransactionScope | undefined;
  // Of the outermost level: the service that it is for.
  #named: string | undefined;
  #member: TransactionMember | undefined;
  #clock: NodeJS.Timeout | undefined;
  #held: Promise<HeldTransaction> | undefined;
  #isHeld = false;
  #onlyReads = false;
  #inner: TransactionScope | undefined;
  #isTaken = false;
  readonly #line: (() => void)[] = [];
  #reason: PlatformError | undefined;
  #undoneFor: PlatformError | undefined;
  #ending: Promise<void> | undefined;
  #ended: PromiseWithResolvers<never> | undefined;

  /** Begins nothing: the service does when it is first used. `outer` is for `open` alone. */
  constructor(options: TransactionOptions = {}, outer?: TransactionScope) {
    const { service, allowsOthers = false, around } = options;
    this.#named = service;
    this.#outer = outer;
    this.#allowsOthers = allowsOthers;
    this.#around = around;
  }

  /** Name of the service that it covers, once that is known. */
  get service(): string | undefined {
    const root = this.#root();
    return root.#member?.name ?? root.#named;
  }

  /** Whether other services may be written to meanwhile, which is not undone with it. */
  get allowsOthers(): boolean {
    return this.#root().#allowsOthers;
  }

  /** One that allows others, in whose middle it was opened. */
  get around(): TransactionScope | undefined {
    return this.#root().#around;
  }

  /** Why it is over; undefined as long as it is open. */
  get reason(): PlatformError | undefined {
    return this.#reason;
  }

  /** Whether it covers this service: the named one, else the first that asks. */
  covers(member: TransactionMember): boolean {
    const root = this.#root();
    if (root.#around?.covers(member) === true) return false;
    const isMeant = root.#named === undefined || root.#named.toLowerCase() === member.name.toLowerCase();
    if (root.#member === undefined && isMeant) root.#member = member;
    return root.#member === member;
  }

  /** Opens a level inside once it is its turn. Throws when it is over, or covers another service. */
  async open({ service }: TransactionOptions = {}): Promise<TransactionScope> {
    const root = this.#root();
    const covered = this.service;
    if (service !== undefined && covered?.toLowerCase() !== service.toLowerCase()) {
      if (covered !== undefined) throw elsewhere(service, covered);
      root.#named = service;
    }
    await this.#turn();
    const inner = new TransactionScope({}, this);
    this.#inner = inner;
    return inner;
  }

  /**
   * Does the work of one operation in a level of its own: kept when it ends, undone alone when it throws.
   * Throws the reason at once when the transaction ends meanwhile; work may still go on then, in vain.
   */
  async join<Held extends HeldTransaction>(
    member: TransactionMember & { begin(): Promise<Held> },
    work: (held: Held, inner: TransactionScope) => Promise<unknown>,
    { onlyReads = false }: JoinOptions = {},
  ): Promise<unknown> {
    const inner = await this.open();
    inner.#onlyReads = onlyReads;
    const ended = Promise.withResolvers<never>();
    inner.#ended = ended;
    // Nobody may be listening when it comes.
    ended.promise.catch(() => {});
    let held: Held | undefined;
    try {
      held = (await inner.#hold(member)) as Held;
      const value = await Promise.race([work(held, inner), ended.promise]);
      await inner.commit();
      return value;
    } catch (error) {
      // It was undone from outside, which may take as long as a statement that waits for a lock.
      if (inner.#undoneFor !== undefined) throw inner.#undoneFor;
      await inner.rollback();
      if (held?.isLost === true) await this.#root().rollback(lost(member.name));
      throw error;
    }
  }

  /** Keeps everything, once the operations inside are through. Throws what the source refuses at the end. */
  async commit(): Promise<void> {
    await this.#turn();
    const ending = Promise.withResolvers<void>();
    this.#ending = ending.promise;
    this.#reason = over();
    try {
      const held = await this.#held;
      await held?.commit();
    } finally {
      this.#leave();
      ending.resolve();
    }
  }

  /** Undoes everything at once. Further operations inside are refused with the reason. */
  rollback(reason: PlatformError = over()): Promise<void> {
    if (this.#ending === undefined) {
      this.#reason = this.#undoneFor = reason;
      this.#ending = this.#undo();
      this.#ended?.reject(reason);
    }
    return this.#ending;
  }

  async #undo(): Promise<void> {
    // Those that wait for their turn are refused when it comes.
    await this.#inner?.rollback(this.#reason);
    const held = this.#held?.then((opened) => opened.rollback()).catch(() => {});
    // Whoever waits for a connection gives it back when it comes; nobody need wait for that.
    if (this.#root().#isHeld) await held;
    this.#leave();
  }

  #hold(member: TransactionMember): Promise<HeldTransaction> {
    if (this.#held === undefined) {
      const held = this.#outer === undefined ? this.#begin(member) : this.#nest(this.#outer, member);
      // What could not begin, because nobody gave a connection back in time, may begin later.
      this.#held = held.catch((error) => {
        this.#held = undefined;
        throw error;
      });
    }
    return this.#held;
  }

  async #begin(member: TransactionMember): Promise<HeldTransaction> {
    const held = await member.begin();
    this.#isHeld = true;
    if (this.#reason === undefined) {
      this.#clock = setTimeout(() => void this.rollback(expired(member)), member.mostMs);
      this.#clock.unref();
    }
    return held;
  }

  async #nest(outer: TransactionScope, member: TransactionMember): Promise<HeldTransaction> {
    const held = await outer.#hold(member);
    if (this.#reason !== undefined) throw this.#reason;
    return held.nested(this.#onlyReads);
  }

  // The turn of a level that is over is handed on, so that all who wait hear of it.
  async #turn(): Promise<void> {
    if (this.#isTaken) await new Promise<void>((resolve) => this.#line.push(resolve));
    this.#isTaken = true;
    if (this.#reason === undefined) return;
    this.#handOn();
    throw this.#reason;
  }

  #handOn(): void {
    this.#inner = undefined;
    const next = this.#line.shift();
    if (next === undefined) this.#isTaken = false;
    else next();
  }

  #leave(): void {
    clearTimeout(this.#clock);
    this.#handOn();
    if (this.#outer !== undefined) this.#outer.#handOn();
  }

  #root(): TransactionScope {
    return this.#outer === undefined ? this : this.#outer.#root();
  }
}

/** What a write of a service is refused with inside a transaction of another one. */
export function elsewhere(service: string, covered: string): PlatformError {
  if (service.toLowerCase() === covered.toLowerCase()) {
    const message = `Service '${service}' was configured anew while the transaction was open.`;
    return new PlatformError('script.transaction_over', message);
  }
  return new PlatformError(
    'script.transaction_elsewhere',
    `This transaction covers service '${covered}' only: write to '${service}' before or after it, ` +
      `or name the service to be covered, as in platform.transaction('${service}', …).`,
  );
}

function over(): PlatformError {
  return new PlatformError('script.transaction_over', 'The transaction that this belongs to is over.');
}

function expired({ name, mostMs }: TransactionMember): PlatformError {
  return new PlatformError(
    'script.transaction_over',
    `The transaction on service '${name}' was open for longer than ${mostMs / 1_000} s and was rolled back.`,
  );
}

function lost(service: string): PlatformError {
  return new PlatformError(
    'script.transaction_over',
    `The database of service '${service}' gave the transaction up; nothing of it was kept. Please try again.`,
  );
}
