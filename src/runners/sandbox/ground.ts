// Looks at what this machine offers to keep processes in. Invariant: only looks; what a launcher says is
// tried by the self-test before anybody relies on it.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { limits } from '../../core/limits.ts';
import type { Ground } from './plan.ts';
import { machineOf, numberOf } from './syscalls.ts';
import { hasUsers } from './user-range.ts';

/** A program that does the steps of a plan to itself. */
export interface Launcher {
  readonly language: 'perl' | 'python';
  readonly command: string;
  readonly args: readonly string[];
}

/** A machine with a launcher. */
export interface Offer extends Ground {
  readonly launcher: Launcher;
  /** Why processes get no user of their own; '' when they do. */
  readonly userProblem: string;
}

/** What this machine offers, or why it has no launcher. */
export async function lookAround(launchers = findLaunchers()): Promise<Offer | { problem: string }> {
  if (process.platform !== 'linux') return { problem: `${process.platform} has no Landlock and no seccomp` };
  const machine = machineOf(process.arch);
  if (machine === undefined) return { problem: `the system calls of ${process.arch} are not known` };
  const [launcher] = launchers;
  if (launcher === undefined) return { problem: 'neither Perl nor Python 3 is installed to start processes' };
  // Asked without a structure and with flag 1, it answers with its version.
  const question = `try landlock ${numberOf(machine, 'landlock_create_ruleset')} 0 0 1`;
  const [, version] = (await launch(launcher, question)).split(' ');
  const userProblem = whyNoUser();
  return {
    machine,
    launcher,
    landlock: Math.max(0, Number(version)),
    dropsUser: userProblem === '',
    userProblem,
    hardLimits: readHardLimits(),
  };
}

/** Runs a plan that starts no program and returns what it printed. Rejects with what a failing step said. */
export function launch({ command, args }: Launcher, plan: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: limits.sandboxTestMs, env: { PATH: '/usr/bin:/bin' } };
    execFile(command, [...args, plan], options, (error, output, said) => {
      if (error === null) resolve(output);
      else reject(new Error(said.trim() || error.message));
    });
  });
}

/** The launchers of this machine, best first. */
export function findLaunchers(
  folders: readonly string[] = ['/usr/bin', '/bin', '/usr/local/bin'],
): Launcher[] {
  const found = (name: string) => folders.map((folder) => `${folder}/${name}`).find(existsSync);
  const [perl, python] = [found('perl'), found('python3')];
  return [
    ...(perl === undefined ? [] : [{ language: 'perl', command: perl, args: [programFile('pl')] } as const]),
    // Without the user's and the site's packages, which cost twice the time.
    ...(python === undefined
      ? []
      : [{ language: 'python', command: python, args: ['-I', '-S', programFile('py')] } as const]),
  ];
}

// In a built server this file is part of a bundle, with the launchers below dist/runners beside it.
function programFile(extension: string): string {
  const name = `launcher.${extension}`;
  const places = [`./runners/sandbox/${name}`, `../runners/sandbox/${name}`, `./${name}`];
  const paths = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return paths.find(existsSync) ?? name;
}

/** What root must hold so that runners of other users can be made, fed, ended and cleared away. */
const needed: Readonly<Record<string, number>> = { CHOWN: 0, DAC_OVERRIDE: 1, KILL: 5, SETGID: 6, SETUID: 7 };

function whyNoUser(): string {
  if (process.geteuid?.() !== 0) return 'the server was not started as root';
  if (!hasUsers()) return 'this container has no further users';
  const held = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0}`);
  const missing = Object.keys(needed).filter((name) => ((held >> BigInt(needed[name] ?? 0)) & 1n) === 0n);
  return missing.length === 0
    ? ''
    : `root lacks the capability ${missing.map((name) => `CAP_${name}`).join(', ')}`;
}

const limitNames: Readonly<Record<string, number>> = {
  'Max file size': 1,
  'Max data size': 2,
  'Max core file size': 4,
  'Max processes': 6,
  'Max open files': 7,
};

// Only a privileged process may raise them again.
function readHardLimits(): ReadonlyMap<number, number> {
  const lines = readFileSync('/proc/self/limits', 'latin1').split('\n');
  const found = Object.entries(limitNames).flatMap(([name, resource]): [number, number][] => {
    const hard = lines
      .find((line) => line.startsWith(name))
      ?.slice(name.length)
      .trim()
      .split(/\s+/)[1];
    return hard === undefined || hard === 'unlimited' ? [] : [[resource, Number(hard)]];
  });
  return new Map(found);
}
