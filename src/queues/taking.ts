// How a worker takes the messages of a queue. Invariant: one without room holds none: it gives back what came
// at the wrong moment, and asks for nothing until it has looked, so that others are told.
import { limits } from '../core/limits.ts';
import type { Taker } from './message-link.ts';

/** Takes messages for a worker, some after the others. */
export class Taking implements Taker {
  readonly #hear: (texts: readonly string[]) => Promise<boolean>;
  /** Resolves when the worker has looked, or is not going to. */
  #looking: Promise<boolean> = Promise.resolve(true);
  /** Ends the wait that is under way. */
  #stop: (() => void) | undefined;
  #isOver = false;

  constructor(hear: (texts: readonly string[]) => Promise<boolean>) {
    this.#hear = hear;
  }

  async ready(): Promise<void> {
    await this.#looked();
  }

  async take(texts: readonly string[]): Promise<boolean> {
    this.#looking = this.#hear(texts);
    const timer = setTimeout(() => this.#stop?.(), limits.brokerPatienceMs);
    const hasLooked = await this.#looked();
    clearTimeout(timer);
    return hasLooked;
  }

  /** Nothing is taken any more, and nothing waited for. */
  end(): void {
    this.#isOver = true;
    this.#stop?.();
  }

  #looked(): Promise<boolean> {
    if (this.#isOver) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#stop = () => resolve(false);
      void this.#looking.then(resolve);
    });
  }
}
