// What the runners of all languages are made with, beside their interpreter.
// Invariant: the first frame is the same for all languages, so that a host knows its fields from the others.
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { Sandbox } from './sandbox.ts';

/** How scripts are run; what is absent is as in core/limits.ts, or there is none of it. */
export interface Surroundings {
  readonly observe: Observe;
  /** JSON that scripts see as `platform.config`. */
  readonly platformConfig: string;
  /** Our program for the runner; the one beside the language's index when absent. */
  readonly hostPath?: string;
  /** Where private work folders are made; the system's temporary folder when absent. */
  readonly folder?: string;
  /** Project folder with the packages of the language, e.g. one that holds `node_modules`. */
  readonly packages?: string;
  /** Further files and folders that scripts may read; PHP looks for included files there. */
  readonly readPaths?: readonly string[];
  /** Variables that scripts see beside PATH, HOME, TZ and LANG. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly sandbox?: Sandbox;
  readonly min?: number;
  readonly max?: number;
  readonly memoryMb?: number;
  readonly runsPerProcess?: number;
}

/**
 * JSON of the first frame: `{config, logBytes, resultBytes, packages, readPaths}`; `config` is JSON in a
 * text, `packages` a folder or null.
 */
export function settingsOf({ platformConfig, packages, readPaths, sandbox }: Surroundings): string {
  const reachable = (path: string) => sandbox?.reachable(path) ?? path;
  return JSON.stringify({
    config: platformConfig,
    logBytes: limits.scriptLogBytes,
    resultBytes: limits.scriptResultBytes,
    packages: packages === undefined ? null : reachable(packages),
    readPaths: readPaths ?? [],
  });
}

/** What processes read beside their host program. */
export function readableOf({ packages, readPaths, sandbox }: Surroundings): string[] {
  const folder = packages === undefined ? [] : [sandbox?.reachable(packages) ?? packages];
  return [...folder, ...(readPaths ?? [])];
}
