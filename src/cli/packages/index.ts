// `tenon packages`: what scripts may load beside their language, in a project folder for each language.
// Invariant: whatever was installed here is installed the same elsewhere, by the lock file.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config.ts';
import { type PackageLanguage, packageFolder, packageLanguages } from '../../package-folders.ts';
import { findInterpreter } from '../../runners/interpreter.ts';
import { CommandError } from '../failure.ts';
import { configOf } from '../options.ts';
import { composer } from './composer.ts';
import type { InstalledPackage, PackageManager } from './manager.ts';
import { npm } from './npm.ts';
import { pip } from './pip.ts';
import { changeProject } from './project.ts';

/** Options of all verbs of `packages`. */
export interface PackagesOptions {
  readonly home?: string;
  /** Whether packages may run code of their own while they are installed. */
  readonly allowScripts?: boolean;
  readonly json?: boolean;
}

const languages = Object.keys(packageLanguages) as PackageLanguage[];

/** Installs what the lists of the languages name; of all languages when none is given. */
export async function installPackages(given: readonly string[], options: PackagesOptions): Promise<void> {
  const { home } = configOf(options);
  const wanted = given.map(languageOf);
  const isThere = (language: PackageLanguage) => existsSync(packageFolder(home, language));
  const missing = wanted.find((language) => !isThere(language));
  if (missing !== undefined) {
    const remedy = `Run: tenon packages add ${missing} <package>`;
    throw new CommandError(`There is no folder ${packageFolder(home, missing)}.`, remedy);
  }
  const present = wanted.length > 0 ? wanted : languages.filter(isThere);
  if (present.length === 0)
    console.log('No packages are listed. `tenon packages add node lodash` lists one.');
  for (const language of present) await change(language, options, installListed);
}

// Without a list there may be files that were put there by hand: servers are told of them all the same.
async function installListed(manager: PackageManager, copy: string): Promise<void> {
  if (existsSync(join(copy, manager.list))) await manager.install(copy);
}

/** Lists further packages of a language and installs them. */
export function addPackages(
  language: string,
  specs: readonly string[],
  options: PackagesOptions,
): Promise<void> {
  return change(languageOf(language), options, (manager, copy) => manager.add(copy, specs));
}

/** Takes packages of a language away. */
export function removePackages(
  language: string,
  names: readonly string[],
  options: PackagesOptions,
): Promise<void> {
  return change(languageOf(language), options, (manager, copy) => {
    if (!existsSync(join(copy, manager.list))) throw new CommandError(`${language} has no packages.`);
    return manager.remove(copy, names);
  });
}

/** Prints what is installed. */
export function listPackages(options: PackagesOptions): void {
  const found = installedPackages(configOf(options));
  if (options.json === true) {
    console.log(JSON.stringify(found, undefined, 2));
    return;
  }
  const lines = Object.entries(found).flatMap(([language, packages]) =>
    packages.map(({ name, version }) => `${language.padEnd(8)}${name.padEnd(32)}${version}`),
  );
  console.log(lines.length === 0 ? 'No packages are installed.' : lines.join('\n'));
}

/** Packages that were asked for, by language, as locked. */
export function installedPackages(config: Config): Readonly<Record<string, readonly InstalledPackage[]>> {
  return Object.fromEntries(
    languages.map((language) => {
      const manager = managerOf(language, { config });
      return [language, manager.installed(packageFolder(config.home, language))];
    }),
  );
}

type Work = (manager: PackageManager, copy: string) => Promise<void>;

async function change(language: PackageLanguage, options: PackagesOptions, work: Work): Promise<void> {
  const config = configOf(options);
  const manager = managerOf(language, { config, allowsScripts: options.allowScripts === true });
  const folder = packageFolder(config.home, language);
  console.log(`${language}: changing ${folder}`);
  const began = performance.now();
  await changeProject(folder, (copy) => work(manager, copy));
  const count = manager.installed(folder).length;
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  console.log(`${language}: ${count} package${count === 1 ? '' : 's'}, done in ${seconds} s`);
}

interface About {
  readonly config: Config;
  readonly allowsScripts?: boolean;
}

function managerOf(language: PackageLanguage, { config, allowsScripts = false }: About): PackageManager {
  switch (language) {
    case 'node':
      return npm({ allowsScripts });
    case 'python':
      return pip({ allowsScripts, python: () => interpreter(['python3'], config.pythonPath) });
    case 'php':
      return composer({
        allowsScripts,
        php: () => interpreter(['php', 'php8.4', 'php8.3', 'php8.2'], config.phpPath),
      });
  }
}

function interpreter(names: readonly string[], given: string): string {
  const found = findInterpreter({ given, names });
  if ('path' in found) return found.path;
  throw new CommandError(`There is no ${names[0]}: ${found.problem}.`, 'Run `tenon doctor`.');
}

function languageOf(given: string): PackageLanguage {
  const runners = Object.entries(packageLanguages);
  const [found] = runners.find(([folder, runner]) => given === folder || given === runner) ?? [];
  if (found !== undefined) return found as PackageLanguage;
  throw new CommandError(`'${given}' has no packages; the languages are ${languages.join(', ')}.`);
}
