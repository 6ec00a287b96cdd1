// The checks of `tenon doctor`, in the order in which they are told.
// Invariant: a check leaves everything as it found it and never throws for a reason it can name.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { type Config, settings, systemDatabase } from '../config.ts';
import { limits } from '../core/limits.ts';
import type { QueueStats } from '../core/queue.ts';
import { AuditLog } from '../security/audit.ts';
import { openKeyRing } from '../security/key-ring.ts';
import { keyFiles, loadMasterKey } from '../security/master-key.ts';
import { Secrets } from '../security/secrets.ts';
import { isOnServer } from '../store/place.ts';
import { nearest } from './nearest.ts';
import { findingOf } from './node-check.ts';
import { installedPackages } from './packages/index.ts';
import { checkSandbox } from './sandbox-check.ts';
import { checkSchedules } from './schedule-check.ts';
import { checkScripts } from './script-check.ts';
import { lookAtStore } from './store-look.ts';

/** What a check found; `remedy` says what to do where it is not ok. */
export interface Finding {
  readonly status: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly remedy?: string;
}

/** Looks at one thing that a server needs. */
export type Check = (config: Config) => Promise<Finding> | Finding;

/** All checks by the name that is shown. */
export const checks: Readonly<Record<string, Check>> = {
  'Node.js': checkNode,
  settings: checkSettings,
  'data folder': checkHome,
  'system database': checkDatabase,
  'master key': checkMasterKey,
  'audit log': checkAudit,
  queues: checkQueues,
  schedules: checkSchedules,
  processes: checkNodes,
  port: checkPort,
  sandbox: checkSandbox,
  scripts: checkScripts,
  packages: checkPackages,
  'sample database': checkSample,
};

const ok = (message: string): Finding => ({ status: 'ok', message });

function checkNode(): Finding {
  return ok(`${process.version} (${process.execPath})`);
}

/** Variables of the command line itself, beside those of the configuration. */
const clientVariables = ['TENON_SERVER', 'TENON_TOKEN'];

function checkSettings(): Finding {
  const known = [...Object.values(settings).map((setting) => setting.variable), ...clientVariables];
  const unknown = Object.keys(process.env).filter(
    (name) => name.startsWith('TENON_') && !known.includes(name),
  );
  const [first] = unknown;
  if (first === undefined) return ok('all values are good, no unknown variable');
  const meant = nearest(first, known);
  return {
    status: 'warn',
    message: `unknown: ${unknown.join(', ')}`,
    remedy: meant === undefined ? 'Remove it from the environment.' : `Did you mean ${meant}?`,
  };
}

function checkHome({ home }: Config): Finding {
  if (!existsSync(home)) {
    const parent = nearestFolder(home);
    if (isWritable(parent)) return ok(`${home} will be made at the first start`);
    return {
      status: 'fail',
      message: `${home} cannot be made: no right to write to ${parent}`,
      remedy: homeRemedy,
    };
  }
  const stat = statSync(home);
  if (!stat.isDirectory()) return { status: 'fail', message: `${home} is no folder`, remedy: homeRemedy };
  if (!isWritable(home))
    return { status: 'fail', message: `no right to write to ${home}`, remedy: homeRemedy };
  if ((stat.mode & 0o077) === 0) return ok(home);
  return { status: 'warn', message: `${home} is open to other users`, remedy: `chmod 700 ${home}` };
}

const homeRemedy = 'Choose another with --home (TENON_HOME), or run as the user it belongs to.';

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function checkDatabase(config: Config): Promise<Finding> {
  const file = systemDatabase(config);
  if (isOnServer(file)) return checkServer(config, file);
  try {
    const services = await lookAtStore(config, (store) => store.services.list());
    if (services === undefined) return ok(`${file} will be made at the first start`);
    return ok(`${file}, ${services.length} services`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      status: 'fail',
      message: `${file}: ${reason}`,
      remedy: 'Put back a copy of it, or name another database.',
    };
  }
}

async function checkServer(config: Config, url: string): Promise<Finding> {
  const { protocol, host, pathname } = new URL(url);
  const place = `${protocol}//${host}${pathname}`;
  try {
    const services = await lookAtStore(config, (store) => store.services.list());
    return ok(services === undefined ? `${place}, empty` : `${place}, ${services.length} services`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      status: 'fail',
      message: `${place}: ${reason}`,
      remedy: 'Look whether the server runs and lets us in.',
    };
  }
}

