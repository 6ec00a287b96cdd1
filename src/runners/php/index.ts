// PHP in warm processes of their own. What a script sees is in README.md beside this file.
// Invariant: a process gets nothing of the server's environment but PATH, TZ and LANG, and no settings of the
// machine's PHP.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '../../core/limits.ts';
import type { Runner } from '../../core/runner.ts';
import { RunnerPool } from '../pool.ts';
import { unconfined } from '../sandbox.ts';
import { readableOf, type Surroundings, settingsOf } from '../surroundings.ts';

/** How PHP scripts are run; what is absent is as in core/limits.ts. */
export interface PhpRunnerOptions extends Surroundings {
  /** The PHP to run: a command line one, 8.1 or later. */
  readonly phpPath: string;
  /** What a script may allocate before PHP itself stops it. */
  readonly heapMb?: number;
}

/** A runner for `php`. What could leave something behind runs in a fork, so its processes stay warm. */
export function createPhpRunner(options: PhpRunnerOptions): Runner {
  const host = options.hostPath ?? fileURLToPath(new URL('./host.php', import.meta.url));
  return new RunnerPool({
    launch: {
      language: 'php',
      command: options.phpPath,
      args: [...settings(options.heapMb ?? limits.scriptMemoryMb - spareMb), host],
      settings: settingsOf(options),
      folder: options.folder,
      readable: [dirname(host), ...readableOf(options)],
      environment: options.environment ?? {},
      sandbox: options.sandbox ?? unconfined,
    },
    observe: options.observe,
    min: options.min ?? limits.runnersMin,
    max: options.max ?? limits.runnersMax,
    memoryMb: options.memoryMb ?? limits.runnerMemoryMb,
    runsPerProcess: options.runsPerProcess ?? limits.runsPerRunner,
    isQuick: () => false,
    forks: true,
    reads: true,
  });
}

// PHP tells a script politely that its memory is used up; the kernel, which comes next, does not. What grows
// in place is moved at times, and is then there twice.
const spareMb = 64;

// Without the machine's php.ini, whose extensions triple the start: what scripts need of them is loaded.
function settings(heapMb: number): string[] {
  const values = {
    memory_limit: `${heapMb}M`,
    max_execution_time: 0,
    display_errors: 0,
    display_startup_errors: 0,
    html_errors: 0,
    log_errors: 0,
    implicit_flush: 0,
    error_reporting: 32_767,
    variables_order: 'EGPCS',
    'zend.exception_ignore_args': 1,
    'zend.assertions': -1,
    'phar.readonly': 1,
    'ffi.enable': 0,
    'date.timezone': 'UTC',
    default_charset: 'UTF-8',
  };
  return ['-n', ...Object.entries(values).flatMap(([name, value]) => ['-d', `${name}=${value}`])];
}
