// Tells when a broker is away, and when it is back. Invariant: once per outage each, however many parts of
// the link notice, and however often.
import type { Observe } from '../core/observe.ts';
import type { LinkHealth } from './message-link.ts';

/** What telling of outages takes. */
export interface OutageParts {
  readonly connection: string;
  readonly observe: Observe;
}

/** Knows whether a broker is away. */
export class Outage {
  readonly #parts: OutageParts;
  /** Parts of the link that fail. */
  readonly #failing = new Set<string>();
  #isTold = false;

  constructor(parts: OutageParts) {
    this.#parts = parts;
  }

  isFailing(part: string): boolean {
    return this.#failing.has(part);
  }

  failed(part: string, error: unknown): void {
    this.#failing.add(part);
    if (this.#isTold) return;
    this.#isTold = true;
    const { connection, observe } = this.#parts;
    observe({ kind: 'broker.failed', connection, reason: reasonOf(error) });
  }

  /** It works, or nobody needs it any more. */
  succeeded(part: string): void {
    if (!this.#failing.delete(part) || this.#failing.size > 0) return;
    this.#isTold = false;
    this.#parts.observe({ kind: 'broker.recovered', connection: this.#parts.connection });
  }

  /** How one part is doing. */
  of(part: string): LinkHealth {
    return {
      succeeded: () => this.succeeded(part),
      failed: (error) => this.failed(part, error),
    };
  }
}

/** Why something failed, for people. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Of many addresses that were tried, each has a reason of its own.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  return error.message || error.name;
}
