// Counts by key in the memory of this process: by itself, or while what is shared cannot be reached.
// Invariant: it holds no more keys than it may; the least used go first.
import { LRUCache } from 'lru-cache';
import type { Tally } from '../core/limiter.ts';
import { limits } from '../core/limits.ts';

/** How it counts. */
export interface MemoryTallyParts {
  readonly periodMs: number;
  readonly now?: () => number;
}

interface Window {
  readonly end: number;
  count: number;
}

/** Counts in memory. */
export class MemoryTally implements Tally {
  readonly #windows = new LRUCache<string, Window>({ max: limits.loginKeys });
  readonly #periodMs: number;
  readonly #now: () => number;

  constructor({ periodMs, now = Date.now }: MemoryTallyParts) {
    this.#periodMs = periodMs;
    this.#now = now;
  }

  async read(key: string): Promise<number> {
    return this.#open(key)?.count ?? 0;
  }

  async add(key: string): Promise<number> {
    const window = this.#open(key) ?? { end: this.#now() + this.#periodMs, count: 0 };
    window.count += 1;
    this.#windows.set(key, window);
    return window.count;
  }

  async takeBack(key: string): Promise<void> {
    const window = this.#open(key);
    if (window !== undefined && window.count > 0) window.count -= 1;
  }

  async clear(key: string): Promise<void> {
    this.#windows.delete(key);
  }

  #open(key: string): Window | undefined {
    const window = this.#windows.get(key);
    return window !== undefined && this.#now() < window.end ? window : undefined;
  }
}
