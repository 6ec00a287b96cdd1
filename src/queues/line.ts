// One outbox, as the relay sees it. Invariants: one look at a time; an entry whose runs the run store has is
// not pushed again by this process, even when the outbox cannot be told so; one that cannot be pushed is
// left where it is while others pass.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { Outbox, OutboxEntry } from '../core/outbox.ts';
import type { NewQueuedRun } from '../core/queue.ts';

/** What looking at an outbox takes. */
export interface LineParts {
  /** In whose database it is. */
  readonly service: string;
  readonly outbox: Outbox;
  readonly push: (runs: readonly NewQueuedRun[]) => Promise<void>;
  readonly observe: Observe;
}

/** The entries of one outbox on their way. */
export class Line {
  readonly outbox: Outbox;
  readonly #parts: LineParts;
  /** Entries that the run store has, and whose removal failed. */
  readonly #handedOn = new Set<string>();
  /** Entries that the run store does not take, and when each is worth another try. */
  readonly #refused = new Map<string, number>();
  #looking: Promise<void> | undefined;
  #isWoken = false;
  #isStopped = false;
  /** How often in a row looking failed, and when it is worth another look. */
  #failures = 0;
  #nextLook = 0;
  // Not at once: where all servers were off for long, runs that were lost then are taken over before.
  #nextTrim = performance.now() + limits.upkeepMs;

  constructor(parts: LineParts) {
    this.#parts = parts;
    this.outbox = parts.outbox;
  }

  /** Looks unless the database was away a moment ago. */
  look(): void {
    if (this.#looking === undefined && performance.now() >= this.#nextLook) this.#begin(true);
  }

  /** Looks at once, or once more after the look that is under way: that may have passed the entry already. */
  wake(): void {
    if (this.#looking === undefined) this.#begin(false);
    else this.#isWoken = true;
  }

  /** Resolves when no look is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#looking;
  }

  #begin(isPolling: boolean): void {
    if (this.#isStopped) return;
    this.#looking = this.#all(isPolling)
      .then(
        () => this.#succeeded(),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#looking = undefined;
        const isWoken = this.#isWoken;
        this.#isWoken = false;
        if (isWoken) this.#begin(false);
      });
  }

  async #all(isPolling: boolean): Promise<void> {
    for (let isMore = true; isMore && !this.#isStopped; ) {
      // Refused ones may stay the oldest for ever: as many more are asked for.
      const most = limits.outboxRows + this.#refused.size;
      const due = await this.outbox.due(most);
      if (due.length < most) this.#forgetAllBut(due);
      const now = performance.now();
      const passing = due.filter(({ id }) => (this.#refused.get(id) ?? 0) <= now);
      if (passing.length > 0) await this.#handOn(passing, isPolling);
      isMore = passing.length >= limits.outboxRows;
    }
    await this.#trim();
  }

  // Others may have handed on, or dropped, what was in the way here.
  #forgetAllBut(due: readonly OutboxEntry[]): void {
    const ids = new Set(due.map(({ id }) => id));
    for (const id of this.#refused.keys()) if (!ids.has(id)) this.#refused.delete(id);
    for (const id of this.#handedOn) if (!ids.has(id)) this.#handedOn.delete(id);
  }

  async #handOn(entries: readonly OutboxEntry[], isPolling: boolean): Promise<void> {
    const fresh = entries.filter(({ id }) => !this.#handedOn.has(id));
    const refusals = new Map<string, string>();
    if (fresh.length > 0) await this.#push(fresh, refusals);
    this.#tell({ released: isPolling ? fresh.length - refusals.size : 0, refusals });
    const gone = entries.map(({ id }) => id).filter((id) => !refusals.has(id));
    for (const id of gone) this.#handedOn.add(id);
    if (gone.length > 0) await this.outbox.remove(gone);
    for (const id of gone) {
      this.#handedOn.delete(id);
      this.#refused.delete(id);
    }
  }

  // Together; where the run store refuses that, each alone, so that it refuses only what it must.
  async #push(entries: readonly OutboxEntry[], refusals: Map<string, string>): Promise<void> {
    try {
      await this.#parts.push(entries.flatMap(({ runs }) => runs));
    } catch (error) {
      if (isOutage(error)) throw error;
      const [first, ...others] = entries;
      if (first !== undefined && others.length === 0) refusals.set(first.id, reasonOf(error));
      else for (const entry of entries) await this.#push([entry], refusals);
    }
  }

  #tell({ released, refusals }: { released: number; refusals: ReadonlyMap<string, string> }): void {
    const { service, observe } = this.#parts;
    if (released > 0) observe({ kind: 'outbox.released', service, count: released });
    const later = performance.now() + limits.outboxAwayMs;
    for (const [id, reason] of refusals) {
      const isKnown = this.#refused.has(id);
      this.#refused.set(id, later);
      if (!isKnown) observe({ kind: 'service.failed', service, reason: `outbox entry ${id}: ${reason}` });
    }
  }

  // Notes are dropped a part at a time, between which others get their turn.
  async #trim(): Promise<void> {
    if (performance.now() < this.#nextTrim) return;
    this.#nextTrim = performance.now() + limits.upkeepMs;
    const olderThanMs = limits.outboxAppliedDays * 86_400_000;
    while (!this.#isStopped && (await this.outbox.trim(olderThanMs)) > 0);
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#nextLook = 0;
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const pause = Math.min(limits.outboxPollMs * 2 ** this.#failures, limits.outboxAwayMs);
    this.#nextLook = performance.now() + pause;
    // A service that is closed has no database any more.
    if (this.#failures > 1 || this.#isStopped) return;
    const { service, observe } = this.#parts;
    observe({ kind: 'service.failed', service, reason: `outbox: ${reasonOf(error)}` });
  }
}

// The run store is away as a whole, and no entry is to blame.
function isOutage(error: unknown): boolean {
  return error instanceof PlatformError && error.kind === 'service.unavailable';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
