// What every process may read of the machine, whatever its language. Invariant: programs, libraries, time
// zones and locales; nothing that tells of users, of other processes or of what the operator configured.
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Grant, rights } from './plan.ts';

const programs = ['/usr/bin', '/usr/local/bin', '/bin'];
const libraries = [
  ...['/usr/lib', '/usr/lib32', '/usr/lib64', '/usr/libexec', '/lib', '/lib32', '/lib64'],
  ...['/usr/local/lib', '/usr/local/lib64', '/nix/store'],
];
const data = [
  ...['zoneinfo', 'locale', 'i18n', 'icu', 'misc', 'mime', 'nodejs', 'php', 'php8.1-common', 'php8.2-common'],
  ...['php8.3-common', 'php8.4-common', 'perl', 'perl5', 'python3'],
].map((name) => `/usr/share/${name}`);
const settings = [
  ...['ld.so.cache', 'ld.so.preload', 'localtime', 'timezone', 'mime.types', 'locale.alias', 'php', 'php8'],
  ...['ssl/openssl.cnf', 'pki/tls/openssl.cnf', 'python3', 'python3.9', 'python3.10', 'python3.11'],
  ...['python3.12', 'python3.13', 'python3.14'],
].map((name) => `/etc/${name}`);
// What runtimes ask about the machine and about themselves; other processes stay unseen.
const machine = [
  ...['stat', 'statm', 'status', 'maps', 'limits', 'cgroup', 'fd'].map((name) => `/proc/self/${name}`),
  ...['/proc/meminfo', '/proc/cpuinfo', '/proc/stat', '/proc/sys/vm/overcommit_memory'],
  ...['/sys/devices/system/cpu', '/usr/local/etc/php'],
];
const sources = ['/dev/random', '/dev/urandom'];

const reading = rights.read | rights.list;
const running = reading | rights.execute;
const file = rights.execute | rights.write | rights.read | rights.cut | rights.control;

/** What is granted to all; paths that this machine does not have are left out. */
export function systemGrants(): Grant[] {
  return [
    ...grantsOf([...programs, ...libraries], running),
    ...grantsOf([...data, ...settings, ...machine], reading),
    ...grantsOf(sources, rights.read | rights.control),
    ...grantsOf(['/dev/null'], rights.read | rights.write | rights.cut | rights.control),
  ];
}

/** What a program needs that lies outside of the system's folders: itself, and its libraries. */
export function programGrants(command: string): Grant[] {
  const places = [...new Set([command, realPath(command)])];
  const homes = places
    .filter((path) => basename(dirname(path)) === 'bin')
    .map((path) => dirname(dirname(path)));
  const own = homes.filter((home) => !['/', '/usr', '/usr/local'].includes(home));
  const beside = own.flatMap((home) =>
    ['lib', 'lib64', 'etc/php', 'pyvenv.cfg'].map((name) => join(home, name)),
  );
  return [...grantsOf(places, rights.read | rights.execute), ...grantsOf(beside, running)];
}

/** Files and folders to read, and what Node asks for in the folders above: it ends where it is refused. */
export function readGrants(paths: readonly string[]): Grant[] {
  const above = new Set(paths.flatMap((path) => foldersAbove(path)));
  return grantsOf([...paths, ...[...above].map((folder) => join(folder, 'package.json'))], reading);
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersAbove(folder)];
}

/** The work folder: everything but starting programs from it. */
export function workGrant(path: string): Grant {
  const { execute, control, ...work } = rights;
  return { path, rights: Object.values(work).reduce((sum, right) => sum | right, 0) };
}

function grantsOf(paths: readonly string[], wanted: number): Grant[] {
  return paths.filter(existsSync).map((path) => {
    // Landlock refuses a rule that would list a file.
    return { path, rights: statSync(path).isDirectory() ? wanted : wanted & file };
  });
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
