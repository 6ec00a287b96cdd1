// The composition root: the only file that knows every part. Invariant: parts get each other by constructor,
// are started from the ground up and ended in the reverse order.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, settingsInForce, systemDatabaseFile } from './config.ts';
import { byRole } from './core/access.ts';
import { Dispatcher } from './core/dispatch.ts';
import { PlatformError } from './core/errors.ts';
import { limits } from './core/limits.ts';
import type { Observe } from './core/observe.ts';
import type { Operation, Result } from './core/operation.ts';
import type { Runner } from './core/runner.ts';
import type { CorsRecord, EventScriptRecord, New, Repository, Stamps, Store } from './core/store.ts';
import { Egress } from './egress/egress.ts';
import { Authentication } from './http/authentication.ts';
import { createHttpServer } from './http/server.ts';
import { createLog } from './log.ts';
import { PackageWatch, packageFolders } from './package-folders.ts';
import { createRunners } from './runners/index.ts';
import { type OpenSandbox, openSandbox } from './runners/sandbox/index.ts';
import { scriptEnvironments } from './script-environment.ts';
import { Compiler } from './scripts/compiler.ts';
import { EventScripts } from './scripts/directory.ts';
import { RunHistory } from './scripts/history.ts';
import { platformConfig } from './scripts/platform.ts';
import { scriptTypes, validateScript } from './scripts/script-types.ts';
import { actor } from './security/actor.ts';
import { AuditLog } from './security/audit.ts';
import { Authority } from './security/authority.ts';
import { BasicLogins } from './security/basic-logins.ts';
import { Elevations } from './security/elevations.ts';
import { createFirstAdministrator } from './security/first-administrator.ts';
import { openKeyRing } from './security/key-ring.ts';
import { CallLimits } from './security/limits/call-limits.ts';
import { RateLimits } from './security/limits/rate-limits.ts';
import { RoleConcurrency } from './security/limits/role-concurrency.ts';
import { Passwords } from './security/passwords.ts';
import { RunTokens } from './security/run-tokens.ts';
import { type Keys, Secrets } from './security/secrets.ts';
import { Sessions } from './security/sessions.ts';
import { LoginThrottle } from './security/throttle.ts';
import { TokenAuthority } from './security/tokens.ts';
import { serverFacts } from './server-facts.ts';
import { apiDocsServiceRecord, apiDocsServiceType, createApiDocsService } from './services/api-docs/index.ts';
import { Services } from './services/directory.ts';
import {
  emailServiceTypes,
  identityServiceTypes,
  Overlays,
  scriptServiceTypes,
  serviceTypes,
} from './services/index.ts';
import {
  createSystemService,
  listServices,
  type ScriptDesk,
  systemServiceType,
} from './services/system/index.ts';
import {
  createUserService,
  userMailTemplates,
  userServiceRecord,
  userServiceType,
} from './services/user/index.ts';
import { createLimitCounters } from './store/limits/index.ts';
import { createSqliteStore } from './store/sqlite.ts';
import { version } from './version.ts';

