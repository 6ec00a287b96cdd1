// The folder of a language's packages while it is changed. Invariant: the work is done on a copy that takes
// the place of the folder when it is whole, so that a failure, or a server that is running, sees the state
// before.
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { stampPackages } from '../../package-folders.ts';
import { CommandError } from '../failure.ts';

/** Does `work` on a copy of the folder, which then takes its place. */
export async function changeProject(folder: string, work: (copy: string) => Promise<void>): Promise<void> {
  const [parent, name] = [dirname(folder), basename(folder)];
  const [copy, before] = [join(parent, `.${name}.new`), join(parent, `.${name}.old`)];
  // The data folder, where this is the first thing in it.
  mkdirSync(dirname(parent), { recursive: true, mode: 0o700 });
  mkdirSync(parent, { recursive: true });
  const unlock = lock(join(parent, `.${name}.lock`));
  try {
    for (const leftover of [copy, before]) rmSync(leftover, { recursive: true, force: true });
    if (existsSync(folder)) cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
    else mkdirSync(copy);
    await work(copy);
    stampPackages(copy);
    if (existsSync(folder)) renameSync(folder, before);
    renameSync(copy, folder);
  } finally {
    for (const leftover of [copy, before]) rmSync(leftover, { recursive: true, force: true });
    unlock();
  }
}

function lock(file: string): () => void {
  const holder = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (holder > 0 && isAlive(holder)) {
    throw new CommandError(`Process ${holder} is changing these packages.`, 'Try again when it has ended.');
  }
  rmSync(file, { force: true });
  writeFileSync(file, String(process.pid), { flag: 'wx' });
  return () => rmSync(file, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
