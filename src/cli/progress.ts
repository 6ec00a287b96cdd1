// Shows how far a piece of work is: a bar that is drawn over on a terminal, a line at the start and the end
// elsewhere.
// Invariant: writes nothing but to the stream it is given.

const width = 30;

/** Where progress is shown. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Progress of one piece of work that is told as `done` of `total`. */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #what: string;
  readonly #began = performance.now();
  #hasStarted = false;

  constructor({ stream, what }: { readonly stream: ProgressStream; readonly what: string }) {
    this.#stream = stream;
    this.#what = what;
  }

  /** Shows the state of the work. */
  show(done: number, total: number): void {
    if (this.#stream.isTTY === true) {
      const filled = Math.round((done / total) * width);
      const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
      const end = done === total ? `, done in ${this.#seconds()}\n` : '';
      this.#stream.write(`\r${this.#what} ${bar} ${done.toLocaleString('en')}${end}`);
    } else if (!this.#hasStarted) {
      this.#stream.write(`${this.#what} …\n`);
    } else if (done === total) {
      const count = done.toLocaleString('en');
      this.#stream.write(`${this.#what}: ${count}, done in ${this.#seconds()}\n`);
    }
    this.#hasStarted = true;
  }

  #seconds(): string {
    return `${((performance.now() - this.#began) / 1000).toFixed(1)} s`;
  }
}
