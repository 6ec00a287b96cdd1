// Clocks of nodes that are wrong: libfaketime tells a process another time of day than the machine has.
// Invariant: only the time of day is told wrong; what measures how long something takes stays right, as on a
// machine whose clock somebody sets.
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const libraries = '/usr/lib';

/** Whether clocks can be told wrong here; in CI they must be. */
export function canSetClocks(): boolean {
  if (library() !== undefined || process.env.CI) return true;
  console.warn('SKIPPED: clocks that are wrong: libfaketime is not installed (Debian: faketime)');
  return false;
}

/** What a process is started with whose clock is so many seconds ahead; behind where it is negative. */
export function skewed(seconds: number): Readonly<Record<string, string>> {
  return seconds === 0 ? {} : { ...faked(), FAKETIME: offsetOf(seconds) };
}

/** The clock of a process, which is set while that runs. */
export class ChangingClock {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tenon-clock-'));
  readonly environment: Readonly<Record<string, string>>;

  constructor() {
    this.set(0);
    this.environment = { ...faked(), FAKETIME_TIMESTAMP_FILE: this.#file, FAKETIME_NO_CACHE: '1' };
  }

  /** From now on it is so many seconds ahead. */
  set(seconds: number): void {
    // Processes read it with each look at the clock: they must not find half of it.
    writeFileSync(`${this.#file}.new`, `${offsetOf(seconds)}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#folder, 'offset');
  }
}

function faked(): Readonly<Record<string, string>> {
  const found = library();
  if (found === undefined) throw new Error('libfaketime is not installed (Debian: faketime)');
  return { LD_PRELOAD: found, FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
}

// The folder is named after the processor.
function library(): string | undefined {
  if (!existsSync(libraries)) return undefined;
  const files = readdirSync(libraries).map((name) => join(libraries, name, 'faketime', 'libfaketime.so.1'));
  return files.find((file) => existsSync(file));
}

function offsetOf(seconds: number): string {
  return `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s`;
}
