// Writes runs to their log in batches, off the path of requests. Invariants: nobody ever waits for the log;
// what waits to be written is bounded, and what does not fit is counted and told; what was taken is written
// before the log is closed.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { RunRecord, RunRepository } from '../core/run.ts';

/** What the history is made with. */
export interface RunHistoryParts {
  readonly runs: RunRepository;
  readonly observe: Observe;
  /** Share of the successful runs without output that are kept, 0 to 1. */
  readonly sample: number;
  readonly retentionDays: number;
  /** 0: nothing is kept at all. */
  readonly retentionCount: number;
}

const dayMs = 86_400_000;

/** The log of runs as those who run scripts know it. */
export class RunHistory {
  readonly #parts: RunHistoryParts;
  #waiting: RunRecord[] = [];
  #waitingChars = 0;
  #dropped = 0;
  #addedSinceTrim = 0;
  #flush: NodeJS.Timeout | undefined;
  #trim: NodeJS.Timeout | undefined;
  /** Writing and trimming, one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(parts: RunHistoryParts) {
    this.#parts = parts;
  }

  /** Whether anything is kept. */
  get isKept(): boolean {
    return this.#parts.retentionCount > 0;
  }

  /** Whether a run that nobody would look for is kept as a sample; decided anew for each. */
  isSample(): boolean {
    const { sample } = this.#parts;
    if (sample <= 0 || !this.isKept || (sample < 1 && Math.random() >= sample)) return false;
    if (this.#waiting.length < limits.runBuffer) return true;
    // Found out before its record is made, which costs more than the run did us.
    this.#dropped++;
    return false;
  }

  /** Drops what is too old, now and from time to time. */
  start(): void {
    this.#work = this.#work.then(() => this.#trimAll());
    this.#trim = setInterval(() => {
      this.#work = this.#work.then(() => this.#trimAll());
    }, limits.runTrimMs).unref();
  }

  /** Takes a run; it is written soon. */
  add(run: RunRecord): void {
    if (!this.isKept) return;
    const chars = charsOf(run);
    if (this.#waiting.length >= limits.runBuffer || this.#waitingChars + chars > limits.runBufferChars) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(run);
    this.#waitingChars += chars;
    this.#flush ??= setTimeout(() => this.#beginFlush(), limits.runFlushMs).unref();
  }

  /** Resolves when what was taken so far can be read. */
  written(): Promise<void> {
    if (this.#waiting.length > 0) this.#beginFlush();
    return this.#work;
  }

  /** Writes what waits; nothing may be added afterwards. */
  async close(): Promise<void> {
    clearInterval(this.#trim);
    this.#beginFlush();
    await this.#work;
  }

  #beginFlush(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    this.#work = this.#work.then(() => this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    this.#tellDropped();
    // Taken as a whole: what comes while it is written waits for the next turn of the timer, so that a flood
    // of failing scripts costs the server a bounded share of its time.
    const runs = this.#waiting;
    this.#waiting = [];
    this.#waitingChars = 0;
    for (let at = 0; at < runs.length; at += limits.runFlushRows) {
      await this.#write(runs.slice(at, at + limits.runFlushRows));
      await nextTurn();
    }
    this.#addedSinceTrim += runs.length;
    if (this.#addedSinceTrim * 20 >= this.#parts.retentionCount) await this.#trimAll();
  }

  async #write(runs: readonly RunRecord[]): Promise<void> {
    try {
      await this.#parts.runs.add(runs);
    } catch (error) {
      this.#parts.observe({ kind: 'runs.dropped', count: runs.length, reason: textOf(error) });
    }
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const reason = 'more runs had to be recorded than can be written';
    this.#parts.observe({ kind: 'runs.dropped', count: this.#dropped, reason });
    this.#dropped = 0;
  }

  async #trimAll(): Promise<void> {
    const { runs, retentionDays, retentionCount: keep } = this.#parts;
    const before = new Date(Date.now() - retentionDays * dayMs).toISOString();
    this.#addedSinceTrim = 0;
    try {
      while ((await runs.trim({ before, keep, atOnce: limits.runTrimRows })) > 0) await nextTurn();
    } catch {
      // The store is busy or away: whatever else needs it tells so, and the next time will do.
    }
  }
}

function charsOf({ output, errorMessage, errorStack }: RunRecord): number {
  let chars = (errorMessage?.length ?? 0) + (errorStack?.length ?? 0);
  for (const line of output) chars += line.text.length;
  return chars;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
