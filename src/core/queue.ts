// The run store of queues: runs of scripts that wait for a worker, and what becomes of them.
// Invariant: whoever works a run holds it by a token; what is said of a run without the token that holds it
// changes nothing. All times are milliseconds since 1970 by the clock of the database, never that of a node.
import type { Order, Where } from './query.ts';

/** Where a queued run stands; one that waits for its time is `ready` with a later date. */
export type QueuedState = 'ready' | 'running' | 'done' | 'failed' | 'cancelled' | 'quarantined';

/**
 * What is promised of a run: its effects on our databases happen once, it is started at least once, or it is
 * started at most once.
 */
export type Delivery = 'effects-once' | 'at-least-once' | 'at-most-once';

/** How long to wait before another try. */
export type Backoff =
  /** One after the other; the last one for all further tries. */
  | { readonly kind: 'list'; readonly delaysMs: readonly number[] }
  /** Twice as long each time, of which a random part of `jitter` (0 to 1) is taken off. */
  | {
      readonly kind: 'exponential';
      readonly baseMs: number;
      readonly mostMs: number;
      readonly jitter: number;
    };

/** Where runs wait. */
export interface QueuePlace {
  readonly connection: string;
  readonly queue: string;
}

/** What a run is from the beginning to the end. */
interface RunOrder extends QueuePlace {
  /** UUID of version 7: the id of the event, the same in every attempt. */
  readonly id: string;
  readonly script: string;
  /** Version of the script that it was queued with; null: the latest when it starts. */
  readonly version: string | null;
  /** Higher ones go first. */
  readonly priority: number;
  /** JSON text. */
  readonly payload: string;
  readonly userId: number | null;
  readonly appId: number | null;
  readonly roleId: number | null;
  /** How often the script may fail; null: as the worker has it. */
  readonly tries: number | null;
  /** JSON text of a `Backoff`; null: as the worker has it. */
  readonly backoff: string | null;
  readonly timeoutMs: number | null;
  /** At most one run with it is ready or running, in all queues. Spaces at its end do not count. */
  readonly uniqueKey: string | null;
  /**
   * Runs with the same one are started one at a time, in the order in which they were pushed: one that waits
   * for its time or another try holds up those behind it.
   */
  readonly orderingKey: string | null;
  readonly delivery: Delivery;
}

/** A run to be queued. */
export interface NewQueuedRun extends RunOrder {
  /** How long from now it is not to be started; 0: at once. */
  readonly delayMs: number;
}

/** A run of a queue. */
export interface QueuedRun extends RunOrder {
  /** A short number for people; grows, is never used twice. */
  readonly position: number;
  readonly state: QueuedState;
  readonly createdDate: number;
  /** Not to be started before. */
  readonly availableDate: number;
  readonly startedDate: number | null;
  readonly finishedDate: number | null;
  /** How often the script failed; lost workers do not count here. */
  readonly attempt: number;
  /** How often its worker was lost. */
  readonly crashes: number;
  readonly worker: string | null;
  readonly leaseUntil: number | null;
  /** Grows with every claim of the run. */
  readonly fence: number;
  /** Whether its worker was asked to stop it. */
  readonly isCancelling: boolean;
  /** Why it failed, was cancelled or put aside. */
  readonly reason: string | null;
  /** The record of its last failure in the log of runs. */
  readonly logId: string | null;
  /** The service in whose database its effects are, or were going to be, committed; null: none yet. */
  readonly effectsService: string | null;
}

/** What a worker shows to say something of a run that it holds. */
export interface Hold {
  readonly position: number;
  /** Random, 64 bits, of one claim. */
  readonly token: string;
}

/** A run that a worker got. */
export interface ClaimedRun extends QueuedRun, Hold {}

/** Which runs a worker takes: from the first queue as many as it has, then from the next. */
export interface ClaimRequest {
  readonly connection: string;
  readonly queues: readonly string[];
  readonly limit: number;
  readonly worker: string;
  readonly leaseMs: number;
  /** Only runs with these ids: for whoever was told them. */
  readonly ids?: readonly string[];
}

