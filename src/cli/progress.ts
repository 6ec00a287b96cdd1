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
      this.#stream.write(`\r${this.#what} ${bar} ${done.toLocaleString('en')}${done === total ? '\n' : ''}`);
    } else if (!this.#hasStarted) {
      this.#stream.write(`${this.#what} …\n`);
    } else if (done === total) {
      this.#stream.write(`${this.#what}: ${done.toLocaleString('en')}, done\n`);
    }
    this.#hasStarted = true;
  }
}
