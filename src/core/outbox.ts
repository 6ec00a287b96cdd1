// How queued runs leave: kept in the transaction of the write that sets them off, until the queue has them.
// Invariant: an entry is there if and only if what it belongs to was committed; the queue knows runs by their
// ids, so handing an entry on twice is harmless.
import type { Operation, Result } from './operation.ts';
import type { NewQueuedRun } from './queue.ts';

/** Runs that are kept with what sets them off. */
export interface OutboxEntry {
  /** UUID of version 7. */
  readonly id: string;
  readonly runs: readonly NewQueuedRun[];
  /**
   * For how long nobody but whoever put it there hands it on, because its answer may still change; 0: nobody
   * waits.
   */
  readonly pendingMs: number;
}

/** Where entries wait: a table of the system database, or of that of a service. */
export interface Outbox {
  /** Whether entries can be put there, as far as is known; absent: they can. Those that are there leave. */
  readonly mayKeep?: boolean;
  /** Entries whose time has come, the oldest first; makes no table. */
  due(limit: number): Promise<readonly OutboxEntry[]>;
  /** Drops entries that the queue has. */
  remove(ids: readonly string[]): Promise<void>;
  /** Whether the effects of a run were committed there; absent: effects are noted elsewhere. */
  wasApplied?(runId: string): Promise<boolean>;
  /**
   * Drops notes of applied runs and of idempotency keys that are older, a part at a time; 0 when nothing is
   * left to drop.
   */
  trim(olderThanMs: number): Promise<number>;
}

/** Where an entry was put, and what is to be done once its answer is final. */
export interface Keeping {
  readonly outbox: Pick<Outbox, 'remove'>;
  /**
   * Changes the entry where it lies, in a transaction that is not over; it leaves when that is committed.
   * Absent: it was committed, and can leave now.
   */
  update?(entry: OutboxEntry): Promise<void>;
}

/** What an operation sets off, for the service that does it. */
export interface Departure {
  /** What is to be kept in the transaction of the write, whose answer is going to be this. */
  entry(result: Result): OutboxEntry;
  /** Tells that the entry is kept: after the commit, or in a transaction that others end. */
  kept(keeping: Keeping): void;
  /**
   * For a write that keeps no entry of its own: notes that it is going to be done, so that whoever finds the
   * note after a crash hands the runs on although nobody knows whether it was.
   */
  intend(): Promise<void>;
}

/** Queued runs that one exchange sets off; their ids are the same whenever they are asked for. */
export interface SetOff {
  /** The runs for an answer; `isUncertain`: nobody knows whether the write was done. */
  runs(result: Result | undefined, isUncertain?: boolean): readonly NewQueuedRun[];
}

/** What one operation sets off, on its way to the queue. */
export interface Handoff {
  readonly departure: Departure;
  /** Hands on what an operation set off, now that its answer is final. Throws when nothing keeps it. */
  leave(result: Result): Promise<void>;
}

/** Hands runs to the queue, so that they are there if what sets them off happened. */
export interface Handoffs {
  begin(operation: Operation, setOff: SetOff): Handoff;
  /**
   * Queues runs that an operation asks for: with the transaction that it is in, else at once. Resolves when
   * they are kept.
   */
  send(operation: Operation, runs: readonly NewQueuedRun[]): Promise<void>;
  /** Refuses a connection that runs could not be queued on. Throws `queue.unknown_connection`. */
  check(connection: string): void;
}

/** A run whose effects on a database are committed together with the note that they are. */
export interface RunEffects {
  /** Id of the run. */
  readonly runId: string;
  /** Grows with every claim of the run. */
  readonly fence: number;
  /** Whether somebody else may have begun it before. */
  readonly isTakeover: boolean;
  /**
   * Told before the first write to a service; false: the run is held by somebody else by now, and nothing
   * may be written.
   */
  begin(service: string): Promise<boolean>;
}
