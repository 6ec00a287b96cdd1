// Group commit: calls that are made while others wait or are being written go to the database together.
// Invariant: a call that the database does not take fails alone.
import { limits } from '../../core/limits.ts';

interface Waiting<Item, Outcome> {
  readonly items: readonly Item[];
  resolve(outcomes: Outcome[]): void;
  reject(error: unknown): void;
}

/** Collects calls and does them together. */
export class Group<Item, Outcome> {
  readonly #work: (items: readonly Item[]) => Promise<Outcome[]>;
  #waiting: Waiting<Item, Outcome>[] = [];
  #isBusy = false;

  /** `work` gives an outcome for every item, in order. */
  constructor(work: (items: readonly Item[]) => Promise<Outcome[]>) {
    this.#work = work;
  }

  /** The outcomes of the items, once they are committed. */
  add(items: readonly Item[]): Promise<Outcome[]> {
    if (items.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
      if (this.#isBusy) return;
      this.#isBusy = true;
      // What else this turn of the event loop asks for travels along.
      setImmediate(() => void this.#empty());
    });
  }

  async #empty(): Promise<void> {
    while (this.#waiting.length > 0) await this.#commit(this.#next());
    this.#isBusy = false;
  }

  #next(): Waiting<Item, Outcome>[] {
    let rows = 0;
    const end = this.#waiting.findIndex(({ items }, at) => {
      rows += items.length;
      return at > 0 && rows > limits.queueGroupRows;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  async #commit(calls: readonly Waiting<Item, Outcome>[]): Promise<void> {
    try {
      const outcomes = await this.#work(calls.flatMap(({ items }) => items));
      let at = 0;
      for (const { items, resolve } of calls) {
        resolve(outcomes.slice(at, at + items.length));
        at += items.length;
      }
    } catch (error) {
      if (calls.length === 1) return calls[0]?.reject(error);
      for (const call of calls) await this.#commit([call]);
    }
  }
}
