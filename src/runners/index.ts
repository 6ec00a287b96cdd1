// The list of languages: a new one is its own folder and one line here.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Observe } from '../core/observe.ts';
import type { Runner } from '../core/runner.ts';
import { createNodeRunner } from './node/index.ts';

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
}

/** The runners of a server by language, each with its first process on the way. */
export function createRunners(options: RunnersOptions): ReadonlyMap<string, Runner> {
  const { nodePath, runnersMin, runnersMax, observe } = options;
  const surroundings = {
    min: runnersMin,
    max: runnersMax,
    observe,
    platformConfig: JSON.stringify(options.platformConfig),
  };
  const runners = [createNodeRunner({ ...surroundings, nodePath, hostPath: hostFile('node', 'js') })];
  return new Map(runners.map((runner) => [runner.language, runner]));
}

// In a built server this file is part of a bundle, with the hosts below dist/runners beside it.
function hostFile(language: string, extension: string): string {
  const built = [`./runners/${language}/host.${extension}`, `../runners/${language}/host.${extension}`];
  const paths = built.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const source = `./${language}/host.${extension.replace('js', 'ts')}`;
  return paths.find(existsSync) ?? fileURLToPath(new URL(source, import.meta.url));
}