function checkMasterKey(config: Config): Finding {
  const { masterKey, home } = config;
  if (masterKey === undefined && !existsSync(join(home, 'master.key'))) {
    if (!existsSync(systemDatabase(config))) return ok('will be made at the first start');
    return {
      status: 'fail',
      message: 'the system database is there, but its master key is not',
      remedy: `Put master.key back into ${home}, or give the key in TENON_MASTER_KEY.`,
    };
  }
  const unfinished = [keyFiles.next, keyFiles.previous].find((name) => existsSync(join(home, name)));
  if (masterKey === undefined && unfinished !== undefined) {
    return {
      status: 'warn',
      message: `${unfinished} is there: changing the key did not come to its end`,
      remedy: 'Run `tenon secrets rotate`, which goes on where it stopped.',
    };
  }
  const { id } = loadMasterKey({ given: masterKey, home });
  return ok(`${id}, from ${masterKey === undefined ? join(home, 'master.key') : 'TENON_MASTER_KEY'}`);
}

async function checkAudit(config: Config) {
  const { masterKey: given, masterKeyPrevious: previous, home } = config;
  if (given === undefined && !existsSync(join(home, keyFiles.current))) return ok('nothing to look at yet');
  const checked = await lookAtStore(config, (store) => {
    const secrets = new Secrets({ keys: openKeyRing({ given, previous, home }) });
    return new AuditLog({ store, secrets }).verify();
  });
  if (checked === undefined) return ok('nothing to look at yet');
  const { entries, brokenAt } = checked;
  if (brokenAt === null) return ok(`${entries} entries, each following from the one before`);
  return {
    status: 'fail',
    message: `entry ${brokenAt} does not follow from the ${entries} before it, or is missing`,
    remedy: 'Somebody changed the log, or it has another master key. Compare it with a backup.',
  } as const;
}

async function checkQueues(config: Config): Promise<Finding> {
  const queues = await lookAtStore(config, (store) => store.queue.stats());
  if (queues === undefined) return ok('nothing to look at yet');
  const sum = (state: QueueCount) => queues.reduce((all, { counts }) => all + counts[state], 0);
  const waiting = sum('ready') + sum('delayed');
  const lost = sum('failed') + sum('quarantined');
  const said = `${waiting} runs wait, ${sum('running')} run, ${lost} failed for good`;
  if (lost === 0) return ok(said);
  return { status: 'warn', message: said, remedy: 'Look at them with `tenon queue failed`.' };
}

async function checkNodes(config: Config): Promise<Finding> {
  const nodes = await lookAtStore(config, (store) => store.nodes.list());
  return nodes === undefined ? ok('nothing to look at yet') : findingOf(nodes);
}

type QueueCount = keyof QueueStats['counts'];

async function checkPort({ host, port }: Config): Promise<Finding> {
  const refusal = await listenRefusal(host, port);
  if (refusal === undefined) return ok(`${host}:${port} is free`);
  if (refusal === 'EADDRINUSE' && (await isTenon(host, port))) {
    return ok(`a server is running at ${host}:${port}`);
  }
  const reason = refusal === 'EADDRINUSE' ? 'is used by another program' : `cannot be used (${refusal})`;
  const remedy = 'Choose others with --host (TENON_HOST) and --port (TENON_PORT).';
  return { status: 'fail', message: `${host}:${port} ${reason}`, remedy };
}

function listenRefusal(host: string, port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => done(undefined)));
  });
}

async function isTenon(host: string, port: number): Promise<boolean> {
  try {
    const name = host.includes(':') ? `[${host}]` : host;
    const signal = AbortSignal.timeout(limits.doctorWaitMs);
    const response = await fetch(`http://${name}:${port}/status`, { signal });
    return /json/.test(response.headers.get('content-type') ?? '');
  } catch {
    return false;
  }
}

function checkPackages(config: Config): Finding {
  const counts = Object.entries(installedPackages(config)).map(
    ([language, packages]) => `${language} ${packages.length}`,
  );
  return ok(counts.join(', '));
}

function checkSample({ home }: Config): Finding {
  const file = join(home, 'sample.sqlite');
  if (!existsSync(file)) return ok('not made; `tenon serve --sample` makes it');
  const database = new Sqlite(file, { readonly: true });
  try {
    const employees = database.prepare('SELECT count(*) FROM employees').pluck().get();
    return ok(`${file}, ${Number(employees).toLocaleString('en')} employees`);
  } catch {
    return {
      status: 'warn',
      message: `${file} is not the sample, or is damaged`,
      remedy: `Move it away; \`tenon serve --sample\` makes it anew.`,
    };
  } finally {
    database.close();
  }
}
