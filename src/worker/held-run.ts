// A run that a worker holds, from its claim until its end is written. Invariant: it is stopped once, for the
// first reason there was, and its lease is counted from before the store was asked, so that it is over here
// before others may take the run.
import type { ClaimedRun, Hold } from '../core/queue.ts';

/** Why a run is stopped: somebody wants it, it is not held any more, it takes too long, its worker stops. */
export type StopReason = 'cancelled' | 'lost' | 'timeout' | 'stopping';

/** A run of a worker. */
export class HeldRun {
  readonly run: ClaimedRun;
  /** Made for whoever asks: most runs never look. */
  #controller: AbortController | undefined;
  #whenStopped: (() => void) | undefined;
  #leaseUntil: number;
  #stopped: StopReason | undefined;
  /** Whether it was performed, and its end is being written. */
  isEnding = false;

  /** `leaseUntil` is by `performance.now()`, which goes on while the process stands still. */
  constructor(run: ClaimedRun, leaseUntil: number) {
    this.run = run;
    this.#leaseUntil = leaseUntil;
  }

  get hold(): Hold {
    return { position: this.run.position, token: this.run.token };
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#stopped !== undefined) this.#controller.abort(reasonOf(this.#stopped));
    }
    return this.#controller.signal;
  }

  /** Calls back once, when it is stopped, or now if it is already; instead of whoever asked before. */
  whenStopped(tell: (() => void) | undefined): void {
    this.#whenStopped = tell;
    if (this.#stopped !== undefined) tell?.();
  }

  /** Why it is stopped; undefined while it is not. */
  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  get isLeaseOver(): boolean {
    return performance.now() >= this.#leaseUntil;
  }

  extend(leaseUntil: number): void {
    this.#leaseUntil = leaseUntil;
  }

  stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.#controller?.abort(reasonOf(reason));
    this.#whenStopped?.();
  }
}

function reasonOf(reason: StopReason): Error {
  return new Error(`the run was stopped: ${reason}`);
}
