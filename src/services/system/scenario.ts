// A house for tests of the service `system`: real store, security, directory, dispatcher and system service.
// The only source is an echo, and scripts do the least that their port promises.
import { randomBytes } from 'node:crypto';
import { byRole } from '../../core/access.ts';
import { Body } from '../../core/body.ts';
import { Dispatcher } from '../../core/dispatch.ts';
import { PlatformError } from '../../core/errors.ts';
import { eventName } from '../../core/event.ts';
import type { Observation } from '../../core/observe.ts';
import type { Action, Operation, Parameters, Principal, Result } from '../../core/operation.ts';
import type { ConfigField, Endpoint, Service, ServiceSettings, ServiceType } from '../../core/service.ts';
import type { New, Store, UserRecord } from '../../core/store.ts';
import { Egress } from '../../egress/egress.ts';
import { QueueConnections } from '../../queues/connections.ts';
import { databaseKind } from '../../queues/database/index.ts';
import { transportKinds } from '../../queues/kinds.ts';
import type { TransportKind } from '../../queues/transport.ts';
import { Firing } from '../../scheduler/firing.ts';
import { CronTimetable } from '../../scheduler/timetable.ts';
import { newRunId } from '../../scripts/run-record.ts';
import { scheduledRun } from '../../scripts/scheduled-call.ts';
import { actor } from '../../security/actor.ts';
import { AuditLog } from '../../security/audit.ts';
import { Authority } from '../../security/authority.ts';
import { CallLimits } from '../../security/limits/call-limits.ts';
import { RateLimits } from '../../security/limits/rate-limits.ts';
import { RoleConcurrency } from '../../security/limits/role-concurrency.ts';
import { MasterKey } from '../../security/master-key.ts';
import { Passwords } from '../../security/passwords.ts';
import { userPrincipal } from '../../security/principal.ts';
import { Secrets } from '../../security/secrets.ts';
import { Sessions } from '../../security/sessions.ts';
import { LoginThrottle } from '../../security/throttle.ts';
import { TokenAuthority } from '../../security/tokens.ts';
import { createLimitCounters } from '../../store/limits/index.ts';
import { createSqliteStore } from '../../store/sqlite.ts';
import { Services } from '../directory.ts';
import { emailServiceTypes, Overlays, serviceTypes } from '../index.ts';
import { createUserService, userServiceType } from '../user/index.ts';
import { createSystemService, type ScriptDesk, systemServiceType } from './index.ts';

/** The password of the administrator that every house begins with. */
export const adminPassword = 'correct horse';

