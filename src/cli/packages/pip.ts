// Packages of Python, by pip in a virtual environment of their own. Invariant: the lock file says of which
// list it is; what it pins is installed as long as the list is that one.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../failure.ts';
import type { InstalledPackage, ManagerOptions, PackageManager } from './manager.ts';
import { absolute, runTool } from './tool.ts';

const list = 'requirements.txt';
const lock = 'requirements.lock.txt';

/** pip as package manager; `python` is the one that runs scripts. */
export function pip({
  allowsScripts,
  python,
}: ManagerOptions & { readonly python: () => string }): PackageManager {
  const install = async (folder: string) => {
    await runTool({
      command: python(),
      args: ['-m', 'venv', '--clear', 'venv'],
      folder,
      remedy: 'Debian and Ubuntu have it in the package python3-venv.',
    });
    const file = isLocked(folder) ? lock : list;
    const binaries = allowsScripts ? [] : ['--only-binary', ':all:'];
    await pipIn(folder, { args: ['install', '-r', file, ...binaries], remedy: scriptsRemedy });
    const frozen = await pipIn(folder, { args: ['freeze', '--all', ...unlisted], isQuiet: true });
    writeFileSync(join(folder, lock), `${lockHead(folder)}\n${frozen}`);
  };
  const write = (folder: string, lines: readonly string[]) => {
    writeFileSync(join(folder, list), lines.map((line) => `${line}\n`).join(''));
    return install(folder);
  };
  return {
    list,
    install,
    add: (folder, specs) => {
      const added = specs.map(absolute);
      const names = new Set(added.map(nameOf));
      return write(folder, [...linesOf(folder).filter((line) => !names.has(nameOf(line))), ...added]);
    },
    remove: async (folder, names) => {
      const unwanted = new Set(names.map(nameOf));
      const lines = linesOf(folder);
      const kept = lines.filter((line) => !unwanted.has(nameOf(line)));
      if (kept.length === lines.length) throw new CommandError(`${list} lists none of ${names.join(', ')}.`);
      await write(folder, kept);
    },
    installed,
  };
}

const unlisted = ['--exclude', 'pip', '--exclude', 'setuptools', '--exclude', 'wheel'];
const scriptsRemedy =
  'A package without a wheel is built by code of its own: --allow-scripts lets it, as the user you are.';

function pipIn(folder: string, run: { args: readonly string[]; isQuiet?: boolean; remedy?: string }) {
  const { args, ...rest } = run;
  const command = join(folder, 'venv', 'bin', 'python');
  const quiet = ['--disable-pip-version-check', '--no-input'];
  return runTool({ ...rest, command, args: ['-m', 'pip', ...quiet, ...args], folder });
}

function lockHead(folder: string): string {
  const hash = createHash('sha256')
    .update(readFileSync(join(folder, list)))
    .digest('hex');
  return `# Versions of ${list} with the hash ${hash}. Made by tenon packages.`;
}

function isLocked(folder: string): boolean {
  const file = join(folder, lock);
  return existsSync(file) && readFileSync(file, 'utf8').startsWith(lockHead(folder));
}

function linesOf(folder: string): readonly string[] {
  const file = join(folder, list);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');
}

// As pip compares names: without case, with one kind of dash. A file is known by the start of its name.
function nameOf(line: string): string {
  const isFile = /\.(whl|zip|tar\.gz)$/.test(line);
  const [name = ''] = isFile
    ? (line.split('/').at(-1) ?? '').split(/-\d/)
    : line.trim().split(/[\s;[\]<>=!~@#]/);
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-');
}

function installed(folder: string): readonly InstalledPackage[] {
  const file = join(folder, lock);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [name = '', version = ''] = line.split(/==| @ /);
    return { name: name.trim(), version: version.trim() };
  });
}
