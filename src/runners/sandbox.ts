// The port of what keeps runners in: how a process is started so that a script in it can do no harm.
// Invariant: what a sandbox promises was tried on this machine at the start; nothing here falls back in
// silence.

/** What holds on this machine: a separate process (L0), with limits (L1), kept in by the kernel (L2). */
export type SandboxLevel = 'L0' | 'L1' | 'L2';

/** A process to start. */
export interface ProcessStart {
  readonly command: string;
  readonly args: readonly string[];
  /** Its private work folder: the only place that it may write to. */
  readonly folder: string;
  /** Files and folders that it may read beside the interpreter and the system's libraries. */
  readonly readable: readonly string[];
}

/** What to start instead. */
export interface Enclosure extends Pick<ProcessStart, 'command' | 'args'> {
  /** Told once when the process is warm, before its first run: memory is capped above what it has by then. */
  settle(pid: number): void;
}

/** Starts processes inside. */
export interface Sandbox {
  readonly level: SandboxLevel;
  /** Where work folders belong, when the system's temporary folder is closed to runners. */
  readonly folder: string | undefined;
  /** A path at which the runner's user can read what lies at `path`: the same one, or that of a copy. */
  reachable(path: string): string;
  /** The command to start instead; makes `folder` the runner's own. */
  enclose(start: ProcessStart): Enclosure;
}

/** No sandbox: a process of its own, and nothing more. */
export const unconfined: Sandbox = {
  level: 'L0',
  folder: undefined,
  reachable: (path) => path,
  enclose: ({ command, args }) => ({ command, args, settle: () => {} }),
};
