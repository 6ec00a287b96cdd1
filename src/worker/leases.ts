// Keeps the leases of the runs that a worker holds. Invariant: a run whose lease is over by our own clock is
// stopped, whether or not the store could be asked; all runs are told of in one call.
import { limits } from '../core/limits.ts';
import type { Beat, RunStore } from '../core/queue.ts';
import type { Health } from './health.ts';
import type { HeldRun } from './held-run.ts';

/** What keeping leases takes. */
export interface LeasesParts {
  readonly queue: Pick<RunStore, 'beat'>;
  readonly health: Health;
  readonly leaseMs: number;
  readonly beatMs: number;
}

/** The runs of a worker and their leases. */
export class Leases {
  readonly #parts: LeasesParts;
  readonly #held = new Set<HeldRun>();
  #timer: NodeJS.Timeout | undefined;
  #lastBeat = Number.NEGATIVE_INFINITY;
  #isBeating = false;

  constructor(parts: LeasesParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#held.size;
  }

  [Symbol.iterator](): Iterator<HeldRun> {
    return this.#held.values();
  }

  add(held: HeldRun): void {
    if (this.#held.size === 0) {
      this.#lastBeat = performance.now();
      this.#timer = setInterval(() => this.#look(), Math.min(limits.queueLookMs, this.#parts.beatMs));
    }
    this.#held.add(held);
  }

  delete(held: HeldRun): void {
    this.#held.delete(held);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    // Nothing is left to be told: what could not be is no trouble any more.
    this.#parts.health.succeeded('beating');
  }

  /** Somebody may want a run stopped: asks with the next look. */
  askSoon(): void {
    this.#lastBeat = Number.NEGATIVE_INFINITY;
  }

  #look(): void {
    for (const held of this.#held) if (held.isLeaseOver && !held.isEnding) held.stop('lost');
    if (performance.now() - this.#lastBeat >= this.#parts.beatMs) void this.#beat();
  }

  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const { queue, health, leaseMs } = this.#parts;
    const all = [...this.#held].filter(({ stopped }) => stopped !== 'lost');
    const asked = performance.now();
    this.#lastBeat = asked;
    try {
      const beats = await queue.beat(
        all.map(({ hold }) => hold),
        leaseMs,
      );
      health.succeeded('beating');
      for (const [at, held] of all.entries()) heard(held, beats[at], asked + leaseMs);
    } catch (error) {
      // Asked again with the next beat, where there is one; until then the leases go on.
      if (this.#held.size > 0) health.failed('beating', error);
    } finally {
      this.#isBeating = false;
    }
  }
}

function heard(held: HeldRun, beat: Beat | undefined, leaseUntil: number): void {
  // What ends is held no more once its end is written, which may have been before the answer.
  if (held.isEnding) return;
  if (beat === 'lost') {
    held.stop('lost');
    return;
  }
  held.extend(leaseUntil);
  if (beat === 'cancel') held.stop('cancelled');
}
