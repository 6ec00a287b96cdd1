// The composition root: the only file that knows every part. Invariant: parts get each other by constructor,
// are started from the ground up and ended in the reverse order.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, settingsInForce, systemDatabase } from './config.ts';
import { ConfigurationWatch, reloadAuthority } from './configuration-watch.ts';
import { byRole } from './core/access.ts';
import { Dispatcher } from './core/dispatch.ts';
import type { Observe } from './core/observe.ts';
import type { Operation, Result } from './core/operation.ts';
import type { ServiceType } from './core/service.ts';
import type { Store } from './core/store.ts';
import { type Announce, announceOnce, type InitialService, makeFirstRecords } from './first-records.ts';
import { readHouseMark } from './house-mark.ts';
import { Authentication } from './http/authentication.ts';
import { createHttpServer } from './http/server.ts';
import { createLog } from './log.ts';
import { QueueHouse, type WorkPlan, workPlan } from './queue-house.ts';
import { type OpenSandbox, openSandbox } from './runners/sandbox/index.ts';
import { openScriptHouse, type ScriptHouse } from './script-house.ts';
import { scriptTypes } from './scripts/script-types.ts';
import { AccountUpkeep } from './security/account-upkeep.ts';
import { actor } from './security/actor.ts';
import { AuditLog } from './security/audit.ts';
import { Authority } from './security/authority.ts';
import { BasicLogins } from './security/basic-logins.ts';
import { Idempotency } from './security/idempotency/policy.ts';
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
import { apiDocsServiceType, createApiDocsService } from './services/api-docs/index.ts';
import { Services } from './services/directory.ts';
import {
  emailServiceTypes,
  identityServiceTypes,
  type OutboxDesk,
  Overlays,
  scriptServiceTypes,
  serviceTypes,
} from './services/index.ts';
import { createSystemService, listServices, systemServiceType } from './services/system/index.ts';
import { createUserService, userServiceType } from './services/user/index.ts';
import { createLimitCounters } from './store/limits/index.ts';
import { openSystemStore } from './store/open.ts';
import { version } from './version.ts';
import { askForRestart } from './worker/restart.ts';
import type { Worker } from './worker/worker.ts';

export { announceOnce, type InitialService } from './first-records.ts';

/** What a server is started with. */
export interface ServerOptions {
  readonly config: Config;
  readonly services?: readonly InitialService[];
  /** Told everything that the log is told. */
  readonly observe?: Observe;
  /** Told the password that was made up for the first administrator; without, it is printed once. */
  readonly announce?: Announce;
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
    house.queues.start();
    house.queues.work(workPlan(config));
    // Requests may go on setting runs off while those that run here are ended or given back.
    closers.push(() => house.queues.stopWorking());
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
  /** Makes a worker, which its owner starts and stops before he closes. */
  worker(plan: WorkPlan): Worker;
  close(): Promise<void>;
}

/** Opens a data folder for a command; another process may serve it meanwhile. */
export async function openPlatform(options: ServerOptions): Promise<OpenPlatform> {
  const { house, closers } = await open(options);
  const { dispatcher } = house.door;
  return {
    dispatch: (operation) => dispatcher.dispatch(operation),
    worker: (plan) => {
      house.queues.start();
      return house.queues.worker(plan);
    },
    close: () => closeAll(closers),
  };
}