/** How a run that a worker holds ended; `retry`: the script failed and is tried again after a while. */
export type RunEnd = Hold &
  (
    | { readonly outcome: 'done' }
    | {
        readonly outcome: 'retry';
        readonly delayMs: number;
        readonly reason: string;
        readonly logId: string | null;
      }
    /** It was not begun, and is started later; no try is used up. */
    | {
        readonly outcome: 'postponed';
        readonly delayMs: number;
        readonly reason: string;
        readonly logId: null;
      }
    | { readonly outcome: 'failed' | 'cancelled'; readonly reason: string; readonly logId: string | null }
  );

/** What a worker is told of a run it holds: go on, it is not yours any more, or stop it. */
export type Beat = 'held' | 'lost' | 'cancel';

/** What became of a run whose worker was lost. */
export interface SweptRun {
  readonly id: string;
  readonly position: number;
  readonly script: string;
  readonly state: Exclude<QueuedState, 'running' | 'done'>;
}

/** Which runs something is done with. */
export type RunSelection =
  | { readonly ids: readonly string[] }
  | { readonly positions: readonly number[] }
  | { readonly where: Where | undefined };

/** Which queued runs are listed; the newest first unless an order is given. */
export interface QueuedRunQuery {
  /** Names are fields of a queued run. */
  readonly where?: Where | undefined;
  readonly order?: readonly Order[];
  readonly limit: number;
  readonly skip?: number;
  /** Without payloads, which are long: they are empty. */
  readonly isBrief?: boolean;
}

/** What a queue allows; null: anything. */
export interface QueueLimits {
  /** Runs at the same time, of all workers. */
  readonly concurrency: number | null;
  /** Starts per period, of all workers. */
  readonly rate: { readonly count: number; readonly periodMs: number } | null;
}

/** What is known of a queue. */
export interface QueueStats extends QueuePlace {
  readonly isPaused: boolean;
  readonly limits: QueueLimits;
  /**
   * Runs by state; `ready` is without those that wait for their time, which are `delayed`. Those that are
   * done may be very many, and are not counted.
   */
  readonly counts: Readonly<Record<Exclude<QueuedState, 'done'> | 'delayed', number>>;
  /** For how long the oldest run that could start has waited. */
  readonly lagMs: number;
}

/** Which ended runs are dropped: those that ended so long ago, and all but so many. */
export interface TrimBounds {
  readonly state: Exclude<QueuedState, 'ready' | 'running'>;
  readonly olderThanMs: number;
  readonly keep: number;
  /** Those that ended less long ago are kept, however many they are; absent: none is for that. */
  readonly leastMs?: number;
  readonly atOnce: number;
}

