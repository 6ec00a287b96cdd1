// Database servers for tests: PostgreSQL and MariaDB of Debian's packages, on private ports and in folders of
// their own.
// `node tools/databases.mjs start|stop|status`; tools/check.mjs starts and stops them around the tests.
// Invariant: no server of the system is ever used or touched, and one that cannot be had is a reason in
// words, not a crash.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { kinds } from './databases/kinds.mjs';
import { end, isOurs, isReady, startShared } from './databases/server.mjs';
import { locked } from './databases/waiting.mjs';

export { startPrivateServer } from './databases/server.mjs';

/** @import { Kind, Missing } from './databases/kinds.mjs' */
/** @import { Server } from './databases/server.mjs' */
/** @typedef {{ [kind in Kind]: Server | Missing }} Servers */

const root = fileURLToPath(new URL('..', import.meta.url));
const place = join(
  tmpdir(),
  `tenon-databases-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`,
);

/** @param {string} home */
const stateFile = (home) => join(home, 'state.json');

/**
 * Starts the shared servers of this repository that do not run yet; `started` names those that this call
 * started. Safe to call in several processes at a time.
 * @param {string} [home] the folder for everything
 * @returns {Promise<{ servers: Servers, started: Kind[] }>}
 */
export async function startServers(home = place) {
  makeHome(home);
  return locked(home, async () => {
    const found = readState(home);
    /** @type {Kind[]} */
    const started = [];
    const entries = kinds.map(async (kind) => {
      const known = found[kind];
      if ('pid' in known && isOurs(known) && (await isReady(kind, known.port))) return [kind, known];
      if ('pid' in known) await end(kind, known);
      const server = await startShared(kind, join(home, kind));
      if ('pid' in server) started.push(kind);
      return [kind, server];
    });
    const servers = /** @type {Servers} */ (Object.fromEntries(await Promise.all(entries)));
    writeFileSync(stateFile(home), JSON.stringify(servers, null, 2), { mode: 0o600 });
    return { servers, started: kinds.filter((kind) => started.includes(kind)) };
  });
}

/**
 * Ends the shared servers and removes all that they kept.
 * @param {string} [home]
 */
export async function stopServers(home = place) {
  if (!existsSync(home)) return;
  makeHome(home);
  await locked(home, async () => {
    const found = readState(home);
    await Promise.all(
      kinds.map(async (kind) => {
        const known = found[kind];
        if ('pid' in known) await end(kind, known);
      }),
    );
    rmSync(home, { recursive: true, force: true });
  });
}

/**
 * The shared servers that run at this moment, or why one does not.
 * @param {string} [home]
 * @returns {Servers}
 */
export function readServers(home = place) {
  const state = readState(home);
  const entries = kinds.map((kind) => {
    const known = state[kind];
    const isGone = 'pid' in known && !isOurs(known);
    return [kind, isGone ? { reason: `its server ended; run: node tools/databases.mjs start` } : known];
  });
  return /** @type {Servers} */ (Object.fromEntries(entries));
}

/** The folder of all, which must be ours: the system's temp folder is everybody's. @param {string} home */
function makeHome(home) {
  mkdirSync(home, { recursive: true, mode: 0o711 });
  const { uid } = lstatSync(home);
  const isFolder = lstatSync(home).isDirectory();
  if (!isFolder || (process.getuid !== undefined && uid !== process.getuid())) {
    throw new Error(`${home} belongs to somebody else; remove it`);
  }
  chmodSync(home, 0o711);
}

/** @param {string} home @returns {Servers} */
function readState(home) {
  try {
    return JSON.parse(readFileSync(stateFile(home), 'utf8'));
  } catch {
    const reason = 'no server was started; run: node tools/databases.mjs start';
    return { postgres: { reason }, mysql: { reason } };
  }
}

/** One line per kind, without the password. @param {Servers} servers */
export function describeServers(servers) {
  return kinds.map((kind) => {
    const server = servers[kind];
    const text = 'pid' in server ? `${server.host}:${server.port}, process ${server.pid}` : server.reason;
    return `databases: ${kind}: ${text}`;
  });
}

/** @param {string | undefined} command */
async function main(command) {
  const began = Date.now();
  const took = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
  if (command === 'start') {
    const { servers, started } = await startServers();
    console.log(describeServers(servers).join('\n'));
    const done = started.length === 0 ? 'nothing to start' : `started ${started.join(', ')}`;
    console.log(`databases: ${done} in ${took()}`);
    process.exitCode = kinds.every((kind) => 'pid' in servers[kind]) ? 0 : 1;
  } else if (command === 'stop') {
    await stopServers();
    console.log(`databases: stopped in ${took()}`);
  } else if (command === 'status') {
    const servers = readServers();
    console.log(describeServers(servers).join('\n'));
    process.exitCode = kinds.every((kind) => 'pid' in servers[kind]) ? 0 : 1;
  } else {
    console.error("databases: say what to do: 'start', 'stop' or 'status'");
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(process.argv[2]);
}