/** A service to configure at the start, where none of that name is there yet. */
export interface InitialService {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What a server is started with. */
export interface ServerOptions {
  readonly config: Config;
  readonly services?: readonly InitialService[];
  /** Told everything that the log is told. */
  readonly observe?: Observe;
  /** Told the password that was made up for the first administrator; without, it is printed once. */
  readonly announce?: (account: { email: string; password: string }) => void;
}

/** A running server. */
export interface RunningServer {
  readonly url: string;
  /** Ends the requests in flight, the runners and the databases, in this order. */
  close(): Promise<void>;
}

/** Starts a server; resolves once it listens. Throws `config.*` or the reason why it cannot. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config } = options;
  const { house, observe, sandbox, closers } = await open(options);
  try {
    const server = await createHttpServer({
      ...house.door,
      status: () => ({ isHealthy: house.isHealthy(), version, sandbox: { level: sandbox.level } }),
      observe,
      host: config.host,
      port: config.port,
      bodyBytes: config.bodyBytes,
      corsOrigins: config.corsOrigins,
    });
    closers.push(() => server.close());
    return { url: server.url, close: () => closeAll(closers) };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** All of a server but its door to the network. */
export interface OpenPlatform {
  /** Does an operation; refusals and failures are results, too. */
  dispatch(operation: Operation): Promise<Result>;
  close(): Promise<void>;
}

/** Opens a data folder for a command; another process may serve it meanwhile. */
export async function openPlatform(options: ServerOptions): Promise<OpenPlatform> {
  const { house, closers } = await open(options);
  const { dispatcher } = house.door;
  return { dispatch: (operation) => dispatcher.dispatch(operation), close: () => closeAll(closers) };
}

async function open(options: ServerOptions) {
  const { config } = options;
  const observe = observerOf(options);
  mkdirSync(config.home, { recursive: true, mode: 0o700 });
  const { home, masterKey: given, masterKeyPrevious: previous } = config;
  const keys = openKeyRing({ given, previous, home });
  const sandbox = await contain(config, observe);
  const store = await createSqliteStore({ file: systemDatabaseFile(config) });
  const closers: (() => Promise<void>)[] = [() => sandbox.close(), () => store.close()];
  try {
    const house = await furnish({ options, store, keys, sandbox, observe });
    closers.push(() => house.close());
    return { house, observe, sandbox, closers };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function contain(config: Config, observe: Observe): Promise<OpenSandbox> {
  const { sandboxMin: minimum, scriptReadPaths: readPaths } = config;
  const secrets = [join(config.home, 'master.key'), systemDatabaseFile(config)].filter(existsSync);
  const sandbox = await openSandbox({ minimum, readPaths, secrets });
  const { level, launcher, notes } = sandbox.report;
  observe({ kind: 'sandbox.opened', level, launcher, notes });
  return sandbox;
}

interface Ground {
  readonly options: ServerOptions;
  readonly store: Store;
  readonly keys: Keys;
  readonly sandbox: OpenSandbox;
  readonly observe: Observe;
}

/** Everything between the store and the door. */
async function furnish({ options, store, keys, sandbox, observe }: Ground) {
  const { config } = options;
  const passwords = new Passwords();
  const throttle = new LoginThrottle();
  const secrets = new Secrets({ keys });
  const key = keys.current();
  const authority = new Authority({
    ...{ store, secrets, observe },
    facts: (records) => serverFacts(config, records),
  });
  const runTokens = new RunTokens();
  const sessions = new Sessions({
    store,
    tokens: new TokenAuthority({ key }),
    authority,
    runTokens,
    rules: config,
  });
  const { home } = config;
  const runners = createRunners({
    ...config,
    sandbox,
    observe,
    platformConfig: platform(),
    packages: () => packageFolders(home),
    environments: scriptEnvironments(config.scriptEnv, home),
  });
  const packages = new PackageWatch({ home, onChange: (language) => runners.get(language)?.refresh?.() });
  const outgoing = new Egress({ allow: config.egressAllow, observe });
  const compiler = new Compiler({ runners });
  const history = runHistory(config, store, observe);
  const audit = new AuditLog({ store, secrets });
  const elevations = new Elevations({ authority, audit, observe });
  const running = { runTokens, outgoing, history, elevations };
  const scripts = new EventScripts({ compiler, runners, observe, ...running });
  const overlays = new Overlays({ store });
  const types = [
    ...serviceTypes({ overlays }),
    ...emailServiceTypes({ templates: store.emailTemplates, outgoing }),
    ...scriptServiceTypes(scriptTypes, scripts.handlers),
    ...identityServiceTypes({ egressAllow: config.egressAllow, observe }),
  ];
  const services = new Services({ types, secrets, observe, lookups: authority.forServices });
  const desk = scriptDesk({ scripts, authority, history });
  const load = () => reloadAuthority({ authority, scripts, store });
  const act = actor({ audit, observe, authority, dispatch: (operation) => dispatcher.dispatch(operation) });
  const { redisUrl } = config;
  const counters = createLimitCounters({ database: systemDatabaseFile(config), redisUrl, observe });
  const limitCounts = new RateLimits({ store, counters });
  const callLimits = new CallLimits({ rates: limitCounts, concurrency: new RoleConcurrency() });
  const facts = { version, settings: settingsInForce(config) };
  const desks = {
    scripts: desk,
    sessions,
    passwords,
    throttle,
    authority: { load },
    secrets,
    facts,
    limitCounts,
    accounts: { publicUrl: config.publicUrl, hasForeverSessions: config.foreverSessions },
    audit,
    act,
  };
  const parts = { store, services, schemas: overlays, outgoing, ...desks, observe };
  services.install(systemServiceType(createSystemService(parts)));
  services.install(userServiceType(createUserService(parts), store));
  services.install(apiDocsServiceType(createApiDocsService({ store, services })));
  const { adminEmail: email, adminPassword: password } = config;
  const made = await createFirstAdministrator({ store, passwords, audit, email, password });
  if (made !== undefined) (options.announce ?? announceOnce)(made);
  for (const record of [userServiceRecord, apiDocsServiceRecord]) await createRecord(store.services, record);
  for (const record of userMailTemplates) await createRecord(store.emailTemplates, record);
  await createInitialServices(options.services ?? [], { store, services, audit });
  const watch = new ConfigurationWatch({
    ...{ store, services, overlays, scripts, authority, limitCounts, observe },
  });
  await watch.start();
  const dispatcher = new Dispatcher({ services, access: byRole, callLimits, scripts, observe });
  const basicLogins = new BasicLogins({ store, passwords, throttle, authority });
  const { sessionTokenInQuery } = config;
  return {
    door: {
      dispatcher,
      authentication: new Authentication({ sessions, basicLogins, authority, sessionTokenInQuery }),
      listServices: (operation: Parameters<typeof listServices>[1]) =>
        listServices({ store, services, callLimits }, operation),
      corsRules: () => watch.corsRules,
    },
    isHealthy: () => watch.isHealthy,
    close: async () => {
      watch.stop();
      packages.stop();
      await stopRunners(runners);
      await history.close();
      await elevations.flush();
      await outgoing.close();
      await services.close();
      await counters.close();
    },
  };
}

// Which names in braces are lookups decides how scripts are compiled.
async function reloadAuthority(parts: Pick<WatchParts, 'authority' | 'scripts' | 'store'>): Promise<void> {
  const { authority, scripts, store } = parts;
  const before = authority.lookupNames();
  await authority.load();
  if (authority.lookupNames() === before) return;
  scripts.load(await store.eventScripts.list(), authority.lookupNames());
  void scripts.warm();
}

interface WatchParts {
  readonly store: Store;
  readonly services: Services;
  readonly overlays: Overlays;
  readonly scripts: EventScripts;
  readonly authority: Authority;
  readonly limitCounts: RateLimits;
  readonly observe: Observe;
}

/**
 * Keeps services, scripts, roles and apps in step with the store, also when another process of the same data
 * folder changes it.
 */
class ConfigurationWatch {
  readonly #parts: WatchParts;
  #timer: NodeJS.Timeout | undefined;
  #generation = -1;
  isHealthy = false;
  corsRules: readonly CorsRecord[] = [];

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#tryLook(), limits.configurationPollMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #tryLook(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      if (this.isHealthy) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#parts.observe({ kind: 'service.failed', service: 'system', reason: `store: ${reason}` });
      }
      this.isHealthy = false;
    }
  }

