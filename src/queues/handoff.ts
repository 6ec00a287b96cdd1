// Hands what operations set off to the queue. Invariant: a run is queued if what sets it off was committed,
// and kept somewhere durable before anybody is told that it was.
import { limits } from '../core/limits.ts';
import type { Operation, Result } from '../core/operation.ts';
import type { Departure, Handoff, Handoffs, Keeping, Outbox, OutboxEntry, SetOff } from '../core/outbox.ts';
import type { NewQueuedRun, RunQueue } from '../core/queue.ts';
import type { SystemOutbox } from '../core/store.ts';

/** What handing over takes. */
export interface HandoverParts {
  readonly queue: RunQueue;
  /** Of the system database: where writes are noted whose own database keeps nothing. */
  readonly outbox: SystemOutbox;
  /** Whether what a service's writes set off is dropped when nobody knows if they were done; absent: no. */
  readonly dropsUncertain?: (service: string) => boolean;
  /** Makes an id of an entry. */
  readonly newId: () => string;
  /** Told what could not be dropped from an outbox; the relay does it later. */
  readonly onLeftOver?: (error: unknown) => void;
}

/** The way of runs from operations to the queue. */
export class Handover implements Handoffs {
  readonly #parts: HandoverParts;

  constructor(parts: HandoverParts) {
    this.#parts = parts;
  }

  begin(operation: Operation, setOff: SetOff): Handoff {
    return new Leaving({ ...this.#parts, operation, setOff });
  }

  check(connection: string): void {
    this.#parts.queue.check(connection);
  }

  async send(operation: Operation, runs: readonly NewQueuedRun[]): Promise<void> {
    if (runs.length === 0) return;
    const { newId, queue } = this.#parts;
    const kept = await operation.transaction?.enqueue({ id: newId(), runs, pendingMs: 0 });
    if (kept !== true) await queue.push(runs);
  }
}

interface LeavingParts extends HandoverParts {
  readonly operation: Operation;
  readonly setOff: SetOff;
}

/** What one operation sets off. */
class Leaving implements Handoff {
  readonly departure: Departure;
  readonly #parts: LeavingParts;
  readonly #id: string;
  #keeping: Keeping | undefined;
  #isIntended = false;
  /** Whether the service was about to commit an entry. */
  #isOffered = false;
  /** The last answer that runs were asked for, which mostly is the final one, too. */
  #made: { readonly of: Result; readonly runs: readonly NewQueuedRun[] } | undefined;

  constructor(parts: LeavingParts) {
    this.#parts = parts;
    this.#id = parts.newId();
    this.departure = {
      entry: (result) => {
        this.#isOffered = true;
        return this.#entry(this.#runs(result), limits.outboxPendingMs);
      },
      kept: (keeping) => {
        this.#keeping = keeping;
      },
      intend: () => this.#intend(),
    };
  }

  async leave(result: Result): Promise<void> {
    const { queue, operation } = this.#parts;
    const isUnknown = this.#isOffered && this.#keeping === undefined && result.status >= 500;
    // A commit whose answer was lost: the entry is there or not, and tells of the write as it was.
    if (isUnknown && !this.#isIntended) return;
    const runs = this.#runs(result);
    const keeping = this.#keeping;
    if (keeping?.update !== undefined) {
      await keeping.update(this.#entry(runs, 0));
    } else if (keeping !== undefined) {
      await this.#handOn(keeping.outbox, runs);
    } else if (this.#isIntended) {
      await queue.push(runs);
      this.#drop(this.#parts.outbox);
    } else if ((await operation.transaction?.enqueue(this.#entry(runs, 0))) !== true) {
      await queue.push(runs);
    }
  }

  // Committed with the write, so that it leaves in any case: what fails here is done by the relay.
  async #handOn(outbox: Pick<Outbox, 'remove'>, runs: readonly NewQueuedRun[]): Promise<void> {
    try {
      await this.#parts.queue.push(runs);
    } catch (error) {
      this.#parts.onLeftOver?.(error);
      return;
    }
    this.#drop(outbox);
  }

  // Nobody waits for it: an entry that stays is handed on again, which changes nothing.
  #drop(outbox: Pick<Outbox, 'remove'>): void {
    outbox.remove([this.#id]).catch((error: unknown) => this.#parts.onLeftOver?.(error));
  }

  async #intend(): Promise<void> {
    if (this.#isIntended || this.#keeping !== undefined) return;
    const { operation, dropsUncertain } = this.#parts;
    if (dropsUncertain?.(operation.service) === true) return;
    const runs = this.#parts.setOff.runs(undefined, true);
    await this.#parts.outbox.put(this.#entry(runs, limits.outboxPendingMs));
    this.#isIntended = true;
  }

  #runs(result: Result): readonly NewQueuedRun[] {
    if (this.#made?.of !== result) this.#made = { of: result, runs: this.#parts.setOff.runs(result) };
    return this.#made.runs;
  }

  #entry(runs: readonly NewQueuedRun[], pendingMs: number): OutboxEntry {
    return { id: this.#id, runs, pendingMs };
  }
}
