// The port of idempotency keys: a write that is asked for twice with the same key is done once, and answered
// twice. Invariant: what is kept of an answer is given to nobody but its caller, who knows the key.
import type { Operation, Result } from './operation.ts';

/** The request header that a key comes in, in lower case. */
export const idempotencyHeader = 'idempotency-key';

/** The answer header that says that an answer was given before. */
export const replayedHeader = 'Idempotency-Replayed';

/** What a service keeps with a write that has a key, in the transaction of the write. */
export interface IdempotencyNote {
  /** SHA-256 of the caller and the key, in hex. */
  readonly id: string;
  /** SHA-256 of what is asked for, in hex; another one under the same id is refused. */
  readonly digest: string;
  /**
   * Hex: when the key was first taken, and random digits; the same for all who try it again after a server
   * was lost. Absent where only the note of the service counts.
   */
  readonly origin?: string;
}

/** Sees to it that a write with a key is done once. */
export interface IdempotencyPolicy {
  /**
   * Does the work, or gives the answer that it had before. `work` is given the operation with its note and
   * must not throw. Throws `request.malformed`, `request.key_reused` and `request.key_in_progress`.
   */
  once(asked: KeyedCall, work: (noted: Operation) => Promise<Result>): Promise<Result>;
}

/** A write with a key. */
export interface KeyedCall {
  readonly operation: Operation;
  /** Whether the service keeps notes with what it writes. */
  readonly keepsNotes: boolean;
}

/** Whether an operation is a write that comes with a key. */
export function hasKey({ action, request }: Operation): boolean {
  return action !== 'GET' && request.headers[idempotencyHeader] !== undefined;
}

/** A key that somebody wants to use. */
export interface NewReservation extends Omit<IdempotencyNote, 'origin'> {
  /** Random, and different each time: only who knows it may keep an answer. */
  readonly token: string;
}

/** What becomes of a key that somebody wants to use. */
export type Reservation =
  /** It is his until its lease ends. */
  | { readonly state: 'reserved'; readonly origin: string }
  /** It was used for the same, and this is the answer. */
  | { readonly state: 'answered'; readonly answer: string; readonly token: string }
  /** Somebody else is at it. */
  | { readonly state: 'busy' }
  /** It was used for something else. */
  | { readonly state: 'reused' };

/** Keys and answers in the system database. */
export interface IdempotencyRepository {
  /** Takes a key that nobody used, or whose user is gone. */
  reserve(reservation: NewReservation): Promise<Reservation>;
  /** Prolongs the lease; false: the key is somebody else's by now. */
  renew(id: string, token: string): Promise<boolean>;
  /** Keeps the answer; false: the key is somebody else's by now, and nothing was kept. */
  keep(id: string, token: string, answer: string): Promise<boolean>;
  /** Makes the key free again, unless it was answered or is somebody else's. */
  release(id: string, token: string): Promise<void>;
  /** Drops keys that are too old, a part at a time; returns how many. */
  trim(): Promise<number>;
}
