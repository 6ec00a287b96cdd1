// Packages of Node, by npm. Invariant: no package runs a script of its own unless that was allowed.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstalledPackage, ManagerOptions, PackageManager } from './manager.ts';
import { absolute, findTool, runTool } from './tool.ts';

/** npm as package manager. */
export function npm({ allowsScripts }: ManagerOptions): PackageManager {
  const run = (folder: string, ...args: string[]) =>
    runTool({
      command: findTool('npm', 'Install Node.js with npm: https://nodejs.org'),
      // What is local is copied: runners see only what lies in their own folder.
      args: [
        ...args,
        '--no-audit',
        '--no-fund',
        '--install-links',
        ...(allowsScripts ? [] : ['--ignore-scripts']),
      ],
      folder,
    });
  return {
    list: 'package.json',
    install: async (folder) => {
      await run(folder, existsSync(join(folder, lock)) ? 'ci' : 'install');
    },
    add: async (folder, specs) => {
      prepare(folder);
      await run(folder, 'install', ...specs.map(absolute));
    },
    remove: async (folder, names) => {
      await run(folder, 'uninstall', ...names);
    },
    installed,
  };
}

const lock = 'package-lock.json';

// A list of its own: npm would otherwise look for one in the folders above.
function prepare(folder: string): void {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) writeFileSync(file, '{\n  "private": true\n}\n');
}

interface Lock {
  readonly packages?: Readonly<Record<string, { version?: string; dependencies?: Record<string, string> }>>;
}

function installed(folder: string): readonly InstalledPackage[] {
  const file = join(folder, lock);
  if (!existsSync(file)) return [];
  const { packages = {} } = JSON.parse(readFileSync(file, 'utf8')) as Lock;
  return Object.keys(packages['']?.dependencies ?? {}).map((name) => ({
    name,
    version: packages[`node_modules/${name}`]?.version ?? '',
  }));
}
