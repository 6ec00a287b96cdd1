// The configuration of a server: one table of settings gives the typed values, the environment names and the
// docs page.
// Invariant: every setting is checked at start; a bad value names its variable and what is accepted.
import { join, resolve } from 'node:path';
import { limits } from './core/limits.ts';
import { readScriptVariables, type ScriptVariable } from './script-environment.ts';
import {
  databaseUrl,
  flag,
  list,
  metricsToken,
  nodePath,
  number,
  oneOf,
  optional,
  paths,
  places,
  proxies,
  publicUrl,
  pythonPath,
  queueName,
  redisUrl,
  refused,
  runnersMax,
  share,
  text,
  workerQueues,
} from './setting-values.ts';
import { isOnServer } from './store/place.ts';

/** Levels of the server's log, from talkative to silent. */
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** How scripts are kept in: a process apart, with limits, by the kernel. */
const sandboxLevels = ['L0', 'L1', 'L2'] as const;

/** What a server is started with. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Data folder: system database, master key, sample. Absolute. */
  readonly home: string;
  /** System database, or undefined for SQLite in `home`. */
  readonly databaseUrl: string | undefined;
  /** Let the file of the system database be on a network's file system. */
  readonly networkFolder: boolean;
  /** Where limits are counted; undefined: in the system database. */
  readonly redisUrl: string | undefined;
  /** Queue connection of runs whose script names none. */
  readonly queueConnection: string;
  /** Queue of runs whose script names none. */
  readonly queueName: string;
  /** Queues that the server works itself, in order, '' being that of runs that name none; empty: none. */
  readonly workerQueues: readonly string[];
  readonly workerConcurrency: number;
  readonly queueTries: number;
  /** In seconds. */
  readonly queueTimeout: number;
  readonly queueDoneDays: number;
  /** Most runs that are done and kept. */
  readonly queueDoneCount: number;
  readonly queueFailedDays: number;
  /** Whether the server starts what schedules say, when they say so. */
  readonly runsSchedules: boolean;
  /** Whether there is `/metrics`. */
  readonly metrics: boolean;
  /** What readers of metrics show; undefined: only those on this machine may read them. */
  readonly metricsToken: string | undefined;
  /** Seconds for which a server that is to stop goes on serving; undefined: by its system database. */
  readonly drainDelay: number | undefined;
  readonly adminEmail: string | undefined;
  readonly adminPassword: string | undefined;
  readonly masterKey: string | undefined;
  /** Earlier master keys as text, separated by commas. */
  readonly masterKeyPrevious: string | undefined;
  readonly logLevel: (typeof logLevels)[number];
  /** Node.js that runs scripts. */
  readonly nodePath: string;
  /** Python 3 for scripts; '' to look for it on PATH. */
  readonly pythonPath: string;
  /** PHP for scripts; '' to look for it on PATH. */
  readonly phpPath: string;
  /** The least that must keep scripts in; the server refuses to start below it. */
  readonly sandboxMin: (typeof sandboxLevels)[number];
  /** Files and folders that scripts may read beside their work folder. Absolute. */
  readonly scriptReadPaths: readonly string[];
  /** Variables that scripts see beside PATH, HOME, TMPDIR, TZ and LANG. */
  readonly scriptEnv: readonly ScriptVariable[];
  /** Places that outgoing calls may reach beside public addresses. */
  readonly egressAllow: readonly string[];
  /** Share of the successful runs without output that the log of runs keeps, 0 to 1. */
  readonly runSample: number;
  readonly runRetentionDays: number;
  /** Most runs that are kept; 0 for none at all. */
  readonly runRetentionCount: number;
  readonly runnersMin: number;
  readonly runnersMax: number;
  /** Largest request body in bytes. */
  readonly bodyBytes: number;
  /** Addresses and ranges of proxies that may say who calls. */
  readonly trustedProxies: readonly string[];
  /** Origins that browsers may call from; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** Where people reach the server, for links in mails; without a slash at its end. */
  readonly publicUrl: string;
  /** How long a session token is good. */
  readonly sessionMinutes: number;
  /** How long after its login a session can be refreshed. */
  readonly sessionRefreshMinutes: number;
  /** Whether sessions of logins with `remember_me` can be refreshed for ever. */
  readonly foreverSessions: boolean;
  /** Accept `session_token` in the query as DreamFactory does (rulings 3). */
  readonly sessionTokenInQuery: boolean;
}

