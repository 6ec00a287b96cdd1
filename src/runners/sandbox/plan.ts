// The plan of a launcher: what it does to itself, step by step, before it becomes the program to start.
// Invariant: the order is the only one that works: files are opened as the server's user, then the user goes,
// then the rights, then the calls.
import { filterOf } from './filter.ts';
import { type Machine, numberOf } from './syscalls.ts';

/** A file or folder that a process may use, and how. */
export interface Grant {
  readonly path: string;
  readonly rights: number;
}

/** What holds for every process that is started on this machine. */
export interface Ground {
  readonly machine: Machine;
  /** Version of Landlock; 0 where the kernel has none. */
  readonly landlock: number;
  /** Whether processes get a user of their own. */
  readonly dropsUser: boolean;
  /** The most that this process may set by number of the limit; absent: any. */
  readonly hardLimits: ReadonlyMap<number, number>;
}

/** What is different from process to process. */
export interface PlanOptions {
  readonly grants: readonly Grant[];
  readonly limits: ReadonlyMap<number, number>;
  /** Number of the user, where the process gets one. */
  readonly user: number;
}

/** Rights on files and folders as Landlock counts them. */
export const rights = {
  execute: 1,
  write: 2,
  read: 4,
  list: 8,
  removeFolder: 16,
  removeFile: 32,
  makeFolder: 128,
  makeFile: 256,
  makeLink: 4_096,
  move: 8_192,
  cut: 16_384,
  control: 32_768,
} as const;

/** Limits of a process by their number. */
export const resources = { fileBytes: 1, data: 2, core: 4, tasks: 6, files: 7, messages: 12 } as const;

/** The rights that a version of Landlock knows. */
export function rightsOf(version: number): number {
  const known = [13, 14, 15, 15][version - 1] ?? 16;
  return version <= 0 ? 0 : 2 ** known - 1;
}

/** The steps as text; a program given behind them is started in the end. */
export function planOf(ground: Ground, { grants, limits, user }: PlanOptions): string {
  return [
    step(ground, 'setpriority', 0, 0, 10),
    ...ruleset(ground, grants),
    ...[...limits].map(([resource, value]) => limitStep({ ground, resource, value })),
    ...(ground.dropsUser ? userSteps(ground, user) : []),
    // Version 3 of the structure, for this process, and no capability in any set.
    step(ground, 'capset', bytes('2205082000000000'), bytes('00'.repeat(24))),
    step(ground, 'prctl', noNewPrivileges, 1, 0, 0, 0),
    ...(ground.landlock > 0 ? [step(ground, 'landlock_restrict_self', '$ruleset', 0)] : []),
    // It dies with the server. After the change of user, which would forget it.
    step(ground, 'prctl', deathSignal, 9, 0, 0, 0),
    `filter ${numberOf(ground.machine, 'prctl')} ${filterBytes(ground)}`,
  ].join('\n');
}

/** Steps that set the limit of memory of a running process, as its own user. */
export function memoryPlanOf(ground: Ground, about: { user: number; pid: number; bytes: number }): string {
  return [
    ...(ground.dropsUser ? userSteps(ground, about.user) : []),
    limitStep({ ground, resource: resources.data, value: about.bytes, pid: about.pid }),
  ].join('\n');
}

/** A step that makes a call, which must work out. */
export function step(ground: Pick<Ground, 'machine'>, name: string, ...given: (number | string)[]): string {
  return ['call', name, numberOf(ground.machine, name), ...given].join(' ');
}

const noNewPrivileges = 38;
const deathSignal = 1;

function ruleset(ground: Ground, grants: readonly Grant[]): string[] {
  if (ground.landlock <= 0) return [];
  const handled = rightsOf(ground.landlock);
  const openat = numberOf(ground.machine, 'openat');
  return [
    `call ruleset ${numberOf(ground.machine, 'landlock_create_ruleset')} ${rulesetStructure(ground.landlock)} 0`,
    ...grants.map(({ path, rights }) => `path ${openat} ${rights & handled} ${plain(path)}`),
  ];
}

// What is handled is denied unless a rule grants it: files, both TCP rights, abstract sockets and signals.
function rulesetStructure(version: number): string {
  const structure = Buffer.alloc(24);
  structure.writeBigUInt64LE(BigInt(rightsOf(version)), 0);
  if (version >= 4) structure.writeBigUInt64LE(3n, 8);
  if (version >= 6) structure.writeBigUInt64LE(3n, 16);
  const size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  return `${bytes(structure.subarray(0, size).toString('hex'))} ${size}`;
}

function userSteps(ground: Ground, user: number): string[] {
  return [
    step(ground, 'setgroups', 0, 0),
    step(ground, 'setresgid', user, user, user),
    step(ground, 'setresuid', user, user, user),
  ];
}

interface LimitStep {
  readonly ground: Ground;
  readonly resource: number;
  readonly value: number;
  readonly pid?: number;
}

function limitStep({ ground, resource, value, pid = 0 }: LimitStep): string {
  const most = Math.min(value, ground.hardLimits.get(resource) ?? Number.POSITIVE_INFINITY);
  const pair = Buffer.alloc(16);
  pair.writeBigUInt64LE(BigInt(most), 0);
  pair.writeBigUInt64LE(BigInt(most), 8);
  return step(ground, 'prlimit64', pid, resource, bytes(pair.toString('hex')), 0);
}

function filterBytes({ machine, landlock, dropsUser }: Ground): string {
  return filterOf(machine, {
    // Another user is protected from signals anyway.
    deniesSignals: landlock < 6 && !dropsUser,
    deniesAttributes: !dropsUser,
    deniesTruncate: landlock < 3,
  }).toString('hex');
}

function bytes(hex: string): string {
  return `x${hex}`;
}

// A line feed would start a step of its own.
function plain(path: string): string {
  if (path.includes('\n')) throw new TypeError('A path with a line feed cannot be granted.');
  return path;
}
