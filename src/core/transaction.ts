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
  /**
   * Keeps runs that leave once this and all around it is committed; false, or absent: the source keeps
   * none.
   */
  enqueue?(entry: OutboxEntry): Promise<boolean>;
  /** Changes an entry that was kept in it, or in one inside. */
  update?(entry: OutboxEntry): Promise<void>;
  /** Whether the effects of a run were committed there, by whomever. */
  wasApplied?(runId: string): Promise<boolean>;
  /** Notes in it that it holds the effects of a run. Throws `queue.applied` when they were kept before. */
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
  /** Makes what keeping takes, so that `keepsOutbox` says for sure whether it can. Never throws. */
  prepare?(): Promise<void>;
  /** Waits for a connection. Throws `service.unavailable`. */
  begin(): Promise<HeldTransaction>;
}

/** An operation inside. */
export interface JoinOptions {
  /** Whether it does nothing that would have to be undone. */
  readonly onlyReads?: boolean;
}

/** A call of a service, before it is known what it is a part of. */
export interface UseOptions {
  /** Whether effects of a run need not begin for it. */
  readonly isRead?: boolean;
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

// Made once: each level ends with it, and the trace of an error costs more than the rest.
const isOver = new PlatformError('script.transaction_over', 'The transaction that this belongs to is over.');

/** One level of a transaction: what a script opened, or an operation inside. */
export class TransactionScope {
  // What a script opens in the middle of a run's effects gets it with the first service that is used in it.
  #outer: TransactionScope | undefined;
  readonly #allowsOthers: boolean;
  readonly #around: TransactionScope | undefined;
  readonly #effects: RunEffects | undefined;
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
  #settling: Promise<void> | undefined;
  // Runs that wait for a database to keep them.
  #entries: OutboxEntry[] = [];
  #wasApplied = false;

  /** Begins nothing: the service does when it is first used. `outer` is for `open` alone. */
  constructor(options: TransactionOptions = {}, outer?: TransactionScope) {
    const { service, allowsOthers = false, around, effects } = options;
    this.#named = service;
    this.#outer = outer;
    this.#allowsOthers = allowsOthers || effects !== undefined;
    this.#around = around;
    this.#effects = effects;
  }

  /** Name of the service that it covers, once that is known. */
  get service(): string | undefined {
    const root = this.#root();
    return root.#member?.name ?? root.#named;
  }