/** One request: the path below `/api/v2/system`, with an optional query. */
export interface Ask {
  readonly parameters?: Parameters;
  readonly body?: unknown;
  /** In place of `body`: content that is no JSON. */
  readonly content?: Body;
  readonly principal?: Principal;
  readonly headers?: Readonly<Record<string, string>>;
  readonly remoteAddress?: string;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A running house. */
export interface House {
  readonly store: Store;
  readonly services: Services;
  readonly system: Service;
  readonly admin: Principal;
  readonly observations: Observation[];
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  /** Names of the scripts in force, as last handed over. */
  readonly scripts: string[];
  readonly queues: QueueConnections;
  /** What workers were asked to begin anew. */
  readonly restarts: string[];
  ask(action: Action, path: string, ask?: Ask): Promise<Answer>;
  /** The same with headers, and the body as it is. */
  reply(action: Action, path: string, ask?: Ask): Promise<Result>;
  /** Asks another service. */
  as(service: string): Pick<House, 'ask' | 'reply'>;
}

/** Opens a house with one administrator (id 1). */
export async function openHouse(): Promise<House> {
  const store = await createSqliteStore({ file: ':memory:' });
  const observations: Observation[] = [];
  const scripts: string[] = [];
  const observe = (observation: Observation) => void observations.push(observation);
  const key = new MasterKey(randomBytes(32));
  const secrets = new Secrets({ key });
  const schemas = new Overlays({ store });
  const outgoing = new Egress({ allow: [], observe });
  const authority = new Authority({ store, secrets, observe });
  const services = new Services({
    types: [
      echoType,
      ...serviceTypes({ overlays: schemas }),
      ...emailServiceTypes({ templates: store.emailTemplates, outgoing }),
    ],
    secrets,
    observe,
    lookups: authority.forServices,
  });
  const sessions = new Sessions({ store, tokens: new TokenAuthority({ key }), authority });
  const throttle = new LoginThrottle();
  const audit = new AuditLog({ store, secrets });
  const act = actor({ audit, observe, authority, dispatch: (operation) => dispatcher.dispatch(operation) });
  const facts = { version: '1.2.3', settings: [] };
  const accounts = { publicUrl: 'https://tenon.example.com', hasForeverSessions: false };
  const counters = createLimitCounters({ database: ':memory:', redisUrl: undefined, observe });
  const limitCounts = new RateLimits({ store, counters });
  const callLimits = new CallLimits({ rates: limitCounts, concurrency: new RoleConcurrency() });
  const restarts: string[] = [];
  const workers = { restart: async () => void restarts.push('all') };
  const queues = new QueueConnections({
    ...{ store, secrets, observe, fallback: { connection: 'database', queue: 'default' } },
    performer: () => ({ perform: async () => ({ outcome: 'done', further: [] }) }),
    kinds: [...transportKinds, brokerKind],
  });
  const timetable = new CronTimetable();
  const consign = queues.consign.bind(queues);
  const firing = new Firing({ store, timetable, runOf: scheduledRun, consign, newId: newRunId, observe });
  const schedules = { timetable, runNow: (id: number) => firing.runNow(id) };
  const own = { queues, schedules, limitCounts, accounts, authority, secrets, facts, audit, act, workers };
  const desks = { sessions, passwords, throttle, scripts: scriptDesk(scripts), ...own };
  const parts = { store, services, schemas, outgoing, observe, ...desks };
  const system = createSystemService(parts);
  services.install(systemServiceType(system));
  services.install(userServiceType(createUserService(parts), store));
  const user = await store.users.create({ ...ada, passwordHash: await adminHash }, null);
  services.reload(await store.services.list());
  const access = byRole;
  const noScripts = { generation: 1, plan: () => undefined };
  const dispatcher = new Dispatcher({ services, access, callLimits, scripts: noScripts, observe });
  const admin = principalOf(user);
  const as = (service: string): Pick<House, 'ask' | 'reply'> => {
    const reply = (action: Action, path: string, given: Ask = {}) =>
      dispatcher.dispatch({ ...operation(action, path, { principal: admin, ...given }), service });
    const ask = async (action: Action, path: string, given: Ask = {}) => {
      const result = await reply(action, path, given);
      return { status: result.status, body: result.body?.value };
    };
    return { ask, reply };
  };
  const parties = { admin, sessions, secrets, queues, restarts };
  return { store, services, system, observations, scripts, ...parties, as, ...as('system') };
}

// As a broker is configured; runs wait in the database.
const brokerKind: TransportKind = {
  ...databaseKind,
  name: 'broker',
  config: [
    { name: 'host', type: 'string', required: true, binds: true },
    { name: 'port', type: 'integer', required: false, default: 6379 },
    { name: 'password', type: 'password', required: false, secret: true },
  ].map((field) => ({ label: field.name, description: '', default: null, ...field }) as ConfigField),
};

/** The principal of a user. */
export function principalOf(user: UserRecord, sessionId: string | null = null): Principal {
  return userPrincipal(user, { sessionId, apiKey: null });
}

function operation(action: Action, path: string, ask: Ask & { principal: Principal }): Operation {
  const [place = '', query = ''] = path.split('?');
  const segments = place === '' ? [] : place.split('/').map(decodeURIComponent);
  const parameters = { ...Object.fromEntries(new URLSearchParams(query)), ...ask.parameters };
  const json = ask.body === undefined ? undefined : Body.ofText(JSON.stringify(ask.body), 'application/json');
  const body = ask.content ?? json;
  return {
    service: 'system',
    path: segments,
    action,
    origin: 'http',
    requestor: 'api',
    principal: ask.principal,
    depth: 0,
    request: { parameters, headers: ask.headers ?? {}, body },
    uri: `/api/v2/system/${path}`,
    apiVersion: '2.0',
    ...(ask.remoteAddress === undefined ? {} : { remoteAddress: ask.remoteAddress }),
  };
}

const passwords = new Passwords();
// One hash for all houses: it takes tens of milliseconds.
const adminHash = passwords.hash(adminPassword);

const ada: Omit<New<UserRecord>, 'passwordHash'> = {
  name: 'Ada Admin',
  username: 'ada',
  firstName: 'Ada',
  lastName: 'Admin',
  email: 'admin@example.com',
  isActive: true,
  isSysAdmin: true,
  lastLoginDate: null,
  phone: null,
  defaultAppId: null,
  isConfirmed: true,
  securityQuestion: null,
  securityAnswerHash: null,
};

/** Scripts as the system service sees them; `inForce` takes the names of those that are active. */
function scriptDesk(inForce: string[]): ScriptDesk {
  return {
    types: [
      {
        name: 'nodejs',
        label: 'Node.js',
        description: 'JavaScript.',
        sandboxed: true,
        supports_inline_execution: false,
      },
    ],
    validate: (script) => {
      if (script.type === 'nodejs') return;
      throw new PlatformError('script.unknown_type', `There is no script type '${script.type}'.`);
    },
    flaw: async ({ content }) => (content.includes('(((') ? 'too many “(” (line 1, column 3)' : undefined),
    try: () => Promise.reject(new Error('this house runs no scripts')),
    recorded: async () => undefined,
    reload: (records) => {
      inForce.splice(
        0,
        inForce.length,
        ...records.filter((record) => record.isActive).map(({ name }) => name),
      );
    },
  };
}

const common = { description: '', required: false, default: null };

const echoType: ServiceType = {
  name: 'echo',
  label: 'Echo',
  description: 'Says what it was asked.',
  group: 'Test',
  singleton: false,
  config: [
    { ...common, name: 'database', label: 'Database', type: 'string', required: true },
    { ...common, name: 'host', label: 'Host', type: 'string', binds: true },
    { ...common, name: 'max_records', label: 'Page', type: 'integer', default: 1000 },
    { ...common, name: 'mode', label: 'Mode', type: 'picklist', values: ['fast', 'slow'] },
    { ...common, name: 'password', label: 'Password', type: 'password', secret: true },
  ],
  create: (settings) => echoService(settings),
};

function echoService({ name, config }: ServiceSettings): Service {
  const endpoints: Endpoint[] = [
    { pattern: [], actions: ['GET'], summary: 'resources' },
    { pattern: ['_table'], actions: ['GET'], summary: 'tables' },
    {
      pattern: ['_table', '{table_name}'],
      actions: ['GET', 'POST'],
      summary: 'records',
      parameters: { table_name: ['contact', 'phone'] },
    },
  ];
  const refuseWhenDown = () => {
    if (config.database === 'broken') throw new PlatformError('service.unavailable', 'It is down.');
  };
  return {
    name,
    type: 'echo',
    locate: (path, action) => ({ component: '', events: [{ name: eventName(name, path, action), drop: 0 }] }),
    handle: () => ({ status: 200, headers: {}, body: Body.ofValue({ database: config.database }) }),
    describe: () => {
      refuseWhenDown();
      return endpoints;
    },
    test: refuseWhenDown,
  };
}
