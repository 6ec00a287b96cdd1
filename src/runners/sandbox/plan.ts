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

/** What holds for every process of this machine. */
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
  /** Beside those of every process. */
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

// The rights that a version of Landlock knows.
function rightsOf(version: number): number {
  const known = [13, 14, 15, 15][version - 1] ?? 16;
  return version <= 0 ? 0 : 2 ** known - 1;
}

/** Makes plans; what is the same in all of them is made once. */
export class Planner {
  readonly ground: Ground;
  #first: readonly string[];
  #last: readonly string[];

  /** `grants` are those of every process. */
  constructor(ground: Ground, grants: readonly Grant[]) {
    this.ground = ground;
    const { machine, landlock } = ground;
    this.#first = [step(ground, 'setpriority', 0, 0, 10), ...ruleset(ground), ...this.#paths(grants)];
    this.#last = [
      // Version 3 of the structure, for this process, and no capability in any set.
      step(ground, 'capset', bytes('2205082000000000'), bytes('00'.repeat(24))),
      step(ground, 'prctl', noNewPrivileges, 1, 0, 0, 0),
      ...(landlock > 0 ? [step(ground, 'landlock_restrict_self', '$ruleset', 0)] : []),
      // It dies with the server. After the change of user, which would forget it.
      step(ground, 'prctl', deathSignal, 9, 0, 0, 0),
      // What its children leave behind becomes its own, where it is seen.
      step(ground, 'prctl', adoptOrphans, 1, 0, 0, 0),
      `filter ${numberOf(machine, 'prctl')} ${filterBytes(ground)}`,
    ];
  }

  /** The steps as text; a program given behind them is started in the end. */
  plan({ grants, limits, user }: PlanOptions): string {
    const { ground } = this;
    return [
      ...this.#first,
      ...this.#paths(grants),
      ...[...limits].map(([resource, value]) => limitStep({ ground, resource, value })),
      ...(ground.dropsUser ? userSteps(ground, user) : []),
      ...this.#last,
    ].join('\n');
  }

  #paths(grants: readonly Grant[]): string[] {
    const { machine, landlock } = this.ground;
    if (landlock <= 0) return [];
    const [openat, known] = [numberOf(machine, 'openat'), rightsOf(landlock)];
    return grants.map(({ path, rights }) => `path ${openat} ${rights & known} ${plain(path)}`);
  }
}

/** Steps that set the limit of memory of a running process, as its own user. */
export function memoryPlanOf(ground: Ground, about: { user: number; pid: number; bytes: number }): string {
  return [
    ...(ground.dropsUser ? userSteps(ground, about.user) : []),
    limitStep({ ground, resource: resources.data, value: about.bytes, pid: about.pid }),
  ].join('\n');
}

// A call that must work out.
function step(ground: Pick<Ground, 'machine'>, name: string, ...given: (number | string)[]): string {
  return ['call', name, numberOf(ground.machine, name), ...given].join(' ');
}

const noNewPrivileges = 38;
const deathSignal = 1;
const adoptOrphans = 36;

function ruleset({ machine, landlock }: Ground): string[] {
  if (landlock <= 0) return [];
  const number = numberOf(machine, 'landlock_create_ruleset');
  return [`call ruleset ${number} ${rulesetStructure(landlock)} 0`];
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
