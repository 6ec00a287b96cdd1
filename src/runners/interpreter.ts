// Finds the interpreter of a language. Invariant: the answer is a real program, never a shim that starts
// another (those cost 60 ms a start and hide the files that a sandbox has to open), and rather one that every
// user can read than one below a private home.
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** What to look for. */
export interface Wanted {
  /** Path that the operator set, or ''. */
  readonly given: string;
  /** Names in the order of preference, e.g. `['python3']`. */
  readonly names: readonly string[];
  /** Folders to look in; those of PATH and the system's when absent. */
  readonly folders?: readonly string[];
}

/** An interpreter, or why there is none. */
export type Found = { readonly path: string } | { readonly problem: string };

const systemFolders = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];

/** Finds it. A path that was given counts alone, and is taken as it is when it can be run. */
export function findInterpreter({ given, names, folders }: Wanted): Found {
  if (given !== '') {
    return isExecutable(given) ? { path: given } : { problem: `${given} is not a program that can be run` };
  }
  const places = folders ?? [...(process.env.PATH ?? '').split(delimiter), ...systemFolders];
  const paths = places.filter(Boolean).flatMap((folder) => names.map((name) => join(folder, name)));
  const real = [...new Set(paths)].filter((path) => isExecutable(path) && isBinary(path));
  const best = real.find(isForEveryone) ?? real[0];
  return best === undefined ? { problem: `no ${names.join(' or ')} was found on PATH` } : { path: best };
}

/** Whether any user of the machine may read the file: it and all folders above it are open to others. */
export function isForEveryone(path: string): boolean {
  try {
    let at = realpathSync(path);
    if ((statSync(at).mode & 0o005) !== 0o005) return false;
    for (at = dirname(at); ; at = dirname(at)) {
      if ((statSync(at).mode & 0o001) === 0) return false;
      if (at === dirname(at)) return true;
    }
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

// ELF, Mach-O in its spellings: what starts with text is a script that finds the interpreter for us.
function isBinary(path: string): boolean {
  const head = Buffer.alloc(4);
  try {
    const file = openSync(path, 'r');
    readSync(file, head, 0, 4, 0);
    closeSync(file);
  } catch {
    return false;
  }
  return /^(7f454c46|cffaedfe|cefaedfe|cafebabe|4d5a)/.test(head.toString('hex'));
}