/** One setting: its variable, its default as text, how it is read, and what it is for. */
interface Setting<Value> {
  readonly variable: string;
  /** Another variable that counts when the first is not set. */
  readonly otherwise?: string;
  readonly fallback: string;
  readonly meaning: string;
  read(text: string, variable: string, environment: Readonly<Record<string, string | undefined>>): Value;
}

type Settings = { readonly [Name in keyof Config]: Setting<Config[Name]> };

/** All settings; docs/reference/configuration.md is made from it. */
export const settings: Settings = {
  host: { variable: 'TENON_HOST', fallback: '127.0.0.1', meaning: 'address to listen on', read: text },
  port: {
    variable: 'TENON_PORT',
    fallback: '8080',
    meaning: 'TCP port; 0 takes a free one',
    read: number(0, 65_535),
  },
  home: {
    variable: 'TENON_HOME',
    fallback: './.tenon',
    meaning: 'data folder',
    read: (value) => resolve(value),
  },
  databaseUrl: {
    variable: 'TENON_DATABASE_URL',
    fallback: '',
    meaning:
      'system database: `sqlite:file`, `postgres://user:password@host/database` or `mysql://…`; ' +
      'empty: SQLite in the data folder',
    read: databaseUrl,
  },
  networkFolder: {
    variable: 'TENON_NETWORK_FOLDER',
    fallback: 'false',
    meaning:
      'accept a SQLite system database on a file system of a network, because no other machine ever opens it',
    read: flag,
  },
  redisUrl: {
    variable: 'TENON_REDIS_URL',
    fallback: '',
    meaning:
      'Redis that counts limits, and is the queue connection `redis` (`redis://host:6379/0`, `rediss://`); ' +
      'empty: the system database counts',
    read: redisUrl,
  },
  queueConnection: {
    variable: 'TENON_QUEUE_CONNECTION',
    otherwise: 'QUEUE_CONNECTION',
    fallback: 'database',
    meaning:
      'connection of queued runs that name none: `database`, `sync`, `null`, `redis` where there is ' +
      '`TENON_REDIS_URL`, or a configured one',
    read: queueName,
  },
  queueName: {
    variable: 'TENON_QUEUE_NAME',
    otherwise: 'QUEUE_NAME',
    fallback: 'default',
    meaning: 'queue of queued runs that name none',
    read: queueName,
  },
  workerQueues: {
    variable: 'TENON_WORKER_QUEUES',
    fallback: '',
    meaning:
      'queues that `tenon serve` works itself, separated by commas, those before others first; empty: the ' +
      'one of runs that name none, `*`: all of the default connection, `none`: leave them to `tenon work`',
    read: workerQueues,
  },
  workerConcurrency: {
    variable: 'TENON_WORKER_CONCURRENCY',
    fallback: String(limits.workerConcurrency),
    meaning: 'queued runs that a worker has performed at the same time',
    read: number(1, 1_000),
  },
  queueTries: {
    variable: 'TENON_QUEUE_TRIES',
    fallback: String(limits.queueTries),
    meaning: 'how often a queued script may fail, unless it says so itself',
    read: number(1, limits.queueTriesMax),
  },
  queueTimeout: {
    variable: 'TENON_QUEUE_TIMEOUT',
    fallback: String(limits.queueTimeoutMs / 1_000),
    meaning: 'seconds that a queued run may take, unless its script says so itself',
    read: number(1, limits.queueTimeoutMaxMs / 1_000),
  },
  queueDoneDays: {
    variable: 'TENON_QUEUE_DONE_DAYS',
    fallback: String(limits.queueDoneDays),
    meaning: 'days for which queued runs that are done are kept',
    read: number(0, 36_500),
  },
  queueDoneCount: {
    variable: 'TENON_QUEUE_DONE_COUNT',
    fallback: String(limits.queueDoneCount),
    meaning: 'most queued runs that are done and kept',
    read: number(0, 100_000_000),
  },
  queueFailedDays: {
    variable: 'TENON_QUEUE_FAILED_DAYS',
    fallback: String(limits.queueFailedDays),
    meaning: 'days for which failed queued runs are kept',
    read: number(1, 36_500),
  },
  runsSchedules: {
    variable: 'TENON_SCHEDULE',
    fallback: 'on',
    meaning: 'whether `tenon serve` starts what schedules say: `on`, or `off` to leave it to other servers',
    read: flag,
  },
  metrics: {
    variable: 'TENON_METRICS',
    fallback: 'on',
    meaning: 'whether `/metrics` tells Prometheus how the server does',
    read: flag,
  },
  metricsToken: {
    variable: 'TENON_METRICS_TOKEN',
    fallback: '',
    meaning: 'bearer token that `/metrics` is read with; empty: by programs on the same machine alone',
    read: metricsToken,
  },
  drainDelay: {
    variable: 'TENON_DRAIN_DELAY',
    fallback: '',
    meaning:
      'seconds for which a server goes on serving after SIGTERM, so that balancers notice before it stops; ' +
      'empty: 5 where the system database is on a server, else 0',
    read: (value, variable) =>
      value === '' ? undefined : number(0, limits.drainDelaySeconds)(value, variable),
  },
  adminEmail: {
    variable: 'TENON_ADMIN_EMAIL',
    fallback: '',
    meaning: 'first administrator of an empty system; empty: admin@example.com',
    read: optional,
  },
  adminPassword: {
    variable: 'TENON_ADMIN_PASSWORD',
    fallback: '',
    meaning: 'password of that administrator; empty: one is made up and printed once',
    read: optional,
  },
  masterKey: {
    variable: 'TENON_MASTER_KEY',
    fallback: '',
    meaning: 'key of stored secrets; empty: a file in the data folder',
    read: optional,
  },
  masterKeyPrevious: {
    variable: 'TENON_MASTER_KEY_PREVIOUS',
    fallback: '',
    meaning: 'earlier keys of stored secrets, separated by commas, until `tenon secrets rotate` is through',
    read: optional,
  },
  logLevel: {
    variable: 'TENON_LOG_LEVEL',
    fallback: 'info',
    meaning: 'how much the server logs',
    read: oneOf(logLevels),
  },
  nodePath: {
    variable: 'DF_NODEJS_PATH',
    fallback: '',
    meaning: 'Node.js for scripts; empty: the one of the server',
    read: nodePath,
  },
  pythonPath: {
    variable: 'DF_PYTHON3_PATH',
    otherwise: 'DF_PYTHON_PATH',
    fallback: '',
    meaning: 'Python 3 for scripts; empty: DF_PYTHON_PATH if that is one, else the one on PATH',
    read: pythonPath,
  },
  phpPath: {
    variable: 'DF_PHP_PATH',
    fallback: '',
    meaning: 'PHP (the command line one) for scripts; empty: the one on PATH',
    read: text,
  },
  sandboxMin: {
    variable: 'TENON_SANDBOX_MIN',
    fallback: 'L1',
    meaning: 'least containment of scripts: L0 a process apart, L1 with limits, L2 kept in by the kernel',
    read: oneOf(sandboxLevels),
  },
  scriptReadPaths: {
    variable: 'TENON_SCRIPT_READ_PATHS',
    fallback: '',
    meaning: 'files and folders that scripts may read, absolute, separated by colons',
    read: paths,
  },
  scriptEnv: {
    variable: 'TENON_SCRIPT_ENV',
    fallback: '',
    meaning:
      'variables that scripts see, from the environment or `.env` in the data folder: `NAME` or ' +
      '`language:NAME`, separated by commas',
    read: (value, _variable, environment) => readScriptVariables(value, environment),
  },
  egressAllow: {
    variable: 'TENON_EGRESS_ALLOW',
    fallback: '',
    meaning:
      'what scripts may call beside public addresses, separated by commas: `host:port`, `address[:port]`, ' +
      '`range[:port]`',
    read: places,
  },
  runSample: {
    variable: 'TENON_RUN_SAMPLE',
    fallback: '0.01',
    meaning: 'share of successful script runs to record, 0 to 1; failures and runs with output always are',
    read: share,
  },
  runRetentionDays: {
    variable: 'TENON_RUN_RETENTION_DAYS',
    fallback: String(limits.runRetentionDays),
    meaning: 'days for which script runs are kept',
    read: number(1, 3_650),
  },
  runRetentionCount: {
    variable: 'TENON_RUN_RETENTION_COUNT',
    fallback: String(limits.runRetentionCount),
    meaning: 'most script runs that are kept; 0 keeps none at all',
    read: number(0, 10_000_000),
  },
  runnersMin: {
    variable: 'TENON_RUNNERS_MIN',
    fallback: String(limits.runnersMin),
    meaning: 'warm runners per language',
    read: number(0, 64),
  },
  runnersMax: {
    variable: 'TENON_RUNNERS_MAX',
    fallback: '',
    meaning: 'most runners per language; empty: by processors',
    read: runnersMax,
  },
  bodyBytes: {
    variable: 'TENON_BODY_BYTES',
    fallback: String(limits.bodyBytes),
    meaning: 'largest request body in bytes',
    read: number(1_024, limits.bodyBytesMax),
  },
  trustedProxies: {
    variable: 'TENON_TRUSTED_PROXIES',
    fallback: '',
    meaning:
      'load balancers whose X-Forwarded-For says who calls: addresses and ranges, separated by commas; ' +
      'empty: nobody is believed',
    read: proxies,
  },
  corsOrigins: {
    variable: 'TENON_CORS_ORIGINS',
    fallback: '*',
    meaning: 'origins browsers may call from, separated by commas',
    read: list,
  },
  publicUrl: {
    variable: 'TENON_PUBLIC_URL',
    fallback: '',
    meaning: 'address that people reach the server at, for links in mails; empty: host and port',
    read: publicUrl,
  },
  sessionMinutes: {
    variable: 'TENON_SESSION_MINUTES',
    fallback: String(limits.sessionMinutes),
    meaning: 'minutes that a session token is good',
    read: number(1, 525_600),
  },
  sessionRefreshMinutes: {
    variable: 'TENON_SESSION_REFRESH_MINUTES',
    fallback: String(limits.sessionRefreshMinutes),
    meaning: 'minutes after its login that a session can be refreshed',
    read: number(1, 5_256_000),
  },
  foreverSessions: {
    variable: 'TENON_FOREVER_SESSIONS',
    fallback: 'false',
    meaning: 'let sessions of logins with remember_me be refreshed for ever',
    read: flag,
  },
  sessionTokenInQuery: {
    variable: 'TENON_SESSION_TOKEN_IN_QUERY',
    fallback: 'false',
    meaning: 'accept session_token in the query, as old clients send it',
    read: flag,
  },
};

