// Numbers that look random and are the same for the same seed, on every machine and Node.
// Invariant: only integer arithmetic of 32 bits inside, so that no engine can round differently.

/** A stream of pseudo-random numbers (mulberry32; 2^32 states are plenty for a sample). */
export class Random {
  #state: number;

  constructor({ seed }: { readonly seed: number }) {
    this.#state = seed >>> 0;
  }

  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return least + Math.floor((this.#next() / 2 ** 32) * (most - least + 1));
  }

  /** One of the given things; the list must not be empty. */
  pick<const Things extends readonly [unknown, ...unknown[]]>(things: Things): Things[number] {
    return things[this.integer(0, things.length - 1)] ?? things[0];
  }

  /** True in `percent` of 100 cases. */
  happens(percent: number): boolean {
    return this.integer(1, 100) <= percent;
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
