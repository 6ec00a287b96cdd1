// The sandbox of Linux: a launcher gives up files, network, other processes and rights for good, then becomes
// the interpreter. Pids stay what they were, and nothing stands between the server and its channel.
// Invariant: memory, files and tasks are bounded by the kernel, not by looking now and then.
import { chownSync, readFileSync } from 'node:fs';
import { limits } from '../../core/limits.ts';
import type { Enclosure, ProcessStart, Sandbox, SandboxLevel } from '../sandbox.ts';
import { launch, type Offer } from './ground.ts';
import { type Grant, memoryPlanOf, Planner, resources } from './plan.ts';
import type { RuntimeFolder } from './runtime-folder.ts';
import { programGrants, readGrants, systemGrants, workGrant } from './system-paths.ts';
import { UserRange } from './user-range.ts';

const megabyte = 1_048_576;

/** What a sandbox is made of. */
export interface KernelSandboxOptions {
  readonly offer: Offer;
  readonly folder: RuntimeFolder;
  /** What a process may take above what it has when it is warm. */
  readonly memoryMb?: number;
}

interface PlanRequest {
  readonly folder: string;
  readonly user: number;
  readonly grants: readonly Grant[];
  readonly warmBytes: number | undefined;
}

/** Its level is set by whoever tested it. */
export class KernelSandbox implements Sandbox {
  level: SandboxLevel = 'L1';
  #offer: Offer;
  #folder: RuntimeFolder;
  #memoryBytes: number;
  #users = new UserRange();
  #planner: Planner;
  // By command: what a warm process has. Known after the first, it is then set before the program starts.
  #warm = new Map<string, number>();

  constructor({ offer, folder, memoryMb = limits.scriptMemoryMb }: KernelSandboxOptions) {
    this.#offer = offer;
    this.#planner = new Planner(offer, [...systemGrants(), ...readGrants(folder.about)]);
    this.#folder = folder;
    this.#memoryBytes = memoryMb * megabyte;
  }

  get folder(): string {
    return this.#folder.work;
  }

  reachable(path: string): string {
    return this.#offer.dropsUser ? this.#folder.reachable(path) : path;
  }

  enclose(start: ProcessStart): Enclosure {
    const { launcher } = this.#offer;
    const user = this.#users.next();
    const command = this.reachable(start.command);
    const key = [command, ...start.args].join('\0');
    const grants = [...programGrants(command), ...readGrants(start.readable)];
    const plan = this.#plan({ folder: start.folder, user, grants, warmBytes: this.#warm.get(key) });
    return {
      command: launcher.command,
      args: [...launcher.args, plan, command, ...start.args],
      settle: (pid) => this.#settle({ key, user, pid }),
    };
  }

  /** The steps of a process that starts no program: what is tried in it, is tried as scripts would. */
  prepare(folder: string): string {
    return this.#plan({ folder, user: this.#users.next(), grants: [], warmBytes: undefined });
  }

  #plan({ folder, user, grants, warmBytes }: PlanRequest): string {
    if (this.#offer.dropsUser) chownSync(folder, user, user);
    return this.#planner.plan({
      user,
      grants: [...grants, workGrant(folder)],
      limits: new Map([
        // 0 would still hand a core to a program of the system; 1 is too little for anybody.
        [resources.core, 1],
        [resources.messages, 0],
        [resources.files, limits.runnerOpenFiles],
        [resources.fileBytes, limits.runnerFileMb * megabyte],
        // Without a user of their own they count together with all else that the server's user runs.
        [resources.tasks, this.#offer.dropsUser ? limits.runnerTasks : limits.runnerTasksShared],
        ...(warmBytes === undefined ? [] : ([[resources.data, warmBytes + this.#memoryBytes]] as const)),
      ]),
    });
  }

  // The interpreter reserves more or less by version and machine, so the bound is put on top of what it has.
  #settle({ key, user, pid }: { key: string; user: number; pid: number }): void {
    if (this.#warm.has(key)) return;
    const bytes = dataBytes(pid);
    if (bytes === undefined) return;
    this.#warm.set(key, bytes);
    const plan = memoryPlanOf(this.#offer, { user, pid, bytes: bytes + this.#memoryBytes });
    // Where this is refused, or the process is gone, the pool still looks at what runs take.
    launch(this.#offer.launcher, plan).catch(() => {});
  }
}

function dataBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmData:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
  } catch {
    return undefined;
  }
}
