// JavaScript in warm Node processes of their own. What a script sees is in README.md beside this file.
// Invariant: a process gets nothing of the server's environment but PATH, TZ and LANG.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '../../core/limits.ts';
import type { Program, Runner } from '../../core/runner.ts';
import { RunnerPool } from '../pool.ts';
import { unconfined } from '../sandbox.ts';
import { readableOf, type Surroundings, settingsOf } from '../surroundings.ts';

/** How Node scripts are run; what is absent is as in core/limits.ts. */
export interface NodeRunnerOptions extends Surroundings {
  /** The Node to run; this process's own when absent. */
  readonly nodePath?: string;
  readonly heapMb?: number;
}

/** A runner for `nodejs`. Starts its first process at once. */
export function createNodeRunner(options: NodeRunnerOptions): Runner {
  const { observe } = options;
  const host = options.hostPath ?? fileURLToPath(new URL('./host.ts', import.meta.url));
  const sandbox = options.sandbox ?? unconfined;
  const heapMb = options.heapMb ?? limits.scriptHeapMb;
  return new RunnerPool({
    launch: {
      language: 'nodejs',
      command: options.nodePath ?? process.execPath,
      args: ['--no-warnings', `--max-old-space-size=${heapMb}`, host],
      settings: settingsOf(options),
      folder: options.folder,
      readable: [programFolder(host), ...readableOf(options)],
      environment: environmentOf(options.environment ?? {}),
      sandbox,
    },
    observe,
    min: options.min ?? limits.runnersMin,
    max: options.max ?? limits.runnersMax,
    memoryMb: options.memoryMb ?? limits.runnerMemoryMb,
    runsPerProcess: options.runsPerProcess ?? limits.runsPerRunner,
    isQuick: endsAtOnce,
  });
}

// From source, a host imports the protocol from the folder above its own.
function programFolder(host: string): string {
  const folder = dirname(host);
  return host.endsWith('.ts') ? dirname(folder) : folder;
}

// The names are given as well: the host takes away whatever else it finds.
function environmentOf(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = Object.keys(given);
  return names.length === 0 ? given : { ...given, TENON_GIVEN: names.join(',') };
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
