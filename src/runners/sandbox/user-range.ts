// Numbers of users for runners: one per process, so that limits counted by user hold for each alone.
// Invariant: no number of a user that somebody else on the machine has, as far as ranges tell.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

// Above what systemd gives to containers, below what 32 bits with a sign hold: nobody's.
const base = 1_879_048_192;
const width = 2 ** 28;
// One server uses so many numbers in turn; far more than it has processes at a time.
const span = 4_096;

/** Gives numbers in turn. */
export class UserRange {
  #first: number;
  #span: number;
  #next = 0;

  constructor(map = readMap()) {
    const end = lastOf(map);
    const isWide = end >= base + width;
    // Containers with users of their own often have 65,536: the upper end of these is nobody's either.
    this.#span = isWide ? span : Math.min(span, Math.max(1, Math.floor(end / 16)));
    this.#first = isWide ? base + randomInt(width / span) * span : end - this.#span - 16;
  }

  next(): number {
    const user = this.#first + this.#next;
    this.#next = (this.#next + 1) % this.#span;
    return user;
  }
}

// Lines of `inside outside count`.
function lastOf(map: string): number {
  const [line = ''] = map.split('\n').filter((line) => /^\s*0\s/.test(line));
  const count = Number(line.trim().split(/\s+/)[2]);
  return Number.isFinite(count) ? count : base + width;
}

function readMap(): string {
  try {
    return readFileSync('/proc/self/uid_map', 'latin1');
  } catch {
    return '';
  }
}
