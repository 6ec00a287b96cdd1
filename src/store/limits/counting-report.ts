// Tells once when counters cannot be reached, and once when they can again.
import type { Observe } from '../../core/observe.ts';

/** What a report is made with. */
export interface CountingReportParts {
  /** Where the counters are, as people call it. */
  readonly place: string;
  readonly observe: Observe;
}

/** Whether this process counts together with others. */
export class CountingReport {
  readonly #parts: CountingReportParts;
  #isShared = true;

  constructor(parts: CountingReportParts) {
    this.#parts = parts;
  }

  /** The counters cannot be reached. */
  alone(cause: unknown): void {
    if (!this.#isShared) return;
    this.#isShared = false;
    const { place, observe } = this.#parts;
    const why = cause instanceof Error ? cause.message : String(cause);
    observe({ kind: 'limits.counting', isShared: false, reason: `${place}: ${why}` });
  }

  /** The counters were reached. */
  together(): void {
    if (this.#isShared) return;
    this.#isShared = true;
    this.#parts.observe({ kind: 'limits.counting', isShared: true, reason: null });
  }
}
