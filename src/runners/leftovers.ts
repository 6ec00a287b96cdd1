// Folders of servers that were killed before they could clear them away.
// Invariant: a folder names the process it belongs to, and the view in which that has its number; only those
// of processes that are gone are removed.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

const pattern = /^tenon-[a-z0-9]+-(\d+)\.(\d+)-/;

/** The start of the name of a folder that belongs to this process, and is cleared away after it. */
export function ownPrefix(purpose: string): string {
  return `tenon-${purpose}-${viewOfProcesses()}.${process.pid}-`;
}

/** Removes what others left below `parent`; what is not ours to remove stays. */
export async function clearLeftovers(parent: string): Promise<void> {
  const left = readdirSync(parent).filter((name) => isLeft(parent, name));
  const removals = left.map((name) => rm(join(parent, name), { recursive: true, force: true }));
  await Promise.allSettled(removals);
}

function isLeft(parent: string, name: string): boolean {
  const [, view, number] = pattern.exec(name) ?? [];
  const pid = Number(number);
  // Containers that share a folder do not see each other's processes.
  if (!(pid > 0) || view !== viewOfProcesses()) return false;
  // Numbers come round: what is older than we are is not ours.
  return pid === process.pid ? isOlder(join(parent, name)) : !isAlive(pid);
}

// `pid:[number]`, one number per container.
function viewOfProcesses(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

function isOlder(path: string): boolean {
  try {
    return lstatSync(path).birthtimeMs < performance.timeOrigin - 1_000;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
