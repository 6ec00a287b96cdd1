// Copies of files and folders that every user can read, made by a second name where that is possible.
// Invariant: what is copied is not changed, and links lead to nothing outside of the copy.
import {
  chmodSync,
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';

/** Copies `path`; `copy` is not there yet. */
export function copyTree(path: string, copy: string): void {
  copyEntry({ path, copy, root: path, target: realpathSync(dirname(copy)), above: [] });
}

/** Text that changes when anything at the path does. */
export function signatureOf(path: string): string {
  const { size, mtimeMs, ino } = statSync(path);
  const parts = [`${ino} ${size} ${mtimeMs}`];
  visit(path, (name, stats) => parts.push(`${name} ${stats.size} ${stats.mtimeMs}`));
  return parts.join('\n');
}

/** Makes all that lies at the path look used, for programs that clear away what is old. */
export function touchTree(path: string): void {
  visit(path, (name, { mode }) => {
    // The mode that it has: the time of its last change is now, that of its content stays.
    if ((mode & constants.S_IFMT) !== constants.S_IFLNK) chmodSync(name, mode & 0o7777);
  });
}

function visit(path: string, look: (name: string, stats: Stats) => void): void {
  const stats = lstatSync(path);
  look(path, stats);
  if (stats.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name), look);
}

interface Entry {
  readonly path: string;
  readonly copy: string;
  readonly root: string;
  /** Where the whole copy is made: nothing that holds it is part of it. */
  readonly target: string;
  /** Folders that are being copied: a link back to one of them would have no end. */
  readonly above: readonly string[];
}

function copyEntry(entry: Entry): void {
  const { path, copy, root, target, above } = entry;
  const inner = lstatSync(path).isSymbolicLink() ? innerTarget(path, root) : undefined;
  if (inner !== undefined) {
    symlinkSync(inner, copy);
    return;
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile()) copyFile(path, copy, stats);
  if (!stats?.isDirectory()) return;
  const real = realpathSync(path);
  if (above.includes(real) || (path !== root && isBelow(target, real))) return;
  mkdirSync(copy);
  chmodSync(copy, 0o755);
  for (const name of readdirSync(path)) {
    copyEntry({ ...entry, path: join(path, name), copy: join(copy, name), above: [...above, real] });
  }
}

function isBelow(path: string, folder: string): boolean {
  return folder === '/' || `${path}/`.startsWith(`${folder}/`);
}

// Where a link leads, when that is a place of the copy as well.
function innerTarget(path: string, root: string): string | undefined {
  const target = readlinkSync(path);
  const from = relative(root, resolve(dirname(path), target));
  return isAbsolute(target) || from.startsWith('..') ? undefined : target;
}

function copyFile(path: string, copy: string, { mode }: Stats): void {
  const isProgram = (mode & 0o100) !== 0;
  const wanted = isProgram ? 0o005 : 0o004;
  if ((mode & wanted) === wanted && isLinked(path, copy)) return;
  copyFileSync(path, copy, constants.COPYFILE_FICLONE);
  chmodSync(copy, isProgram ? 0o755 : 0o644);
}

// Another file system, or a system that forbids it: then it is copied.
function isLinked(path: string, copy: string): boolean {
  try {
    linkSync(realpathSync(path), copy);
    return true;
  } catch {
    return false;
  }
}