/** Reads the configuration; `overrides` are texts by setting name, e.g. from the command line. */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  overrides: Partial<Record<keyof Config, string>> = {},
): Config {
  const entries = Object.entries(settings).map(([name, entry]) => {
    const set = environment[entry.variable] || environment[entry.otherwise ?? ''];
    const given = overrides[name as keyof Config] ?? set;
    const value = given === undefined || given === '' ? entry.fallback : given;
    return [name, entry.read(value, entry.variable, environment)];
  });
  const config = Object.fromEntries(entries) as Config;
  if (config.runnersMin > config.runnersMax) throw refused('TENON_RUNNERS_MIN', 'at most TENON_RUNNERS_MAX');
  // Servers on other machines must be able to open what this one seals, and not by a key beside it.
  if (isOnServer(config.databaseUrl ?? '') && config.masterKey === undefined) {
    throw refused(
      'TENON_MASTER_KEY',
      'given where the system database is on a server: 32 random bytes as base64',
    );
  }
  return { ...config, publicUrl: config.publicUrl || addressOf(config) };
}

/** A setting as administrators may see it. */
export interface SettingInForce {
  readonly name: string;
  readonly variable: string;
  readonly value: unknown;
  readonly default: string;
  readonly description: string;
}

/** The settings of a server, those masked that are secret or may hold a password. */
export function settingsInForce(config: Config): readonly SettingInForce[] {
  return Object.entries(settings).map(([name, { variable, fallback, meaning }]) => {
    const value = shown(variable, config[name as keyof Config]);
    return { name, variable, value, default: fallback, description: meaning };
  });
}

