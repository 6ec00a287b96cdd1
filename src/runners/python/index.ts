// Python in warm processes of their own. What a script sees is in README.md beside this file.
// Invariant: a process gets nothing of the server's environment but PATH, TZ and LANG.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '../../core/limits.ts';
import type { Runner } from '../../core/runner.ts';
import { RunnerPool } from '../pool.ts';
import { unconfined } from '../sandbox.ts';
import { readableOf, type Surroundings, settingsOf } from '../surroundings.ts';

/** How Python scripts are run; what is absent is as in core/limits.ts. */
export interface PythonRunnerOptions extends Surroundings {
  /** A Python from 3.9 on. */
  readonly pythonPath: string;
}

// Isolated: no variables and no folders of users are looked at. Without `site`, whose work is not needed, a
// start takes half the time. Bytecode is not written: the folder of the program belongs to the server.
const flags = ['-I', '-S', '-B', '-X', 'utf8'];

/** A runner for `python3`. Starts its first process at once, or with the first script when `min` is 0. */
export function createPythonRunner(options: PythonRunnerOptions): Runner {
  const host = options.hostPath ?? fileURLToPath(new URL('./host.py', import.meta.url));
  const memoryMb = options.memoryMb ?? limits.runnerMemoryMb;
  return new RunnerPool({
    launch: {
      language: 'python3',
      command: options.pythonPath,
      args: [...flags, host, String(memoryMb)],
      settings: settingsOf(options),
      folder: options.folder,
      readable: [dirname(host), ...readableOf(options)],
      environment: options.environment ?? {},
      sandbox: options.sandbox ?? unconfined,
    },
    observe: options.observe,
    min: options.min ?? limits.runnersMin,
    max: options.max ?? limits.runnersMax,
    memoryMb,
    runsPerProcess: options.runsPerProcess ?? limits.runsPerRunner,
    // What has not been read is not known to end at once.
    isQuick: () => false,
    forks: true,
    reads: true,
  });
}
