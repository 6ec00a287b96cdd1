// The folder of a server for its runners: their work folders, and copies of programs and packages that lie
// below a private home.
// Invariant: all but what is in work folders belongs to the server; it goes when the server does.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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

/** Where it may lie, best first. */
const places = [tmpdir(), '/tmp', '/var/tmp', '/run', '/dev/shm'];

const aboutName = 'package.json';

/** Made when something is put into it first. */
export class RuntimeFolder {
  /** Whether every user of the machine can reach what is in it. */
  readonly isOpen: boolean;
  /** The folder that it is made in. */
  readonly parent: string;
  #path: string | undefined;
  // By path: where its copies are, the newest last.
  #copies = new Map<string, string[]>();
  #touching: NodeJS.Timeout | undefined;

  constructor(candidates: readonly string[] = places) {
    const open = candidates.find((path) => existsSync(path) && isOpenToAll(path));
    this.isOpen = open !== undefined;
    this.parent = open ?? tmpdir();
  }

  /** Where work folders are made. */
  get work(): string {
    return join(this.#made(), 'work');
  }

  /**
   * Files that say what kind of modules lie beside them. Node asks for them in every folder above a script,
   * up to the first: it is not to end in what others put into the system's temporary folder.
   */
  get about(): readonly string[] {
    return [join(this.#made(), aboutName), join(this.work, aboutName)];
  }

  /** The path itself where everyone can read it, else that of a copy of what is there now. */
  reachable(path: string): string {
    if (!this.isOpen || !existsSync(path) || isOpenToAll(path)) return path;
    // The same place for the same content, so that a copy that was cleared away comes back where it was.
    const name = createHash('sha256').update(signatureOf(path)).digest('hex').slice(0, 16);
    const folder = join(this.#made(), name);
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

  #made(): string {
    if (this.#path !== undefined) return this.#path;
    const path = makeFolder(this.parent);
    this.#path = path;
    this.#touching = setInterval(() => touch(path), limits.runtimeTouchMs).unref();
    return path;
  }

  // Under another name first: a server that dies half-way leaves nothing that looks whole.
  #copy(path: string, folder: string): void {
    const draft = `${folder}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft);
    chmodSync(draft, 0o755);
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
  const work = join(path, 'work');
  mkdirSync(work);
  chmodSync(path, 0o755);
  // To be passed through, not to be listed.
  chmodSync(work, 0o711);
  // Our programs are modules; scripts are not.
  describe(path, '{"type":"module"}\n');
  describe(work, '{}\n');
  return path;
}

function describe(folder: string, text: string): void {
  writeFileSync(join(folder, aboutName), text);
  chmodSync(join(folder, aboutName), 0o644);
}

// Of what is in work folders nothing: it is the scripts', and links there lead where they want.
function touch(path: string): void {
  const now = new Date();
  for (const name of readdirSync(path)) if (name !== 'work') touchTree(join(path, name));
  for (const name of ['.', ...readdirSync(join(path, 'work'))])
    lutimesSync(join(path, 'work', name), now, now);
}
