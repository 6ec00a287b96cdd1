// The port of limits on callers: how often, and how many at the same time. The path asks once per operation
// from outside, after the access check; calls of scripts inside it are part of what was let through.
// Invariant: what a taken place holds is free again however the operation ends, its stream included.
import type { Headers, Operation, Result } from './operation.ts';
import type { RecordStream } from './record-stream.ts';
import type { Location } from './service.ts';

/** A place that an operation was given. */
export interface Taken {
  /** What the answer says of the limits that it counted for. */
  readonly headers: Headers | undefined;
  /** Frees what is held while the operation is under way; more than one call does what one does. */
  readonly release: (() => void) | undefined;
}

/** Decides whether callers have used up what they may use. */
export interface LimitPolicy {
  /** Throws `limit.*`; undefined where nothing limits the operation. */
  take(operation: Operation, location: Location): Taken | Promise<Taken> | undefined;
}

/** A limit, as far as counting goes. */
export interface CountedLimit {
  readonly id: number;
  readonly rate: number;
  readonly periodSeconds: number;
}

/** Where a counter stands after a call was counted. */
export interface Count {
  readonly isExceeded: boolean;
  readonly used: number;
  /** Milliseconds until the counter begins anew. */
  readonly resetMs: number;
}

/** A counter of a limit: `who` is `all`, or one caller where each has a counter of his own. */
export interface LimitCounter {
  readonly limitId: number;
  readonly who: string;
  readonly used: number;
}

/**
 * Counts calls within windows that begin with their first call. Exact for all that share the counters; when
 * these cannot be reached each process counts for itself.
 */
export interface LimitCounters {
  /** To be told the limits in force before `take` is asked for them; those of before are no longer. */
  prepare(limits: readonly CountedLimit[]): Promise<void>;
  /** Undefined for a limit that is no longer in force. */
  take(limitId: number, who: string): Promise<Count | undefined>;
  /** Counters whose window is open, the most used first, at most `limits.records`; of one limit or all. */
  list(limitId?: number): Promise<readonly LimitCounter[]>;
  /** Lets the counters of a limit, or all, begin anew. */
  reset(limitId?: number): Promise<void>;
  /** Counts something else than calls in the same place; nothing is opened before it is used. */
  tally(name: string, periodSeconds: number): Tally;
  close(): Promise<void>;
}

/**
 * Counts by key within windows that begin with their first count, for all that share it. What it does fails
 * where the place cannot be reached.
 */
export interface Tally {
  read(key: string): Promise<number>;
  /** Tells how many there are then. */
  add(key: string): Promise<number>;
  /** Makes one undone that was added. */
  takeBack(key: string): Promise<void>;
  clear(key: string): Promise<void>;
}

/** Does what a place was taken for, frees the place when it is over, and tells of limits in the answer. */
export async function within({ headers, release }: Taken, work: () => Promise<Result>): Promise<Result> {
  let result: Result;
  try {
    result = await work();
  } catch (error) {
    release?.();
    throw error;
  }
  if (release !== undefined) {
    // A stream is read after this, until whoever was handed it closes it.
    if (result.stream === undefined) release();
    else result = { ...result, stream: releasing(result.stream, release) };
  }
  return headers === undefined ? result : { ...result, headers: { ...result.headers, ...headers } };
}

function releasing(stream: RecordStream, release: () => void): RecordStream {
  const rest = {
    meta: () => stream.meta(),
    close: () => {
      release();
      stream.close();
    },
  };
  // One by one, because only so the form and its portions stay a pair for the compiler.
  return stream.form === 'texts'
    ? { form: stream.form, portions: stream.portions, ...rest }
    : { form: stream.form, portions: stream.portions, ...rest };
}
