// What can be had without a launcher: limits that every Unix shell can set. Invariant: says so by its level;
// a runner that is root is no contained one, whatever its limits.
import { existsSync } from 'node:fs';
import { limits } from '../../core/limits.ts';
import type { Sandbox } from '../sandbox.ts';

const shell = '/bin/sh';

// A limit that this shell does not know is left out; the file size is in units of 512 bytes.
const program = [
  'ulimit -c 0',
  `ulimit -n ${limits.runnerOpenFiles}`,
  `ulimit -f ${limits.runnerFileMb * 2_048}`,
  'exec "$0" "$@"',
].join(' 2>/dev/null\n');

/** Limits alone (L1), or nothing where there is no shell or the server is root (L0). */
export function shellSandbox(): Sandbox {
  const hasShell = existsSync(shell);
  const isRoot = process.geteuid?.() === 0;
  return {
    level: hasShell && !isRoot ? 'L1' : 'L0',
    folder: undefined,
    reachable: (path) => path,
    enclose: ({ command, args }) => ({
      ...(hasShell ? { command: shell, args: ['-c', program, command, ...args] } : { command, args }),
      settle: () => {},
    }),
  };
}
