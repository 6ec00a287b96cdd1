// Numbers of users for runners: one per process, so that limits counted by user hold for each alone.
// Invariant: no number of a user that somebody else on the machine has, as far as ranges tell.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

// Above what systemd gives to containers, below what 32 bits with a sign hold: nobody's.
const base = 1_879_048_192;
const width = 2 ** 28;
// One server uses so many numbers in turn; far more than it has processes at a time.
const span = 4_096;
// The last numbers of a container are those of nobody and its like.
const margin = 16;

/** Gives numbers in turn. */
export class UserRange {
  #first: number;
  #next = 0;

  /** `map` says which numbers there are; see `hasUsers`. */
  constructor(map = readMap()) {
    const ranges = rangesOf(map);
    const isWide = ranges.some(({ first, end }) => first <= base && end >= base + width);
    this.#first = isWide ? base + randomInt(width / span) * span : largestOf(ranges).end - span - margin;
  }

  next(): number {
    const user = this.#first + this.#next;
    this.#next = (this.#next + 1) % span;
    return user;
  }
}

/** Whether there are numbers to give: some containers have one user only. */
export function hasUsers(map = readMap()): boolean {
  const { first, end } = largestOf(rangesOf(map));
  // Below are those of the system.
  return end - Math.max(first, 10_000) >= span + margin;
}

interface Range {
  readonly first: number;
  readonly end: number;
}

// Lines of `inside outside count`.
function rangesOf(map: string): Range[] {
  return map.split('\n').flatMap((line) => {
    const [first = Number.NaN, , count = Number.NaN] = line.trim().split(/\s+/).map(Number);
    return Number.isNaN(first + count) ? [] : [{ first, end: first + count }];
  });
}

function largestOf(ranges: readonly Range[]): Range {
  const size = ({ first, end }: Range) => end - first;
  return ranges.reduce((largest, range) => (size(range) > size(largest) ? range : largest), none);
}

const none: Range = { first: 0, end: 0 };

function readMap(): string {
  try {
    return readFileSync('/proc/self/uid_map', 'latin1');
  } catch {
    return '';
  }
}
