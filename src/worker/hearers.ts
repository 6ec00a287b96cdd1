// Those who told a worker of runs, and wait until it has looked for some. Invariant: each is answered once:
// true after a look that began when it had been told, false when there is going to be none.

/** The answer to all who told of runs since the last look began. */
type Answer = PromiseWithResolvers<boolean>;

/** Whoever waits for a look. */
export class Hearers {
  #next: Answer | undefined;
  #isOver = false;

  /** Resolves when the worker has looked, or is not going to. */
  wait(): Promise<boolean> {
    if (this.#isOver) return Promise.resolve(false);
    this.#next ??= Promise.withResolvers();
    return this.#next.promise;
  }

  /** A look begins; tells what its answer is to be said to. */
  take(): Answer | undefined {
    const taken = this.#next;
    this.#next = undefined;
    return taken;
  }

  /** It came to nothing: the next one is theirs. */
  putBack(taken: Answer | undefined): void {
    if (taken !== undefined) void this.wait().then(taken.resolve);
  }

  /** There are no further looks. */
  end(): void {
    this.#isOver = true;
    this.take()?.resolve(false);
  }
}
