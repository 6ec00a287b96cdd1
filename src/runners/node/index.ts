// JavaScript in warm Node processes of their own. What a script sees is in README.md beside this file.
// Invariant: a process gets nothing of the server's environment but PATH, TZ and LANG.
import { fileURLToPath } from 'node:url';
import { limits } from '../../core/limits.ts';
import type { Observe } from '../../core/observe.ts';
import type { Program, Runner } from '../../core/runner.ts';
import { RunnerPool } from '../pool.ts';

/** How Node scripts are run; what is absent is as in core/limits.ts. */
export interface NodeRunnerOptions {
  readonly observe: Observe;
  /** JSON that scripts see as `platform.config`. */
  readonly platformConfig: string;
  /** The Node to run; this process's own when absent. */
  readonly nodePath?: string;
  /** Our program for the runner; the one beside this file when absent. */
  readonly hostPath?: string;
  /** Where private work folders are made; the system's temporary folder when absent. */
  readonly folder?: string;
  readonly min?: number;
  readonly max?: number;
  readonly heapMb?: number;
  readonly memoryMb?: number;
  readonly runsPerProcess?: number;
}

/** A runner for `nodejs`. Starts its first process at once. */
export function createNodeRunner(options: NodeRunnerOptions): Runner {
  const { observe, platformConfig } = options;
  const host = options.hostPath ?? fileURLToPath(new URL('./host.ts', import.meta.url));
  const settings = {
    config: platformConfig,
    logBytes: limits.scriptLogBytes,
    resultBytes: limits.scriptResultBytes,
  };
  const heapMb = options.heapMb ?? limits.scriptHeapMb;
  return new RunnerPool({
    launch: {
      language: 'nodejs',
      command: options.nodePath ?? process.execPath,
      args: ['--no-warnings', `--max-old-space-size=${heapMb}`, host],
      settings: JSON.stringify(settings),
      folder: options.folder,
    },
    observe,
    min: options.min ?? limits.runnersMin,
    max: options.max ?? limits.runnersMax,
    memoryMb: options.memoryMb ?? limits.runnerMemoryMb,
    runsPerProcess: options.runsPerProcess ?? limits.runsPerRunner,
    isQuick: endsAtOnce,
  });
}

// What leads out of the event: to other modules, to code made at run time, to anything that comes later.
const words =
  'require process import global globalThis constructor eval Function arguments with async await Promise ' +
  'then fetch setTimeout setInterval setImmediate queueMicrotask Atomics WebAssembly crypto performance ' +
  'navigator Blob Response Request api';
const kinds = 'Worker|Channel|Socket|Source|Stream|Signal|Controller|Registry|Observer';
const platform = String.raw`\b_?platform\b(?!\s*\.\s*(session|config|store)\b)`;
const leadsOut = new RegExp(
  String.raw`\b(${words.replaceAll(' ', '|')}|[A-Z]\w*(${kinds}))\b|${platform}|\\[ux]`,
);

function endsAtOnce(program: Program): boolean {
  return !leadsOut.test(program.code);
}
