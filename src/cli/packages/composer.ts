// Packages of PHP, by Composer. Invariant: neither scripts nor plugins of packages run unless that was
// allowed.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CommandError } from '../failure.ts';
import type { InstalledPackage, ManagerOptions, PackageManager } from './manager.ts';
import { findTool, runTool } from './tool.ts';

/** Composer as package manager; `php` is the one that runs scripts. */
export function composer({
  allowsScripts,
  php,
}: ManagerOptions & { readonly php: () => string }): PackageManager {
  const run = (folder: string, ...args: string[]) =>
    runTool({
      command: php(),
      args: [findTool('composer', 'Install it: https://getcomposer.org'), '--no-interaction', ...args],
      folder,
      environment: { COMPOSER_ALLOW_SUPERUSER: '1' },
    });
  const scripts = allowsScripts ? [] : ['--no-scripts', '--no-plugins'];
  return {
    list: 'composer.json',
    install: async (folder) => {
      await run(folder, 'install', '--no-dev', '--prefer-dist', ...scripts);
    },
    add: async (folder, specs) => {
      // Composer makes the list itself when it adds a package, but not when it is told of a folder.
      const list = join(folder, 'composer.json');
      if (!existsSync(list)) writeFileSync(list, '{}\n');
      const wanted: string[] = [];
      for (const spec of specs) {
        const local = localPackage(spec);
        if (local === undefined) wanted.push(spec);
        else {
          await run(folder, 'config', ...scripts, `repositories.${local.name}`, local.repository);
          wanted.push(`${local.name}:@dev`);
        }
      }
      await run(folder, 'require', '--update-no-dev', '--prefer-dist', ...scripts, ...wanted);
    },
    remove: async (folder, names) => {
      await run(folder, 'remove', '--update-no-dev', ...scripts, ...names);
    },
    installed,
  };
}

// A folder with a package is copied, not linked: runners see only what lies in their own folder.
function localPackage(spec: string): { name: string; repository: string } | undefined {
  const url = resolve(spec);
  if (!/[\\/]/.test(spec) || statSync(url, { throwIfNoEntry: false })?.isDirectory() !== true)
    return undefined;
  const file = join(url, 'composer.json');
  const { name } = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }) : {};
  if (name === undefined) throw new CommandError(`${spec} has no composer.json with a name.`);
  return { name, repository: JSON.stringify({ type: 'path', url, options: { symlink: false } }) };
}

interface Lock {
  readonly packages?: readonly InstalledPackage[];
}

function installed(folder: string): readonly InstalledPackage[] {
  const file = join(folder, 'composer.lock');
  if (!existsSync(file)) return [];
  const { packages = [] } = JSON.parse(readFileSync(file, 'utf8')) as Lock;
  return packages.map(({ name, version }) => ({ name, version }));
}
