// The private folder of one process: the only place that its scripts may write to.
// Invariant: it is gone when the process is; clearing it never follows what scripts made it look like, and
// never holds the server up.
import { lstatSync, mkdtempSync, opendirSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../core/limits.ts';
import { ownPrefix } from './leftovers.ts';

const megabyte = 1_048_576;
// How long the rest of a group may take to die before its folder is cleared.
const groupPauseMs = 5;
const groupPauses = 200;

/** A folder below `parent`, made at once. */
export class WorkFolder {
  readonly path: string;

  constructor(parent: string, language: string) {
    this.path = mkdtempSync(join(parent, ownPrefix(language)));
  }

  /** What it holds too much of; undefined when all is well. Looks at no more than is allowed. */
  excess(): string | undefined {
    const seen = { files: 0, bytes: 0 };
    const isMore = () => seen.files > limits.runnerFiles || seen.bytes > limits.runnerFilesMb * megabyte;
    measure(this.path, seen, isMore);
    if (!isMore()) return undefined;
    return `its work folder held more than ${limits.runnerFiles} files or ${limits.runnerFilesMb} MB`;
  }

  /** Removes it once the group of the process is gone, which may still write there; then calls back. */
  remove(group: number, done: () => void): void {
    try {
      // Almost always empty: no turn of the event loop, no thread.
      rmdirSync(this.path);
    } catch {
      const removal = untilGone(group).then(() =>
        rm(this.path, { recursive: true, force: true, maxRetries: 2 }),
      );
      void removal.then(done, done);
      return;
    }
    done();
  }
}

// Entry by entry, since a list of all names may be longer than we care to wait for.
function measure(path: string, seen: { files: number; bytes: number }, isMore: () => boolean): void {
  try {
    const folder = opendirSync(path);
    try {
      for (let entry = folder.readSync(); entry !== null && !isMore(); entry = folder.readSync()) {
        seen.files++;
        const file = join(path, entry.name);
        if (entry.isDirectory()) measure(file, seen, isMore);
        // What lies on the disk: a hole takes nothing.
        else seen.bytes += lstatSync(file).blocks * 512;
      }
    } finally {
      folder.closeSync();
    }
  } catch {
    // It went away while we looked.
  }
}

async function untilGone(group: number): Promise<void> {
  for (let pause = 0; pause < groupPauses && isAlive(group); pause++) {
    await new Promise((resolve) => setTimeout(resolve, groupPauseMs));
  }
}

function isAlive(group: number): boolean {
  try {
    return group !== 0 && process.kill(-group, 0);
  } catch {
    return false;
  }
}
