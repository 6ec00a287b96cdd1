// Makes a fresh clone ready for `npm start` and `npm test`, and says what it does; quick when nothing is to
// do.
// Called from prestart and pretest, because only the next command of npm finds the runtime that this one
// installs.
// Invariant: needs no package and runs on Node 16, since the machine's own Node may be any.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** @typedef {'start' | 'test'} Goal What the set-up is for. */
/**
 * @typedef {{ lock?: string, build?: string }} Stamp What was done last, as hashes of what it was done with.
 */
/**
 * @typedef {Record<string, { version?: string, optional?: boolean, link?: boolean }>} Packages As in a lock
 * file.
 */
/**
 * @typedef {{ tool: string, package: string, probe: readonly string[] }} SystemTool Debian's package of a
 * tool.
 */

/** Oldest Node that may stand in for the pinned one: the first 22 that runs TypeScript without a flag. */
const oldestNode = [22, 18];

/**
 * What tests need beside Node. A probe is a command that ends with 0 where the tool is there.
 * @type {readonly SystemTool[]}
 */
export const systemTools = [
  { tool: 'git', package: 'git', probe: ['git', '--version'] },
  { tool: 'Perl', package: 'perl-base', probe: ['perl', '-e', '1'] },
  { tool: 'Python 3', package: 'python3', probe: ['/usr/bin/python3', '-c', '1'] },
  {
    tool: 'venv of Python 3',
    package: 'python3-venv',
    probe: ['/usr/bin/python3', '-c', 'import ensurepip'],
  },
  {
    tool: 'lib2to3 of Python 3',
    package: 'python3-lib2to3',
    probe: ['/usr/bin/python3', '-c', 'import lib2to3'],
  },
  { tool: 'PHP', package: 'php-cli', probe: ['php', '-v'] },
  {
    tool: 'curl for PHP',
    package: 'php-curl',
    probe: ['php', '-r', 'exit(extension_loaded("curl") ? 0 : 1);'],
  },
  { tool: 'mbstring for PHP', package: 'php-mbstring', probe: ['php', '-r', 'mb_strlen("");'] },
  { tool: 'xml for PHP', package: 'php-xml', probe: ['php', '-r', 'new DOMDocument();'] },
  { tool: 'Composer', package: 'composer', probe: ['composer', '--version'] },
  // Debian may start a server of the system after installing these; tests never use it (tools/databases.mjs).
  {
    tool: 'PostgreSQL',
    package: 'postgresql',
    probe: ['sh', '-c', 'ls /usr/lib/postgresql/*/bin/postgres /usr/lib/postgresql/*/bin/initdb'],
  },
  {
    tool: 'MariaDB',
    package: 'mariadb-server',
    probe: ['sh', '-c', 'command -v mariadb-install-db && /usr/sbin/mariadbd --no-defaults --version'],
  },
  { tool: 'Redis', package: 'redis-server', probe: ['redis-server', '--version'] },
  { tool: 'beanstalkd', package: 'beanstalkd', probe: ['beanstalkd', '-v'] },
  // Lets a server see another time than the others.
  { tool: 'libfaketime', package: 'faketime', probe: ['faketime', '--version'] },
  { tool: 'HAProxy', package: 'haproxy', probe: ['sh', '-c', 'PATH=$PATH:/usr/sbin haproxy -v'] },
  { tool: 'OpenSSL', package: 'openssl', probe: ['openssl', 'version'] },
  { tool: 'Chromium', package: 'chromium', probe: ['sh', '-c', 'command -v chromium'] },
];

/**
 * Whether what npm says it installed is what the lock file asks for; optional packages of other platforms may
 * miss.
 * @param {Packages} wanted
 * @param {Packages} installed
 */
export function isInstalled(wanted, installed) {
  const entries = Object.entries(wanted).filter(([path]) => path.startsWith('node_modules/'));
  return entries.every(([path, entry]) => {
    const found = installed[path];
    return found === undefined ? entry.optional === true : found.version === entry.version;
  });
}

/**
 * Which Node runs the project: the pinned one, the machine's where that is new enough, or none.
 * @param {{ wanted: string, pinned: string | undefined, machine: string }} versions without a leading `v`
 * @returns {{ use: 'pinned' | 'machine' | 'none', notice: string }}
 */
export function chooseRuntime({ wanted, pinned, machine }) {
  if (pinned === wanted) return { use: 'pinned', notice: '' };
  const missing = `the pinned Node ${wanted} does not run on this machine`;
  const [major = 0, minor = 0] = machine.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) {
    return { use: 'machine', notice: `${missing}; using its own Node ${machine}` };
  }
  const remedy = `install Node ${oldestNode.join('.')} or newer and try again`;
  return { use: 'none', notice: `${missing}, and its own Node ${machine} is too old: ${remedy}` };
}

/**
 * One hash over paths and contents of all files below the given ones, tests apart.
 * @param {string} root
 * @param {readonly string[]} paths relative to root
 */
export function hashOf(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap((each) => filesBelow(root, each)).sort()) {
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)));
  }
  return hash.digest('hex');
}

/**
 * The tools whose probe fails.
 * @param {readonly SystemTool[]} tools
 * @returns {SystemTool[]}
 */
export function missingTools(tools) {
  return tools.filter(({ probe: [command = '', ...args] }) => {
    return spawnSync(command, args, { stdio: 'ignore' }).status !== 0;
  });
}