async function open(options: ServerOptions) {
  const { config } = options;
  const observe = observerOf(options);
  mkdirSync(config.home, { recursive: true, mode: 0o700 });
  const { home, masterKey: given, masterKeyPrevious: previous } = config;
  const keys = openKeyRing({ given, previous, home });
  const sandbox = await contain(config, observe);
  const store = await openSystemStore(systemDatabase(config));
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
  const secrets = [join(config.home, 'master.key'), systemDatabase(config)].filter(existsSync);
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
async function furnish(ground: Ground) {
  const { options, store, observe } = ground;
  const { config } = options;
  const guard = guardOf(ground);
  const { authority, audit, passwords, throttle, sessions } = guard;
  // Scripts queue runs, which are performed by scripts: whoever comes later is asked for when he is needed.
  const house = openScriptHouse({ ...ground, ...guard, config, handoffs: () => queues.handoffs });
  const { scripts } = house;
  const overlays = new Overlays({ store });
  const mark = await readHouseMark(store);
  const outboxes: OutboxDesk = {
    ...{ house: mark, observe },
    departed: (service) => queues.relay.wake(service),
    used: (service) => queues.register.note(service),
  };
  const services = new Services({
    types: typesOf({ ground, house, overlays, outboxes }),
    ...{ secrets: guard.secrets, observe, lookups: authority.forServices },
  });
  const fallback = { connection: config.queueConnection, queue: config.queueName };
  const queues = new QueueHouse({ ...ground, ...guard, services, scripts, fallback });
  const counters = createLimitCounters({
    ...{ database: systemDatabase(config), redisUrl: config.redisUrl, observe },
  });
  const limitCounts = new RateLimits({ store, counters });
  const callLimits = new CallLimits({ rates: limitCounts, concurrency: new RoleConcurrency() });
  const idempotency = new Idempotency({ store, observe, house: mark });
  const { handoffs } = queues;
  const parts = { services, access: byRole, callLimits, scripts, idempotency, handoffs, observe };
  const dispatcher = new Dispatcher(parts);
  queues.furnish(dispatcher);
  installOwn({ ground, guard, house, services, overlays, limitCounts, dispatcher, queues });
  const announce = options.announce ?? announceOnce;
  const first = { config, store, services, passwords, audit, announce };
  await makeFirstRecords(first, options.services ?? []);
  const watch = new ConfigurationWatch({
    ...{ store, services, overlays, scripts, authority, limitCounts, observe },
    queues: queues.connections,
  });
  await watch.start();
  await queues.connections.load();
  const upkeep = new AccountUpkeep({ store, audit, observe });
  upkeep.start();
  idempotency.start();
  const basicLogins = new BasicLogins({ store, passwords, throttle, authority });
  const { sessionTokenInQuery } = config;
  return {
    door: {
      dispatcher,
      authentication: new Authentication({ sessions, basicLogins, authority, sessionTokenInQuery }),
      listServices: (operation: Operation) => listServices({ store, services, callLimits }, operation),
      corsRules: () => watch.corsRules,
    },
    queues,
    isHealthy: () => watch.isHealthy,
    close: async () => {
      watch.stop();
      await upkeep.stop();
      await idempotency.stop();
      await queues.close();
      await house.close();
      await services.close();
      await counters.close();
    },
  };
}

/** Who is who, and what is sealed. */
function guardOf({ options, store, keys, observe }: Ground) {
  const { config } = options;
  const secrets = new Secrets({ keys });
  const facts = (records: Parameters<typeof serverFacts>[1]) => serverFacts(config, records);
  const authority = new Authority({ store, secrets, observe, facts });
  const runTokens = new RunTokens();
  const tokens = new TokenAuthority({ key: keys.current() });
  return {
    secrets,
    authority,
    runTokens,
    audit: new AuditLog({ store, secrets }),
    passwords: new Passwords(),
    throttle: new LoginThrottle(),
    sessions: new Sessions({ store, tokens, authority, runTokens, rules: config }),
  };
}

interface TypesParts {
  readonly ground: Ground;
  readonly house: ScriptHouse;
  readonly overlays: Overlays;
}

/** What types of services need beside. */
interface TypesOptions extends TypesParts {
  readonly outboxes: OutboxDesk;
}

function typesOf({ ground, house, overlays, outboxes }: TypesOptions): ServiceType[] {
  const { options, store, observe } = ground;
  const { scripts, outgoing } = house;
  return [
    ...serviceTypes({ overlays, outboxes }),
    ...emailServiceTypes({ templates: store.emailTemplates, outgoing }),
    ...scriptServiceTypes(scriptTypes, scripts.handlers),
    ...identityServiceTypes({ egressAllow: options.config.egressAllow, observe }),
  ];
}

interface OwnParts extends TypesParts {
  readonly guard: ReturnType<typeof guardOf>;
  readonly queues: QueueHouse;
  readonly services: Services;
  readonly limitCounts: RateLimits;
  readonly dispatcher: Dispatcher;
}

/** Our own services: what people configure, who they are, and what there is. */
function installOwn(own: OwnParts): void {
  const { ground, guard, house, services, overlays, limitCounts, dispatcher, queues } = own;
  const { options, store, observe } = ground;
  const { config } = options;
  const { authority, audit } = guard;
  const { scripts, outgoing } = house;
  const dispatch = (operation: Operation) => dispatcher.dispatch(operation);
  const parts = {
    ...guard,
    ...{ store, services, schemas: overlays, outgoing, limitCounts, observe },
    scripts: house.desk,
    authority: { load: () => reloadAuthority({ authority, scripts, store }) },
    facts: { version, settings: settingsInForce(config) },
    accounts: { publicUrl: config.publicUrl, hasForeverSessions: config.foreverSessions },
    act: actor({ audit, observe, authority, dispatch }),
    queues: queues.connections,
    workers: { restart: (by: number | null) => askForRestart(store, by) },
  };
  services.install(systemServiceType(createSystemService(parts)));
  services.install(userServiceType(createUserService(parts), store));
  services.install(apiDocsServiceType(createApiDocsService({ store, services })));
}

function observerOf({ config, observe }: ServerOptions): Observe {
  const log = createLog(config.logLevel);
  if (observe === undefined) return log.observe;
  return (observation) => {
    log.observe(observation);
    observe(observation);
  };
}

async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}
