// The list of languages: a new one is its own folder and one line here.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Observe } from '../core/observe.ts';
import type { Runner } from '../core/runner.ts';
import { findInterpreter } from './interpreter.ts';
import { missingRunner } from './missing.ts';
import { createNodeRunner } from './node/index.ts';
import { createPhpRunner } from './php/index.ts';
import { createPythonRunner } from './python/index.ts';
import { RenewableRunner } from './renewable.ts';
import type { Sandbox } from './sandbox.ts';
import type { Surroundings } from './surroundings.ts';

/** How the runners of a server are made. */
export interface RunnersOptions {
  /** Node.js that runs scripts. */
  readonly nodePath: string;
  /** Python 3 for scripts, or '' to look for it on PATH. */
  readonly pythonPath: string;
  /** PHP for scripts, or '' to look for it on PATH. */
  readonly phpPath: string;
  readonly runnersMin: number;
  readonly runnersMax: number;
  readonly observe: Observe;
  /** What scripts see as `platform.config`. */
  readonly platformConfig: Readonly<Record<string, unknown>>;
  readonly sandbox: Sandbox;
  /** Further files and folders that scripts may read. */
  readonly scriptReadPaths: readonly string[];
  /** Project folders with packages by runner, as they are now. */
  readonly packages?: () => Readonly<Record<string, string>>;
  /** Variables that scripts see by runner. */
  readonly environments?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The runners of a server by language, each with its first process on the way. */
export function createRunners(options: RunnersOptions): ReadonlyMap<string, Runner> {
  const { nodePath, runnersMin, runnersMax, observe, sandbox } = options;
  const surroundings = {
    min: runnersMin,
    max: runnersMax,
    observe,
    platformConfig: JSON.stringify(options.platformConfig),
    sandbox,
    readPaths: options.scriptReadPaths,
  };
  // Processes of the other languages are started by the first script that is theirs.
  const idle = { ...surroundings, min: 0 };
  const renewable = (language: string, make: (own: Own) => Runner) =>
    new RenewableRunner(() => make(ownOf(options, language)));
  const python = findInterpreter({ given: options.pythonPath, names: ['python3'] });
  const php = findInterpreter({ given: options.phpPath, names: ['php', 'php8.4', 'php8.3', 'php8.2'] });
  const runners = [
    renewable('nodejs', (own) =>
      createNodeRunner({ ...surroundings, ...own, nodePath, hostPath: hostFile(sandbox, 'node') }),
    ),
    'problem' in python
      ? missingRunner('python3', python.problem)
      : renewable('python3', (own) => {
          const hostPath = hostFile(sandbox, 'python', 'py');
          return createPythonRunner({ ...idle, ...own, pythonPath: python.path, hostPath });
        }),
    'problem' in php
      ? missingRunner('php', php.problem)
      : renewable('php', (own) => {
          const hostPath = hostFile(sandbox, 'php', 'php');
          return createPhpRunner({ ...idle, ...own, phpPath: php.path, hostPath });
        }),
  ];
  return new Map(runners.map((runner) => [runner.language, runner]));
}

type Own = Pick<Surroundings, 'environment' | 'packages'>;

// What differs by language. Packages are looked for each time: the first may be installed while the server
// runs.
function ownOf({ environments, packages }: RunnersOptions, language: string): Own {
  const folder = packages?.()[language];
  const environment = environments?.[language] ?? {};
  return folder === undefined ? { environment } : { environment, packages: folder };
}

// In a built server this file is part of a bundle, with the hosts below dist/runners beside it. They are
// taken as a whole: from source, they import from each other.
function hostFile(sandbox: Sandbox, language: string, extension = 'js'): string {
  const built = ['./runners', '../runners'].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const folder = built.find((path) => existsSync(join(path, 'node', 'host.js')));
  const source = fileURLToPath(new URL('.', import.meta.url));
  const file = `host.${folder === undefined ? extension.replace('js', 'ts') : extension}`;
  return join(sandbox.reachable(folder ?? source), language, file);
}