// By name, so that a setting that comes later is masked rather than forgotten; addresses hold passwords.
function shown(variable: string, value: unknown): unknown {
  const isSecret = /PASSWORD|SECRET|KEY|URL|_TOKEN$/.test(variable) && !variable.includes('PUBLIC');
  if (isSecret && value !== undefined && value !== null) return '********';
  if (Array.isArray(value)) return value.map((entry) => (typeof entry === 'object' ? entry.name : entry));
  return value ?? null;
}

/** For how long a server goes on serving after SIGTERM: where there are others, balancers must notice. */
export function drainDelayMs({
  drainDelay,
  databaseUrl,
}: Pick<Config, 'drainDelay' | 'databaseUrl'>): number {
  return 1_000 * (drainDelay ?? (isOnServer(databaseUrl ?? '') ? limits.drainDelayUsualSeconds : 0));
}

/** The system database: its file, or its address on a server. */
export function systemDatabase({ home, databaseUrl }: Pick<Config, 'home' | 'databaseUrl'>): string {
  return databaseUrl === undefined ? join(home, 'system.sqlite') : databaseUrl.replace(/^sqlite:(\/\/)?/, '');
}

// Never from what a request calls the server: who asks for a mail would choose where its link leads.
function addressOf({ host, port }: Pick<Config, 'host' | 'port'>): string {
  const isEverywhere = host === '0.0.0.0' || host === '::' || host === '';
  const name = isEverywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