  /** Whether other services may be written to meanwhile, which is not undone with it. */
  get allowsOthers(): boolean {
    // What a script opens is as strict in the middle of a run's effects as anywhere.
    if (this.#outer === undefined || this.#around !== undefined) return this.#allowsOthers;
    return this.#outer.allowsOthers;
  }

  /** One that allows others, in whose middle it was opened. */
  get around(): TransactionScope | undefined {
    return this.#root().#around;
  }

  /** Why it is over; undefined as long as it is open. */
  get reason(): PlatformError | undefined {
    return this.#reason;
  }

  /** Whether the effects that it holds were committed before, by whomever: the run is done. */
  get wasApplied(): boolean {
    return this.#root().#wasApplied;
  }

  /** Runs that it was to keep and no database could: once it is committed they are for its owner to queue. */
  get leftovers(): readonly OutboxEntry[] {
    return this.#root().#entries;
  }

  /** Whether it covers this service: the named one, else the first that asks. */
  covers(member: TransactionMember, use: UseOptions = {}): boolean {
    const root = this.#root();
    if (root.#around?.covers(member, use) === true) return false;
    if (root.#member === undefined && root.#effects !== undefined) {
      if (use.isRead === true || member.keepsOutbox !== true) return false;
    }
    const isMeant = root.#named === undefined || root.#named.toLowerCase() === member.name.toLowerCase();
    if (root.#member === undefined && isMeant) root.#member = member;
    return root.#member === member;
  }

  /** What covers this service: this, or one in whose middle it was opened; undefined: none of them. */
  placeOf(member: TransactionMember, use: UseOptions = {}): TransactionScope | undefined {
    return this.covers(member, use) ? this : this.#root().#around?.placeOf(member, use);
  }

  /**
   * Finds out, before `placeOf`, what a service is to be a part of that is used here for the first time;
   * undefined when that is known. Throws when it is over.
   */
  settle(member: TransactionMember, { isRead = false }: UseOptions = {}): Promise<void> | undefined {
    const root = this.#root();
    if (root.#member === member) return undefined;
    if (root.#member !== undefined) return root.#around?.settle(member, { isRead });
    if (root.#effects !== undefined) return isRead ? undefined : member.prepare?.();
    const around = root.#around;
    if (around === undefined || !around.#isOfRun()) return undefined;
    const isOther = root.#named !== undefined && root.#named.toLowerCase() !== member.name.toLowerCase();
    // What is of no concern to it is done in what it is in the middle of.
    if (isOther) return around.settle(member, { isRead });
    root.#settling ??= root.#takePlace(around, member).finally(() => (root.#settling = undefined));
    return root.#settling;
  }

  // A part of the run's effects where they are, or can be, in the same database; else on its own.
  async #takePlace(around: TransactionScope, member: TransactionMember): Promise<void> {
    await member.prepare?.();
    if (this.#reason !== undefined) throw this.#reason;
    const place = around.placeOf(member);
    if (place === undefined) {
      this.#member = member;
      return;
    }
    await place.#turn();
    if (this.#reason === undefined) {
      this.#outer = place;
      place.#inner = this;
      return;
    }
    place.#handOn();
    throw this.#reason;
  }

  /**
   * Opens one for a script that runs in the middle of this: inside it, but for one on another service, which
   * `allowsOthers`. Throws as `open`.
   */
  async begin(service?: string): Promise<TransactionScope> {
    const isSame = this.service?.toLowerCase() === service?.toLowerCase();
    const isInside = !this.allowsOthers || (isSame && !this.#isOfRun());
    return isInside ? this.open({ service }) : new TransactionScope({ service, around: this });
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
    this.#reason = isOver;
    try {
      const held = await this.#held;
      if (held !== undefined) await this.#keep(held);
      await this.#passOn();
    } finally {
      this.#leave();
      ending.resolve();
    }
  }

  /**
   * Keeps runs that leave when this is committed, and go with it when it is undone; false where there is
   * nothing that could keep them. What is of a run waits for its effects to begin.
   */
  async enqueue(entry: OutboxEntry): Promise<boolean> {
    const root = this.#root();
    if (this.#reason !== undefined) throw this.#reason;
    const member = root.#member;
    if (member === undefined) return this.#isOfRun() && this.#remember(entry);
    if (member.keepsOutbox !== true && root.#around !== undefined) return root.#around.enqueue(entry);
    if (member.keepsOutbox === true) {
      const isKept = await this.#inTurn(async () => (await this.#hold(member)).enqueue?.(entry));
      if (isKept === true) return true;
    }
    return this.#isOfRun() && this.#remember(entry);
  }

  /** Changes an entry that was kept in it, as long as it is open. */
  async update(entry: OutboxEntry): Promise<void> {
    await this.#inTurn(async () => (await this.#held)?.update?.(entry));
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      return await work();
    } finally {
      this.#handOn();
    }
  }

  #remember(entry: OutboxEntry): true {
    this.#entries.push(entry);
    return true;
  }

  #isOfRun(): boolean {
    const root = this.#root();
    return root.#around === undefined ? root.#effects !== undefined : root.#around.#isOfRun();
  }

  async #keep(held: HeldTransaction): Promise<void> {
    if (this.#effects !== undefined) {
      try {
        await held.apply?.(this.#effects);
      } catch (error) {
        await held.rollback();
        this.#wasApplied = error instanceof PlatformError && error.kind === 'queue.applied';
        throw error;
      }
    }
    await held.commit();
  }

  // What nothing has kept yet is a matter of what this was in.
  async #passOn(): Promise<void> {
    const outside = this.#outer ?? this.#around;
    if (outside === undefined || this.#entries.length === 0) return;
    const entries = this.#entries.splice(0);
    if (this.#outer !== undefined) outside.#entries.push(...entries);
    else for (const entry of entries) await outside.enqueue(entry);
  }

  /** Undoes everything at once. Further operations inside are refused with the reason. */
  rollback(reason: PlatformError = isOver): Promise<void> {
    if (this.#ending === undefined) {
      this.#reason = this.#undoneFor = reason;
      this.#entries = [];
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
      const held = this.#filled(
        this.#outer === undefined ? this.#begin(member) : this.#nest(this.#outer, member),
      );
      // What could not begin, because nobody gave a connection back in time, may begin later.
      this.#held = held.catch((error) => {
        this.#held = undefined;
        throw error;
      });
    }
    return this.#held;
  }

  // What had to wait is put in as the first thing.
  async #filled(opening: Promise<HeldTransaction>): Promise<HeldTransaction> {
    const held = await opening;
    if (this.#entries.length === 0) return held;
    try {
      const left: OutboxEntry[] = [];
      for (const entry of this.#entries) if ((await held.enqueue?.(entry)) !== true) left.push(entry);
      if (this.#reason === undefined) this.#entries = left;
      return held;
    } catch (error) {
      clearTimeout(this.#clock);
      this.#isHeld = false;
      await held.rollback();
      throw error;
    }
  }

  async #begin(member: TransactionMember): Promise<HeldTransaction> {
    const effects = this.#effects;
    if (effects !== undefined && !(await effects.begin(member.name))) throw this.#givenUp(lostRun());
    const held = await member.begin();
    if (effects?.isTakeover === true) await this.#refuseSecond(held, effects);
    this.#isHeld = true;
    if (this.#reason === undefined) {
      this.#clock = setTimeout(() => void this.rollback(expired(member, effects)), member.mostMs);
      this.#clock.unref();
    }
    return held;
  }

  async #refuseSecond(held: HeldTransaction, { runId }: RunEffects): Promise<void> {
    try {
      if ((await held.wasApplied?.(runId)) !== true) return;
    } catch (error) {
      await held.rollback();
      throw error;
    }
    await held.rollback();
    this.#wasApplied = true;
    throw this.#givenUp(appliedBefore());
  }

  // Nothing more is to happen in it, whatever the script makes of the refusal.
  #givenUp(reason: PlatformError): PlatformError {
    void this.rollback(reason);
    return reason;
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

function expired({ name, mostMs }: TransactionMember, effects: RunEffects | undefined): PlatformError {
  const hint =
    effects === undefined
      ? ''
      : ' What a queued run writes is kept together from its first write on: do slow work before that, let ' +
        'the service have a longer transaction_seconds, or give the script another delivery.';
  return new PlatformError(
    'script.transaction_over',
    `The transaction on service '${name}' was open for longer than ${mostMs / 1_000} s and was rolled back.` +
      hint,
  );
}

/** What a run hears whose effects were committed before. */
export function appliedBefore(cause?: unknown): PlatformError {
  const message = 'What this run writes was committed before, by another worker.';
  return new PlatformError('queue.applied', message, { cause });
}

function lostRun(): PlatformError {
  return new PlatformError(
    'queue.lost',
    'The run is held by another worker by now: nothing of it is written.',
  );
}

function lost(service: string): PlatformError {
  return new PlatformError(
    'script.transaction_over',
    `The database of service '${service}' gave the transaction up; nothing of it was kept. Please try again.`,
  );
}