  async #look(): Promise<void> {
    const { store, services, overlays, scripts, authority, limitCounts } = this.#parts;
    const generation = await store.generation();
    if (generation !== this.#generation) {
      await overlays.load();
      services.reload(await store.services.list());
      this.corsRules = await store.cors.list();
      await authority.load();
      await limitCounts.load();
      scripts.load(await store.eventScripts.list(), authority.lookupNames());
      void scripts.warm();
      this.#generation = generation;
    }
    this.isHealthy = true;
  }
}

function runHistory(config: Config, { runs }: Store, observe: Observe): RunHistory {
  const { runSample: sample, runRetentionDays: retentionDays, runRetentionCount: retentionCount } = config;
  const history = new RunHistory({ runs, observe, sample, retentionDays, retentionCount });
  history.start();
  return history;
}

interface ScriptDeskParts {
  readonly scripts: EventScripts;
  readonly authority: Authority;
  readonly history: RunHistory;
}

function scriptDesk({ scripts, authority, history }: ScriptDeskParts): ScriptDesk {
  return {
    types: scriptTypes.map(({ name, label, description, sandboxed, supportsInlineExecution }) => ({
      name,
      label,
      description,
      sandboxed,
      supports_inline_execution: supportsInlineExecution,
    })),
    validate: validateScript,
    flaw: (record) => scripts.flaw(record),
    reload: (records: readonly EventScriptRecord[]) => {
      scripts.load(records, authority.lookupNames());
      void scripts.warm();
    },
    try: (trial) => scripts.try(trial),
    recorded: () => history.written(),
  };
}

/** Prints the password that was made up for the first administrator. */
export function announceOnce({ email, password }: { email: string; password: string }): void {
  console.log(`First start: administrator ${email}, one-time password ${password}`);
  console.log('  It is shown only now; change it with POST /api/v2/system/admin/password.');
}

// Another process that starts at the same time may make it first; then it is there, and that is all we want.
async function createRecord<Entry extends Stamps & { readonly name: string }>(
  records: Repository<Entry, number>,
  record: New<Entry> & { readonly name: string },
): Promise<void> {
  const isThere = (await records.list()).some(({ name }) => name === record.name);
  if (isThere) return;
  try {
    await records.create(record, null);
  } catch (error) {
    if (!(error instanceof PlatformError) || error.kind !== 'config.conflict') throw error;
  }
}

async function createInitialServices(
  wanted: readonly InitialService[],
  { store, services, audit }: { store: Store; services: Services; audit: AuditLog },
): Promise<void> {
  const nobody = { userId: null, userEmail: null, remoteAddress: null, door: 'cli' } as const;
  const taken = new Set((await store.services.list()).map((record) => record.name));
  for (const { name, label, type, config } of wanted.filter((service) => !taken.has(service.name))) {
    const prepared = services.prepare({ name, type, isActive: true, config }, undefined);
    const fixed = { description: null, isActive: true, mutable: true, deletable: true, document: null };
    const record = { name, label, type, config: prepared, ...fixed };
    await store.transaction(async (inside) => {
      const { id } = await inside.services.create(record, null);
      const note = { ...nobody, action: 'create', record: `service/${id}`, before: null };
      await audit.add({ ...note, after: { id, name, type } }, inside);
    });
  }
}

function observerOf({ config, observe }: ServerOptions): Observe {
  const log = createLog(config.logLevel);
  if (observe === undefined) return log.observe;
  return (observation) => {
    log.observe(observation);
    observe(observation);
  };
}

function platform(): Record<string, unknown> {
  return platformConfig({ version, maxRecords: limits.records });
}

async function stopRunners(runners: ReadonlyMap<string, Runner>): Promise<void> {
  await Promise.all([...runners.values()].map((runner) => runner.stop()));
}

async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}
