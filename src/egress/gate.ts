// Lets so many in at once; the others wait in line. Invariant: whoever gives up leaves the line.

/** A bounded number of places. */
export class Gate {
  #free: number;
  readonly #line = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /** Runs `work` when a place is free. Throws the reason of `signal` when that ends the wait. */
  async pass<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      const [next] = this.#line;
      if (next === undefined) this.#free++;
      else next();
    }
  }

  // The place of whoever leaves is handed over, so the count stays as it is.
  #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const enter = () => {
      this.#line.delete(enter);
      signal?.removeEventListener('abort', leave);
      resolve();
    };
    const leave = () => {
      this.#line.delete(enter);
      reject(signal?.reason);
    };
    this.#line.add(enter);
    signal?.addEventListener('abort', leave, { once: true });
    return promise;
  }
}
