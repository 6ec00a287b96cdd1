// A folder that every user of the machine can read: programs and packages that lie below a private home are
// copied there for runners.
// Invariant: what is in it belongs to the server and is the same for all; it goes when the server does.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { limits } from '../../core/limits.ts';
import { ownPrefix } from '../leftovers.ts';
import { copyTree, signatureOf, touchTree } from './tree-copy.ts';

/** Where runners' files may lie, best first. */
const places = [tmpdir(), '/tmp', '/var/tmp', '/run', '/dev/shm'];

/** Made when it is needed first. */
export class RuntimeFolder {
  /** The folder that it is made in; undefined when no folder of the machine is open to all. */
  readonly parent: string | undefined;
  #path: string | undefined;
  // By path: where its copies are, the newest last.
  #copies = new Map<string, string[]>();
  #touching: NodeJS.Timeout | undefined;

  constructor(candidates: readonly string[] = places) {
    this.parent = candidates.find((path) => existsSync(path) && isOpenToAll(path));
  }

  /** The path itself where everyone can read it, else that of a copy of what is there now. */
  reachable(path: string): string {
    if (this.parent === undefined || !existsSync(path) || isOpenToAll(path)) return path;
    // The same place for the same content, so that a copy that was cleared away comes back where it was.
    const name = createHash('sha256').update(signatureOf(path)).digest('hex').slice(0, 16);
    this.#path ??= this.#make(this.parent);
    const folder = join(this.#path, name);
    const copy = join(folder, basename(path));
    if (!existsSync(copy)) this.#copy(path, folder);
    return copy;
  }

  close(): void {
    clearInterval(this.#touching);
    if (this.#path !== undefined) rmSync(this.#path, { recursive: true, force: true });
    this.#path = undefined;
    this.#copies.clear();
  }

  #make(parent: string): string {
    const path = makeFolder(parent);
    this.#touching = setInterval(() => touchTree(path), limits.runtimeTouchMs).unref();
    return path;
  }

  // Under another name first: a server that dies half-way leaves nothing that looks whole.
  #copy(path: string, folder: string): void {
    const draft = `${folder}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { mode: 0o755 });
    copyTree(path, join(draft, basename(path)));
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
    this.#forgetOld(path, folder);
  }

  // Processes that are on their way out may still use the one before.
  #forgetOld(path: string, folder: string): void {
    const copies = [...(this.#copies.get(path) ?? []).filter((other) => other !== folder), folder];
    for (const old of copies.splice(0, copies.length - 2)) rmSync(old, { recursive: true, force: true });
    this.#copies.set(path, copies);
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
  const path = mkdtempSync(join(parent, ownPrefix('runtime')));
  chmodSync(path, 0o755);
  // Our programs are modules; Node asks the folders above them.
  writeFileSync(join(path, 'package.json'), '{"type":"module"}\n', { mode: 0o644 });
  return path;
}
