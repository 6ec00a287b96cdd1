// Installs the packed package in an empty folder, as a user would, and uses it under every supported Node:
// `npm run release` does. Needs the registry and a fresh dist/.
// Invariant: what is tried is the tarball alone; nothing of this repository is within its reach.
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The oldest that package.json allows, and the newest of each line. */
const versions = ['22.14.0', '22', '24', '26'];

/** Name of the package that holds a Node for this machine. */
const machine = `${process.platform}-${process.arch}`;
const nodePackage = machine === 'darwin-arm64' ? `node-bin-${machine}` : `node-${machine}`;

const folder = mkdtempSync(join(tmpdir(), 'tenon-smoke-'));
try {
  const installed = step('pack and install', install);
  step('links of the documents', () => checkLinks(installed));
  for (const version of versions) {
    const node = join(folder, 'node_modules', `node${version}`, 'bin/node');
    step(`commands, Node ${version}`, () => checkCommands(installed, node));
    const began = performance.now();
    await checkServer(installed, node, join(folder, `home${version}`));
    report(`a server, a log-in and a script, Node ${version}`, began);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @template T @param {string} what @param {() => T} work @returns {T} */
function step(what, work) {
  const began = performance.now();
  const result = work();
  report(what, began);
  return result;
}

/** @param {string} what @param {number} began */
function report(what, began) {
  console.log(`smoke: ${what}, done in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

/** Returns the folder of the installed package. */
function install() {
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(run('npm', packing, { cwd: root }));
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const nodes = versions.map((version) => `node${version}@npm:${nodePackage}@${version}`);
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  // The machine's Node may be older than the package wants; it is not used.
  run('npm', ['install', ...flags, '--engine-strict=false', join(folder, filename), ...nodes], {
    cwd: folder,
  });
  return join(folder, 'node_modules/tenon');
}

/** Every relative link of a document leads to something in the package. @param {string} path */
function checkLinks(path) {
  const documents = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => {
    return name.endsWith('.md') && !name.includes('node_modules');
  });
  for (const name of documents) {
    const text = readFileSync(join(path, name), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      const file = join(path, dirname(name), target);
      check(existsSync(file), `${name} links to ${relative(path, file)}, which is not in the package`);
    }
  }
}

/** @param {string} path of the package @param {string} node */
function checkCommands(path, node) {
  const cli = join(path, 'dist/cli.js');
  const { version } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
  check(run(node, [cli, '--version']) === `${version}\n`, 'tenon --version tells another version');
  const findings = JSON.parse(run(node, [cli, 'doctor', '--json', '--port', '0']));
  check(findings.ok === true, `tenon doctor finds ${JSON.stringify(findings)}`);
}

/**
 * First start, log-in with the password that is printed, a script that changes an answer, and the end.
 * @param {string} path of the package
 * @param {string} node
 * @param {string} home
 */
async function checkServer(path, node, home) {
  const cli = join(path, 'dist/cli.js');
  mkdirSync(home, { mode: 0o700 });
  const server = spawn(node, [cli, 'serve', '--sample', '--port', '0', '--home', home], {
    cwd: folder,
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  server.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  const ended = new Promise((done) => server.once('close', done));
  try {
    const url = await heard(() => /is listening on (\S+)\n(?:.*\n)*.*Ctrl-C ends\n/.exec(said)?.[1], ended);
    const [, email = '', password = ''] = /administrator (\S+), one-time password (\S+)/.exec(said) ?? [];
    const names = { TENON_SERVER: url, TENON_ADMIN_EMAIL: email, TENON_ADMIN_PASSWORD: password };
    const script = join(path, 'examples/transform-employees.ts');
    run(node, [cli, 'script', 'push', script], { env: names });
    const token = await logIn(url, email, password);
    await checkReference(url);
    const headers = { 'x-dreamfactory-session-token': token };
    const response = await fetch(`${url}/api/v2/hr/_table/employees?limit=1`, { headers });
    const { resource } = /** @type {{ resource: Record<string, unknown>[] }} */ (await response.json());
    const fields = Object.keys(resource[0] ?? {}).join();
    check(fields === 'emp_no,birth_date,gender,name', `the script made of an employee: ${fields}`);
  } finally {
    server.kill('SIGINT');
  }
  check((await ended) === 0 && said.endsWith('Stopped.\n'), `the server ended badly: ${said}`);
}

/** The API reference and all that it loads is served from the package. @param {string} url */
async function checkReference(url) {
  const page = await (await fetch(`${url}/docs`)).text();
  const loaded = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
  check(loaded.length === 3, `the API reference loads ${loaded.join()}`);
  for (const path of loaded) check((await fetch(url + path)).status === 200, `${path} is missing`);
}

/** @param {string} url @param {string} email @param {string} password */
async function logIn(url, email, password) {
  const response = await fetch(`${url}/api/v2/system/admin/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  const { session_token: token } = /** @type {{ session_token?: string }} */ (await response.json());
  check(response.status === 200 && token !== undefined, `the printed password does not log in: ${email}`);
  return String(token);
}

/**
 * Waits until something is there, or the process has ended.
 * @param {() => string | undefined} look
 * @param {Promise<unknown>} ended
 */
async function heard(look, ended) {
  let isOver = false;
  void ended.then(() => (isOver = true));
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    check(!isOver, 'the server ended before it listened');
    await new Promise((done) => setTimeout(done, 20));
  }
}

/**
 * Runs a command to its end and returns what it wrote; throws when it fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 */
function run(command, args, { cwd = folder, env = {} } = {}) {
  const options = { cwd, env: { ...environment(), ...env }, encoding: /** @type {const} */ ('utf8') };
  const { status, stdout, stderr } = spawnSync(command, args, options);
  check(status === 0, `${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
  return stdout;
}

// Nothing that npm or a user of Tenon has set, so that the package stands alone.
function environment() {
  const isOurs = (/** @type {string} */ name) => /^(?:npm_|TENON_|DF_)/i.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name)));
}

/** @param {boolean} isGood @param {string} problem @returns {asserts isGood} */
function check(isGood, problem) {
  if (!isGood) throw new Error(problem);
}
