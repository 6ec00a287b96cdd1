// A folder that every user of the machine can read: programs and packages that lie below a private home are
// copied there for runners.
// Invariant: what is in it belongs to the server and is the same for all; it goes when the server does.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

const prefix = 'tenon-runtime-';

/** Where runners' files may lie, best first. */
const places = [tmpdir(), '/tmp', '/var/tmp', '/run', '/dev/shm'];

/** Made when it is needed first. */
export class RuntimeFolder {
  /** The folder that it is made in; undefined when no folder of the machine is open to all. */
  readonly parent: string | undefined;
  #path: string | undefined;
  #copies = new Map<string, string>();

  constructor(candidates: readonly string[] = places) {
    this.parent = candidates.find((path) => existsSync(path) && isOpenToAll(path));
  }

  /** The path itself where everyone can read it, else that of its copy. */
  reachable(path: string): string {
    if (this.parent === undefined || !existsSync(path) || isOpenToAll(path)) return path;
    const known = this.#copies.get(path);
    if (known !== undefined && existsSync(known)) return known;
    const copy = this.#copy(path, this.parent);
    this.#copies.set(path, copy);
    return copy;
  }

  close(): void {
    if (this.#path !== undefined) rmSync(this.#path, { recursive: true, force: true });
    this.#path = undefined;
    this.#copies.clear();
  }

  #copy(path: string, parent: string): string {
    this.#path ??= makeFolder(parent);
    // The same name for the same path, so that a copy that was cleared away comes back where it was.
    const folder = join(this.#path, createHash('sha256').update(path).digest('hex').slice(0, 16));
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const copy = join(folder, basename(path));
    if (!linked(path, copy)) {
      cpSync(path, copy, { recursive: true, dereference: true, force: true });
      openForAll(copy);
    }
    return copy;
  }
}

/** Whether any user of the machine can read the file or folder, and run it where its owner can. */
export function isOpenToAll(path: string): boolean {
  try {
    const real = realpathSync(path);
    const { mode } = statSync(real);
    if ((mode & 0o004) === 0 || ((mode & 0o100) !== 0 && (mode & 0o001) === 0)) return false;
    for (let at = dirname(real); ; at = dirname(at)) {
      if ((statSync(at).mode & 0o001) === 0) return false;
      if (at === dirname(at)) return true;
    }
  } catch {
    return false;
  }
}

function makeFolder(parent: string): string {
  clearLeftovers(parent);
  const path = mkdtempSync(join(parent, `${prefix}${process.pid}-`));
  chmodSync(path, 0o755);
  // Our programs are modules; Node asks the folders above them.
  writeFileSync(join(path, 'package.json'), '{"type":"module"}\n', { mode: 0o644 });
  return path;
}

// Of servers that were killed.
function clearLeftovers(parent: string): void {
  for (const name of readdirSync(parent).filter((name) => name.startsWith(prefix))) {
    const pid = Number(name.slice(prefix.length).split('-')[0]);
    if (!isAlive(pid)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// A program of 100 MB is not copied where a second name does.
function linked(path: string, copy: string): boolean {
  const { mode } = statSync(path);
  if (!statSync(path).isFile() || (mode & 0o005) !== 0o005) return false;
  try {
    rmSync(copy, { force: true });
    linkSync(path, copy);
    return true;
  } catch {
    return false;
  }
}

function openForAll(path: string): void {
  const isFolder = statSync(path).isDirectory();
  chmodSync(path, isFolder || (statSync(path).mode & 0o100) !== 0 ? 0o755 : 0o644);
  if (isFolder) for (const name of readdirSync(path)) openForAll(join(path, name));
}
