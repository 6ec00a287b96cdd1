// A house for tests of the service `system`: real store, directory, dispatcher and system service; the source behind
// it is an echo, and sessions, passwords and scripts do the least that their ports promise.
import { scryptSync } from 'node:crypto';
import { administratorsOnly } from '../../core/access.ts';
import { Body } from '../../core/body.ts';
import { Dispatcher } from '../../core/dispatch.ts';
import { PlatformError } from '../../core/errors.ts';
import { eventName } from '../../core/event.ts';
import type { Observation } from '../../core/observe.ts';
import {
  type Action,
  anonymous,
  type Operation,
  type Parameters,
  type Principal,
} from '../../core/operation.ts';
import type { Endpoint, Service, ServiceSettings, ServiceType } from '../../core/service.ts';
import type { New, Store, UserRecord } from '../../core/store.ts';
import { createSqliteStore } from '../../store/sqlite.ts';
import { Services } from '../directory.ts';
import { createSystemService, type SystemParts, systemServiceType } from './index.ts';

/** The password of the administrator that every house begins with. */
export const adminPassword = 'correct horse';

/** One request: the path below `/api/v2/system`, with an optional query. */
export interface Ask {
  readonly parameters?: Parameters;
  readonly body?: unknown;
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
  /** Names of the scripts in force, as last handed over. */
  readonly scripts: string[];
  ask(action: Action, path: string, ask?: Ask): Promise<Answer>;
}

/** Opens a house with one administrator (id 1). */
export async function openHouse(): Promise<House> {
  const store = await createSqliteStore({ file: ':memory:' });
  const observations: Observation[] = [];
  const scripts: string[] = [];
  const observe = (observation: Observation) => void observations.push(observation);
  const services = new Services({ types: [echoType], secrets, observe });
  const parts = { store, services, observe, ...desks(store, scripts) };
  const system = createSystemService(parts);
  services.install(systemServiceType(system));
  const user = await store.users.create(ada, null);
  services.reload(await store.services.list());
  const access = administratorsOnly;
  const noScripts = { generation: 1, plan: () => undefined };
  const dispatcher = new Dispatcher({ services, access, scripts: noScripts, observe });
  const admin = principalOf(user);
  const ask = async (action: Action, path: string, given: Ask = {}) => {
    const result = await dispatcher.dispatch(operation(action, path, { principal: admin, ...given }));
    return { status: result.status, body: result.body?.value };
  };
  return { store, services, system, admin, observations, scripts, ask };
}

/** The principal of a user. */
export function principalOf(user: UserRecord, sessionId: string | null = null): Principal {
  const { id, name, username, firstName, lastName, email, isSysAdmin: isAdmin } = user;
  const view = {
    id,
    name,
    username,
    displayName: name,
    firstName,
    lastName,
    email,
    isAdmin,
    lastLogin: null,
  };
  return { ...anonymous, kind: 'user', isAdmin, user: view, sessionId };
}

function operation(action: Action, path: string, ask: Ask & { principal: Principal }): Operation {
  const [place = '', query = ''] = path.split('?');
  const segments = place === '' ? [] : place.split('/').map(decodeURIComponent);
  const parameters = { ...Object.fromEntries(new URLSearchParams(query)), ...ask.parameters };
  const body = ask.body === undefined ? undefined : Body.ofText(JSON.stringify(ask.body), 'application/json');
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

const hash = (password: string) => scryptSync(password, 'salt', 16, { N: 2 }).toString('hex');

const ada: New<UserRecord> = {
  name: 'Ada Admin',
  username: 'ada',
  firstName: 'Ada',
  lastName: 'Admin',
  email: 'admin@example.com',
  passwordHash: hash(adminPassword),
  isActive: true,
  isSysAdmin: true,
  lastLoginDate: null,
};

const secrets = {
  seal: (text: string, place: string) => `sealed:${place}:${Buffer.from(text).toString('base64')}`,
  open: (sealed: string, place: string) => {
    if (!sealed.startsWith(`sealed:${place}:`)) throw new Error('sealed for another place');
    return Buffer.from(sealed.slice(`sealed:${place}:`.length), 'base64').toString();
  },
};

function desks(
  store: Store,
  inForce: string[],
): Pick<SystemParts, 'sessions' | 'passwords' | 'throttle' | 'scripts'> {
  const failures = new Map<string, number>();
  const day = 86_400_000;
  const later = (days: number) => new Date(Date.now() + days * day).toISOString();
  return {
    sessions: {
      open: async (user, remember) => {
        const dates = {
          createdDate: later(0),
          expiresDate: later(remember ? 14 : 1),
          refreshUntilDate: later(14),
        };
        const id = `s${Math.random()}`;
        await store.sessions.open({ id, userId: user.id, ...dates });
        return { token: id, userId: user.id, expiresDate: dates.expiresDate };
      },
      refresh: async (token) => {
        const session = await store.sessions.get(token);
        if (session === undefined || session.closedDate !== null) {
          throw new PlatformError('access.invalid_token', 'Invalid token.');
        }
        await store.sessions.extend(token, later(2));
        return { token, userId: session.userId, expiresDate: later(2) };
      },
      close: (id) => store.sessions.close(id),
    },
    passwords: {
      hash: async (password) => hash(password),
      verify: async (known, password) => known !== undefined && known === hash(password),
    },
    throttle: {
      check: (key) => {
        if ((failures.get(key) ?? 0) < 3) return;
        throw new PlatformError('access.too_many_attempts', 'Too many attempts.');
      },
      fail: (key) => void failures.set(key, (failures.get(key) ?? 0) + 1),
      succeed: (key) => void failures.delete(key),
    },
    scripts: {
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
      reload: (records) => {
        inForce.splice(
          0,
          inForce.length,
          ...records.filter((record) => record.isActive).map(({ name }) => name),
        );
      },
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
