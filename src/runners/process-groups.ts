// Memory by process group: what a runner and all that it started hold together.
// Invariant: one look at the machine serves all groups, and looks are far apart.
import { readdirSync, readFileSync } from 'node:fs';
import { limits } from '../core/limits.ts';

const pageBytes = 4_096;

/** Looks at most every `limits.runnerLookMs`. */
export class ProcessGroups {
  #bytes = new Map<number, number>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** Bytes that the processes of a group share with nobody else; 0 where the system does not tell. */
  memory(group: number, now: number): number {
    if (now - this.#lookedAt >= limits.runnerLookMs) {
      this.#lookedAt = now;
      this.#look();
    }
    return this.#bytes.get(group) ?? 0;
  }

  #look(): void {
    this.#bytes.clear();
    for (const pid of pids()) {
      const group = groupOf(pid);
      if (group !== undefined) this.#bytes.set(group, (this.#bytes.get(group) ?? 0) + ownBytes(pid));
    }
  }
}

function pids(): string[] {
  try {
    return readdirSync('/proc').filter((name) => name.charCodeAt(0) <= 0x39);
  } catch {
    return [];
  }
}

// `pid (name) state parent group …`; the name may hold anything, also brackets.
function groupOf(pid: string): number | undefined {
  const line = read(`/proc/${pid}/stat`);
  return line === '' ? undefined : Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[2]);
}

// `size resident shared …` in pages.
function ownBytes(pid: string): number {
  const [, resident = 0, shared = 0] = read(`/proc/${pid}/statm`).split(' ').map(Number);
  return (resident - shared) * pageBytes;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
