// Opens the best sandbox that this machine has, and tells what it is worth.
// Invariant: the level that is reported is what the self-test found, not what was asked for.
import { PlatformError } from '../../core/errors.ts';
import { clearLeftovers } from '../leftovers.ts';
import type { Sandbox, SandboxLevel } from '../sandbox.ts';
import { findLaunchers, type Launcher, lookAround, type Offer } from './ground.ts';
import { KernelSandbox } from './kernel-sandbox.ts';
import { isOpenToAll, RuntimeFolder } from './runtime-folder.ts';
import { type Probes, testSandbox } from './self-test.ts';
import { shellSandbox } from './shell-sandbox.ts';

/** What holds, and what does not. */
export interface SandboxReport {
  readonly level: SandboxLevel;
  /** What starts processes: `perl`, `python` or `shell`. */
  readonly launcher: string;
  /** Version of Landlock; 0 without. */
  readonly landlock: number;
  /** Whether every process has a user of its own. */
  readonly dropsUser: boolean;
  readonly probes: Probes;
  /** What an operator should know, in sentences. */
  readonly notes: readonly string[];
}

/** A sandbox with what was found out about it. */
export interface OpenSandbox extends Sandbox {
  readonly report: SandboxReport;
  /** Takes away the copies that were made for runners. */
  close(): Promise<void>;
}

/** How it is opened. */
export interface SandboxOptions {
  /** Files that no script may read; the self-test tries. */
  readonly secrets?: readonly string[];
  /** Instead of those that are found (tests). */
  readonly launchers?: readonly Launcher[];
  readonly memoryMb?: number;
  /** The least that must hold; less is refused with `config.invalid`. */
  readonly minimum?: SandboxLevel;
  /** What scripts shall be able to read; a note says where they cannot. */
  readonly readPaths?: readonly string[];
}

/** Opens and tests it; takes some ten milliseconds. */
export async function openSandbox(options: SandboxOptions = {}): Promise<OpenSandbox> {
  const sandbox = await openBest(options);
  const { level, notes } = sandbox.report;
  if (options.minimum === undefined || level >= options.minimum) return sandbox;
  await sandbox.close();
  const problem = `TENON_SANDBOX_MIN is ${options.minimum}, but only ${level} is reached here.`;
  throw new PlatformError('config.invalid', [problem, ...notes].join(' '));
}

async function openBest(options: SandboxOptions): Promise<OpenSandbox> {
  const problems: string[] = [];
  const launchers = options.launchers ?? findLaunchers();
  for (const launcher of launchers.length > 0 ? launchers : [undefined]) {
    try {
      const offer = await lookAround(launcher === undefined ? [] : [launcher]);
      if (!('problem' in offer)) return await openKernelSandbox(offer, options);
      problems.push(`${offer.problem}.`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(`Processes cannot be kept in by ${launcher?.language}: ${reason}.`);
    }
  }
  return openShellSandbox(problems);
}

async function openKernelSandbox(given: Offer, options: SandboxOptions): Promise<OpenSandbox> {
  const folder = new RuntimeFolder();
  try {
    clearLeftovers(folder.parent).catch(() => {});
    const offer = { ...given, ...(folder.isOpen ? {} : withoutUser) };
    const { memoryMb } = options;
    const sandbox = new KernelSandbox({ offer, folder, ...(memoryMb === undefined ? {} : { memoryMb }) });
    const report = await tested({ sandbox, offer, options });
    sandbox.level = report.level;
    return Object.assign(sandbox, { report, close: async () => folder.close() });
  } catch (error) {
    folder.close();
    throw error;
  }
}

interface Trial {
  readonly sandbox: KernelSandbox;
  readonly offer: Offer;
  readonly options: SandboxOptions;
}

async function tested({ sandbox, offer, options }: Trial): Promise<SandboxReport> {
  const probes = await testSandbox({
    offer,
    secrets: options.secrets ?? [],
    parent: sandbox.folder,
    prepare: (path) => sandbox.prepare(path),
  });
  const { landlock, dropsUser, launcher } = offer;
  const open = Object.keys(probes).filter((name) => probes[name] === 'open');
  const notes = [
    ...(dropsUser ? [] : [`Runners have the user of the server: ${offer.userProblem}.`]),
    ...(landlock > 0 ? [] : ['Scripts can read what the user of runners can: the kernel has no Landlock.']),
    ...(dropsUser ? closedPaths(options.readPaths ?? []) : []),
    ...(open.length === 0 ? [] : [`A script could reach: ${open.join(', ')}.`]),
  ];
  const level = landlock > 0 && open.length === 0 ? 'L2' : 'L1';
  return { level, launcher: launcher.language, landlock, dropsUser, probes, notes };
}

function closedPaths(paths: readonly string[]): string[] {
  return paths
    .filter((path) => !isOpenToAll(path))
    .map((path) => `Scripts cannot read ${path}: it is not there, or not open to all users.`);
}

const withoutUser = {
  dropsUser: false,
  userProblem: 'no folder of this machine is open to all users',
} as const;

function openShellSandbox(problems: readonly string[]): OpenSandbox {
  const sandbox = shellSandbox();
  const asRoot = 'Runners are root: start the server as another user.';
  const notes = [...problems, ...(process.geteuid?.() === 0 ? [asRoot] : [])];
  const about = { launcher: 'shell', landlock: 0, dropsUser: false, probes: {} };
  return { ...sandbox, report: { ...about, level: sandbox.level, notes }, close: () => Promise.resolve() };
}