/** The truth about queued runs. Calls of one turn of the event loop may share a transaction. */
export interface RunStore {
  /**
   * Queues runs, all or none; tells for each, in order, the id of the run that stands for it: another than
   * its own where one with its unique key is there already. One whose id is known is not queued again.
   */
  push(runs: readonly NewQueuedRun[]): Promise<string[]>;
  /**
   * Takes runs that can start now: by priority, then by date, then by position. One that cost a worker is
   * taken by itself, so that it costs no other run anything if it does so again.
   */
  claim(request: ClaimRequest): Promise<ClaimedRun[]>;
  /** Extends leases; tells for each, in order, what its worker is to do. */
  beat(holds: readonly Hold[], leaseMs: number): Promise<Beat[]>;
  /** Tells for each, in order, whether it counted: false where the run is held by the token no more. */
  finish(ends: readonly RunEnd[]): Promise<boolean[]>;
  /** Notes where the effects of a run are going to be; false where it is held by the token no more. */
  noteEffects(hold: Hold, service: string): Promise<boolean>;
  /** What was remembered of a run under a key, in any attempt; undefined: nothing. */
  recall(hold: Hold, key: string): Promise<string | undefined>;
  /** Remembers JSON text of a run under a key, durably; false where it is held by the token no more. */
  remember(hold: Hold, key: string, value: string): Promise<boolean>;
  /** Gives back, uncounted, what a worker that stops has not begun or will not end. As `finish`. */
  release(holds: readonly Hold[]): Promise<boolean[]>;
  /**
   * Takes runs from workers whose lease is over, a part at a time: they are started again, fail when they
   * may be started only once, and are put aside when they have cost too many workers.
   */
  sweep(limit: number): Promise<SweptRun[]>;
  list(query: QueuedRunQuery): Promise<QueuedRun[]>;
  /** By id or position. */
  get(key: string | number): Promise<QueuedRun | undefined>;
  count(where?: Where): Promise<number>;
  /** Starts ended runs that are not done anew, under their id; not where another has their unique key now. */
  retry(selection: RunSelection): Promise<number>;
  /** Ends those that wait; asks the workers of those that run to stop them. */
  cancel(selection: RunSelection, reason: string): Promise<number>;
  /** Drops runs that have ended. */
  forget(selection: RunSelection): Promise<number>;
  /** Drops failed runs and those put aside, of one queue or of all. */
  flush(place?: Partial<QueuePlace>): Promise<number>;
  pause(place: QueuePlace): Promise<void>;
  resume(place: QueuePlace): Promise<void>;
  limit(place: QueuePlace, limits: QueueLimits): Promise<void>;
  stats(): Promise<QueueStats[]>;
  /**
   * In how many milliseconds a claim may get something, as far as time alone decides; undefined when nothing
   * waits.
   */
  nextDue(place: Pick<ClaimRequest, 'connection' | 'queues'>): Promise<number | undefined>;
  /** The queues of a connection where runs wait for their turn. */
  queuesOf(connection: string): Promise<string[]>;
  /** Drops ended runs, the oldest first, a part at a time; 0 when there is nothing left to drop. */
  trim(bounds: TrimBounds): Promise<number>;
}

/** Tells workers that runs were queued, so that they need not wait until they look again. A hint alone. */
export interface QueueSignal {
  /** Calls `wake` when runs may have come to a connection, by whichever process; until it is stopped. */
  listen(connection: string, wake: () => void): () => void;
}

/** What a worker lets a run know, and hears of it. */
export interface RunControl {
  /** Aborted when the run is to stop: cancelled, out of time, or held by somebody else. */
  readonly signal: AbortSignal;
  noteEffects(service: string): Promise<boolean>;
  recall(key: string): Promise<string | undefined>;
  remember(key: string, value: string): Promise<boolean>;
}

/** What became of a run that was performed. */
export type Performed =
  | {
      readonly outcome: 'done';
      /** Runs that it set off, which are to be queued in the transaction that ends it. */
      readonly further: readonly NewQueuedRun[];
    }
  | {
      readonly outcome: 'failed';
      readonly reason: string;
      readonly logId: string | null;
      /** What the script itself said of another try; undefined: nothing. */
      readonly retry: { readonly afterMs: number } | 'never' | undefined;
      /** What is to be queued in the transaction that ends it when there is no other try. */
      readonly onFailure: NewQueuedRun | undefined;
    }
  /** Nothing was begun, for want of something that may be there later; no try is used up. */
  | { readonly outcome: 'postponed'; readonly reason: string; readonly delayMs: number };

/** Performs queued runs. Never throws. */
export interface RunPerformer {
  perform(run: ClaimedRun, control: RunControl): Promise<Performed>;
  /**
   * What is to be queued for a run that has failed for good without anybody having performed it to its end;
   * absent or undefined: nothing.
   */
  onLost?(run: QueuedRun): NewQueuedRun | undefined;
}

/** The queue as those who put runs there know it. */
export interface RunQueue {
  /**
   * Queues runs on their connections, '' being the default one and its default queue; resolves when they are
   * kept. Those whose id is known are not queued again.
   */
  push(runs: readonly NewQueuedRun[]): Promise<void>;
  /** Refuses a connection that runs could not be queued on. Throws `queue.unknown_connection`. */
  check(connection: string): void;
}