/**
 * @param {string} root
 * @param {string} path
 * @returns {string[]}
 */
function filesBelow(root, path) {
  const entries = existsSync(join(root, path)) ? readdirOrFile(join(root, path)) : [];
  if (entries === undefined) return /\.test\.ts$/.test(path) ? [] : [path];
  return entries.flatMap((entry) => filesBelow(root, `${path}/${entry}`));
}

/** @param {string} path */
function readdirOrFile(path) {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** @param {string} file */
function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

/** Ends the set-up with what went wrong and what to do. @param {string} message @returns {never} */
function fail(message) {
  console.error(`bootstrap: ${message}`);
  process.exit(1);
}

/**
 * Does one step and says so, with its seconds.
 * @param {string} what
 * @param {() => boolean} work
 * @param {string} remedy
 */
function step(what, work, remedy) {
  const began = Date.now();
  console.log(`bootstrap: ${what} …`);
  if (!work()) fail(`${what} failed; ${remedy}`);
  console.log(`bootstrap: ${what}, done in ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

/**
 * Runs a command with its output shown.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
function run(command, args, cwd) {
  return spawnSync(command, args, { cwd, stdio: 'inherit' }).status === 0;
}

/**
 * Installs the packages of the lock file unless they are there; returns the hash of the lock file.
 * @param {string} root
 * @param {Stamp} stamp
 * @param {string} nodeVersion of the pinned runtime
 */
function preparePackages(root, stamp, nodeVersion) {
  const lock = hashOf(root, ['package-lock.json', 'tools/runtime/package.json']);
  const packages = readJson(join(root, 'package-lock.json')).packages;
  const installed = readJson(join(root, 'node_modules/.package-lock.json')).packages ?? {};
  if (stamp.lock === lock || isInstalled(packages, installed)) return lock;
  // An old npm leaves out optional packages (the native parts of tools) that its own Node is too old for.
  const flags = ['--ignore-scripts', '--include=dev', '--include=optional', `--node-version=${nodeVersion}`];
  const quiet = ['--loglevel=error', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath;
  const [command, ...args] = npm === undefined ? ['npm', 'ci'] : [process.execPath, npm, 'ci'];
  step(
    'installing packages (npm ci, no install scripts)',
    () => run(command, [...args, ...flags, ...quiet], root),
    'the lines above say why; a proxy or another registry is set in ~/.npmrc',
  );
  return lock;
}

/**
 * Sees to it that `node` in npm scripts is the pinned one, or the machine's where that must do.
 * @param {string} root
 * @param {string} wanted
 */
function prepareRuntime(root, wanted) {
  const link = join(root, 'node_modules/.bin/node');
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  const folder = names.find((name) => existsSync(join(root, 'node_modules', name, 'bin/node')));
  // npm before 9 does not link the programs of a workspace's packages.
  if (!existsSync(link) && folder !== undefined) {
    rmSync(link, { force: true });
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    symlinkSync(join('..', folder, 'bin/node'), link);
  }
  const answer = existsSync(link) ? spawnSync(link, ['--version'], { encoding: 'utf8' }).stdout : undefined;
  const pinned = answer?.trim().replace(/^v/, '');
  const choice = chooseRuntime({ wanted, pinned, machine: process.versions.node });
  if (choice.use === 'none') fail(choice.notice);
  if (choice.use === 'machine') {
    rmSync(link, { force: true });
    console.log(`bootstrap: ${choice.notice}`);
  }
  return choice.use === 'pinned' ? link : process.execPath;
}

/** Installs what tests need from Debian's packages. @param {string} root */
function prepareTools(root) {
  const packages = missingTools(systemTools).map((tool) => tool.package);
  if (packages.length === 0) return;
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const quietly = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q'];
  const [command = '', ...args] = [...asRoot, ...quietly];
  step(
    `installing ${packages.join(', ')} for the tests`,
    () => {
      // A machine that was just made has no list of packages yet; an old list may still do.
      run(command, [...args, 'update'], root);
      return run(command, [...args, 'install', '-y', '--no-install-recommends', ...packages], root);
    },
    `install ${packages.join(', ')} yourself and try again`,
  );
}

/**
 * Builds dist when its sources changed; returns their hash.
 * @param {string} root
 * @param {Stamp} stamp
 * @param {string} node
 */
function prepareBuild(root, stamp, node) {
  const build = hashOf(root, ['src', 'tools/build.mjs', 'package.json', 'package-lock.json']);
  if (stamp.build === build && existsSync(join(root, 'dist/cli.js'))) return build;
  step('building dist', () => run(node, ['tools/build.mjs'], root), 'the lines above say where');
  return build;
}

/** @param {Goal} goal */
function bootstrap(goal) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const stampFile = join(root, 'node_modules/.tenon-stamp');
  const stamp = readJson(stampFile);
  const versions = Object.values(readJson(join(root, 'tools/runtime/package.json')).optionalDependencies);
  const wanted = String(versions[0]);
  const lock = preparePackages(root, stamp, wanted);
  const node = prepareRuntime(root, wanted);
  if (goal === 'test') prepareTools(root);
  const build = prepareBuild(root, stamp, node);
  writeFileSync(stampFile, JSON.stringify({ lock, build }));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const goal = process.argv[2];
  if (goal !== 'start' && goal !== 'test') fail("say what for: 'start' or 'test'");
  bootstrap(goal);
}
