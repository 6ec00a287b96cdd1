// One database server: its data folder is made, it is started as a user of its own, killed, stopped.
// Invariant: a process is only ever ended when its command line shows that it is the server of that folder.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { data, host, user, ways } from './kinds.mjs';
import { waitUntil } from './waiting.mjs';

/** @import { Kind, Missing, Plan } from './kinds.mjs' */
/** @typedef {{ host: string, port: number, user: string, password: string }} Login */
/** @typedef {Login & { pid: number, folder: string }} Server Where a running one is, and who may log in. */
/** @typedef {{ uid?: number, gid?: number }} Identity */

const startTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;

/**
 * Starts a server for one test alone, which may be killed and started again on the same data and port.
 * @param {Kind} kind
 * @param {{
 *   folder: string, port?: number, options?: readonly string[], files?: Readonly<Record<string, string>>
 * }} where an empty folder of the test; `files` are put there for the server alone, such as its key
 */
export async function startPrivateServer(kind, { folder, port, options = [], files = {} }) {
  const bin = ways[kind].locate();
  if (typeof bin !== 'string') throw new Error(bin.reason);
  const plan = { folder, port: port ?? (await freePort()), password: newPassword(), options };
  await prepare(kind, bin, plan);
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    own(join(folder, name), identityOf(ways[kind].account));
  }
  let pid = await serve(kind, bin, plan);
  const server = () => ({ host, port: plan.port, user, password: plan.password, pid, folder });
  let guard = guarded(pid);
  return {
    /** Where it is, and who may log in. */
    ...server(),
    /** As a crash of the server: no process of it is left when this resolves. */
    kill9: async () => {
      killAtOnce(server());
      // The system takes the memory of a process before its sockets.
      await waitUntil(`end of ${kind}`, stopTimeoutMs, async () => {
        return !isOurs(server()) && !(await isListening(plan.port));
      });
    },
    /** As a server that hangs: it keeps its connections and says nothing until `thaw`. */
    freeze: () => signalAll(server(), 'SIGSTOP'),
    thaw: () => signalAll(server(), 'SIGCONT'),
    /** In good order; `stop` on a server that does not run does nothing. */
    stop: async () => end(kind, server()),
    /** Starts it again; resolves when it takes logins. */
    start: async () => {
      pid = await serve(kind, bin, plan);
      guard.kill();
      guard = guarded(pid);
    },
    /** In good order, and nothing is left of it. */
    remove: async () => {
      await end(kind, server());
      guard.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Starts a server in a new folder that outlives this process, or tells why not.
 * @param {Kind} kind
 * @param {string} folder
 * @returns {Promise<Server | Missing>}
 */
export async function startShared(kind, folder) {
  const bin = ways[kind].locate();
  if (typeof bin !== 'string') return bin;
  // Why the one before it ended may stand there.
  if (existsSync(join(folder, 'log'))) renameSync(join(folder, 'log'), `${folder}-before.log`);
  rmSync(folder, { recursive: true, force: true });
  try {
    const plan = { folder, port: await freePort(), password: newPassword(), options: [] };
    await prepare(kind, bin, plan);
    const pid = await serve(kind, bin, plan);
    return { host, port: plan.port, user, password: plan.password, pid, folder };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Letters and digits only, so that it needs no quotes anywhere. */
function newPassword() {
  return randomBytes(18).toString('hex');
}

/**
 * Makes the data folder of a new server.
 * @param {Kind} kind
 * @param {string} bin
 * @param {Plan} plan
 */
async function prepare(kind, bin, plan) {
  const { folder, password } = plan;
  const identity = identityOf(ways[kind].account);
  mkdirSync(folder, { recursive: true });
  // The server's user must reach its part, and nobody may list or change the rest.
  chmodSync(folder, 0o711);
  const secret = join(folder, 'secret');
  writeFileSync(secret, ways[kind].secret(password), { mode: 0o600 });
  mkdirSync(data(folder), { mode: 0o700 });
  mkdirSync(scratch(folder), { mode: 0o700 });
  for (const path of [data(folder), scratch(folder), secret, ...(kind === 'mysql' ? [folder] : [])])
    own(path, identity);
  const { command, args } = ways[kind].prepare(bin, plan);
  const log = openSync(join(folder, 'log'), 'a', 0o600);
  const surroundings = surroundingsOf(folder);
  const child = spawn(command, args, { ...identity, ...surroundings, stdio: ['ignore', log, log] });
  const code = await new Promise((done) => {
    child.once('error', (error) => done(error.message));
    child.once('exit', done);
  });
  closeSync(log);
  if (code !== 0) throw new Error(`${command} failed (${code}): ${lastLines(folder)}`);
}

/**
 * Starts a prepared server and waits until it takes logins; returns its process id.
 * @param {Kind} kind
 * @param {string} bin
 * @param {Plan} plan
 */
async function serve(kind, bin, plan) {
  const { folder, port } = plan;
  const { command, args } = ways[kind].serve(bin, plan);
  const log = openSync(join(folder, 'log'), 'a', 0o600);
  const identity = identityOf(ways[kind].account);
  const child = spawn(command, args, {
    ...identity,
    ...surroundingsOf(folder),
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  /** @type {string | undefined} */
  let end;
  child.once('error', (error) => {
    end = error.message;
  });
  child.once('exit', (code, signal) => {
    end = `exit ${code ?? signal}`;
  });
  await waitUntil(`start of ${kind}`, startTimeoutMs, async () => {
    if (end !== undefined) throw new Error(`${command} ended (${end}): ${lastLines(folder)}`);
    return isReady(kind, port);
  });
  if (child.pid === undefined) throw new Error(`${command} has no process`);
  return child.pid;
}

/**
 * Where a server works. Its temporary files are its own: MariaDB removes what others have in a common folder
 * when it starts, and the others crash.
 * @param {string} folder
 */
function surroundingsOf(folder) {
  return { cwd: folder, env: { ...process.env, TMPDIR: scratch(folder) } };
}

/** @param {string} folder */
function scratch(folder) {
  return join(folder, 'scratch');
}

/**
 * Ends a server in good order, or by force when it does not.
 * @param {Kind} kind
 * @param {Server} server
 */
export async function end(kind, server) {
  if (!isOurs(server)) return;
  try {
    process.kill(server.pid, ways[kind].stopSignal);
    await waitUntil(`end of ${kind}`, stopTimeoutMs, () => !isOurs(server));
  } catch {
    killAtOnce(server);
    await waitUntil(`end of ${kind}`, stopTimeoutMs, () => !isOurs(server));
  }
}

/** Kills a server with all its processes. @param {Server} server */
function killAtOnce(server) {
  signalAll(server, 'SIGKILL');
}

/**
 * Sends a signal to a server and its processes.
 * @param {Server} server
 * @param {NodeJS.Signals} signal
 */
function signalAll(server, signal) {
  if (!isOurs(server)) return;
  const children = `/proc/${server.pid}/task/${server.pid}/children`;
  const pids = existsSync(children) ? readFileSync(children, 'utf8').split(' ').filter(Boolean) : [];
  for (const pid of [server.pid, ...pids.map(Number)]) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

/**
 * Whether the process still is that server, and not another one that got its number later.
 * @param {Server} server
 */
export function isOurs({ pid, folder }) {
  if (!existsSync('/proc/self/cmdline')) {
    const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
    return stdout.includes(data(folder));
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data(folder));
  } catch {
    return false;
  }
}

/**
 * Whether a server takes logins on the port.
 * @param {Kind} kind
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export function isReady(kind, port) {
  const { hello, isWelcome } = ways[kind];
  return new Promise((done) => {
    const socket = connect({ host, port });
    const answer = (/** @type {boolean} */ isGood) => {
      socket.destroy();
      done(isGood);
    };
    socket.setTimeout(1_000, () => answer(false));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
    socket.once('data', (bytes) => answer(isWelcome(bytes)));
    if (hello.length > 0) socket.write(hello);
  });
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isListening(port) {
  return new Promise((done) => {
    const socket = connect({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

/**
 * Kills a server when our process is gone, however that ended: then nothing holds the pipe open any more.
 * @param {number} pid
 */
function guarded(pid) {
  const script = 'read line; kill -9 "$1"';
  const guard = spawn('sh', ['-c', script, 'guard', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  // Ended before its server was: nothing is left to do.
  guard.stdin.on('error', () => undefined);
  return guard;
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => done(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}

/**
 * The user that a server runs as: its own when we are root, which servers refuse; else ours.
 * @param {string} name
 * @returns {Identity}
 */
function identityOf(name) {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const entry = [name, 'nobody']
    .map((each) => lines.find((line) => line.startsWith(`${each}:`)))
    .find(Boolean);
  const [, , uid, gid] = (entry ?? '').split(':');
  if (uid === undefined) throw new Error(`root may not run it, and there is no user ${name}`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** @param {string} path @param {Identity} identity */
function own(path, { uid, gid }) {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

/** @param {string} folder */
function lastLines(folder) {
  return readFileSync(join(folder, 'log'), 'utf8').trim().split('\n').slice(-3).join(' | ');
}
