// The world of the authorisation matrix: services of every kind, callers of every kind, and what each of them
// may do by the words of the documentation, decided here a second time. Invariant: no cell of the matrix does
// anything: a script before every operation answers in the place of whoever passed the access check.
import { addScriptedService } from '../scripted-service.ts';
import { startTestServer, type TestServer } from '../server.ts';

/** A verb of the API. */
export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** All of them, with their bits. */
export const verbs: Readonly<Record<Verb, number>> = { GET: 1, POST: 2, PUT: 4, PATCH: 8, DELETE: 16 };

/** What scripts answer for those who came that far; no part of the platform answers so itself. */
export const reached = 418;

/** A row of access as it is granted. */
interface Grant {
  /** Null: all services. */
  readonly service: string | null;
  readonly component: string;
  readonly verbs: number;
  /** 1: from outside, 2: from scripts. */
  readonly requestors: number;
}

/** Somebody who calls. */
export interface Caller {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly isAdmin: boolean;
  /** Whether he is logged in. */
  readonly isUser: boolean;
  /** Undefined: no role, or one that is not in force. */
  readonly grants: readonly Grant[] | undefined;
}

/** A path of the API, ready to be asked for, with the verbs that the description names. */
export interface Place {
  readonly service: string;
  readonly path: readonly string[];
  readonly documented: readonly Verb[];
}

/** The running world. */
export interface World {
  readonly server: TestServer;
  readonly callers: readonly Caller[];
  readonly places: readonly Place[];
  /** Names of the resources of `system` and `user`, which is what access to them is granted on. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
}

const tables = `CREATE TABLE todo (id INTEGER PRIMARY KEY, title TEXT);
  CREATE TABLE notes (id INTEGER PRIMARY KEY, todo_id INTEGER REFERENCES todo(id), text TEXT);
  INSERT INTO todo VALUES (1, 'a'); INSERT INTO notes VALUES (1, 1, 'n');`;

// Calls whatever it is told to, in the name of its caller, and says what came back.
const relay = `
  const { verb, path } = event.request.payload;
  const sent = verb === 'get' ? [path] : [path, { resource: [{}] }, {}];
  return new Promise((resolve) => {
    platform.api[verb](...sent, (body, response) => resolve({ status: response.statusCode, text: body }));
  });`;

const may = (service: string | null, component: string, mask: number, requestors = 3): Grant => ({
  ...{ service, component, verbs: mask, requestors },
});
const useRelay = may('relay', '*', verbs.POST, 1);

/** Roles by name; all may use the script that calls on behalf of them. */
const roles: Readonly<Record<string, readonly Grant[]>> = {
  nothing: [useRelay],
  reader: [useRelay, may('hr', '_table/*', verbs.GET)],
  clerk: [
    useRelay,
    may('hr', '_table/todo', 31),
    may('hr', '_table/*', verbs.GET),
    may('calc', '*', verbs.GET),
  ],
  deleter: [useRelay, may('hr', '_table/notes/*', verbs.DELETE)],
  architect: [useRelay, may('hr', '_schema/*', 31), may('hr', '', verbs.GET)],
  pattern: [useRelay, may('hr', '_table/{table_name}', verbs.GET | verbs.PATCH)],
  scripts: [useRelay, may('hr', '*', 31, 2)],
  outside: [useRelay, may('hr', '*', 31, 1), may('calc', '*', 31, 1)],
  exceptions: [useRelay, may('hr', '*', 31), may('hr', '_table/notes', 0)],
  helpdesk: [
    useRelay,
    may('system', 'user', verbs.GET | verbs.PATCH),
    may('system', 'run/*', verbs.GET),
    may('system', 'queued_run/*', verbs.GET | verbs.POST),
  ],
  operator: [useRelay, may('system', '*', verbs.GET)],
  everything: [useRelay, may(null, '*', 31)],
};

/** Starts the world. */
export async function openWorld(): Promise<World> {
  const server = await startTestServer();
  await server.addDatabase('hr', tables);
  await server.addDatabase('crm', tables);
  await addScriptedService(server, 'return { result: 1 };', { name: 'calc' });
  await addScriptedService(server, relay, { name: 'relay' });
  const ids = await serviceIds(server);
  const resources = Object.fromEntries(
    await Promise.all(['system', 'user'].map(async (name) => [name, await names(server, name)] as const)),
  );
  const places = await placesOf(server);
  const callers = await makeCallers(server, ids);
  // Last, because nothing can be configured from then on.
  await guardEverything(server);
  return { server, callers, places, resources };
}

async function serviceIds(server: TestServer): Promise<ReadonlyMap<string, number>> {
  const { body } = await server.ask('/api/v2/system/service?fields=id,name');
  return new Map(body.resource.map(({ id, name }: { id: number; name: string }) => [name, id]));
}

async function names(server: TestServer, service: string): Promise<readonly string[]> {
  return (await server.ask(`/api/v2/${service}?as_list=true`)).body.resource;
}

async function placesOf(server: TestServer): Promise<readonly Place[]> {
  const { body } = await server.ask('/api/v2/api_docs/_all');
  return Object.entries(body.paths as Record<string, Record<string, unknown>>).flatMap(([path, actions]) => {
    const [service = '', ...rest] = path.split('/').slice(1);
    if (service === 'relay') return [];
    const filled = rest.map((segment) =>
      segment.replace(/^\{table_name\}$/, 'todo').replace(/^\{.*\}$/, '1'),
    );
    const documented = Object.keys(actions).map((action) => action.toUpperCase() as Verb);
    return [{ service, path: filled, documented }];
  });
}

async function make(
  server: TestServer,
  resource: string,
  record: object,
): Promise<{ id: number; api_key: string }> {
  const { status, body, text } = await server.ask(`/api/v2/system/${resource}?fields=*`, {
    method: 'POST',
    body: { resource: [record] },
  });
  if (status !== 201) throw new Error(`${resource} not made: ${text}`);
  return body.resource[0];
}

async function makeCallers(server: TestServer, ids: ReadonlyMap<string, number>): Promise<Caller[]> {
  const callers: Caller[] = [
    { name: 'nobody', headers: {}, isAdmin: false, isUser: false, grants: undefined },
    {
      name: 'administrator',
      headers: { 'X-DreamFactory-Session-Token': server.token },
      ...{ isAdmin: true, isUser: true, grants: undefined },
    },
  ];
  const idle = await make(server, 'app', { name: 'no role', is_active: true });
  callers.push({
    name: 'key without role',
    headers: { 'X-DreamFactory-API-Key': idle.api_key },
    ...{ isAdmin: false, isUser: false, grants: undefined },
  });
  const userKey = { key: idle.api_key, name: 'user without role' };
  callers.push({ ...(await user(server, userKey)), grants: undefined });
  for (const [name, grants] of Object.entries(roles)) {
    callers.push(...(await callersOf(server, { name, grants, isActive: true }, ids)));
  }
  const all = [useRelay, may(null, '*', 31)];
  const inactive = { name: 'inactive', grants: all, isActive: false };
  callers.push(...(await callersOf(server, inactive, ids)));
  return callers;
}

interface Made {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly isActive: boolean;
}

// With the key of an app that has the role, and as a user who has it in that app.
async function callersOf(
  server: TestServer,
  { name, grants, isActive }: Made,
  ids: ReadonlyMap<string, number>,
): Promise<Caller[]> {
  const rows = grants.map((grant) => ({
    service_id: grant.service === null ? null : ids.get(grant.service),
    component: grant.component,
    verb_mask: grant.verbs,
    requestor_mask: grant.requestors,
  }));
  const role = await make(server, 'role', {
    ...{ name, is_active: isActive, role_service_access_by_role_id: rows },
  });
  const open = await make(server, 'app', { name: `${name} open`, is_active: true, role_id: role.id });
  const closed = await make(server, 'app', { name: `${name} closed`, is_active: true });
  const inForce = isActive ? grants : undefined;
  const key = { 'X-DreamFactory-API-Key': open.api_key };
  const own = { name: `user as ${name}`, key: closed.api_key, app: closed.id, role: role.id };
  return [
    { name: `key of ${name}`, headers: key, isAdmin: false, isUser: false, grants: inForce },
    { ...(await user(server, own)), grants: inForce },
  ];
}

interface MadeUser {
  readonly name: string;
  readonly key: string;
  readonly app?: number;
  readonly role?: number;
}

async function user(server: TestServer, { name, key, app, role }: MadeUser): Promise<Omit<Caller, 'grants'>> {
  const email = `${name.replaceAll(' ', '-')}@example.com`;
  const password = 'correct horse battery';
  await make(server, 'user', {
    ...{ name, email, password },
    user_to_app_to_role_by_user_id: app === undefined ? [] : [{ app_id: app, role_id: role }],
  });
  const login = await server.ask('/api/v2/user/session', {
    ...{ method: 'POST', anonymous: true, body: { email, password } },
    headers: { 'X-DreamFactory-API-Key': key },
  });
  if (login.status !== 200) throw new Error(`login of ${name} failed: ${login.text}`);
  const token: string = login.body.session_token;
  const headers = { 'X-DreamFactory-API-Key': key, 'X-DreamFactory-Session-Token': token };
  return { name, headers, isAdmin: false, isUser: true };
}

async function guardEverything(server: TestServer): Promise<void> {
  const { body } = await server.ask('/api/v2/system/event?as_list=true&scriptable=true');
  const events: string[] = body.resource.filter(
    (name: string) => name.endsWith('.pre_process') && !name.startsWith('relay.'),
  );
  const content = `event.response = { status_code: ${reached}, content: { reached: true } };`;
  // The last is the one that makes event scripts: from then on nobody makes any.
  const last = 'system.event_script.post.pre_process';
  for (const name of [...events.filter((event) => event !== last), last]) {
    const script = { name, type: 'nodejs', content, is_active: true, allow_event_modification: true };
    const { status, text } = await server.ask(`/api/v2/system/event_script/${encodeURIComponent(name)}`, {
      ...{ method: 'POST', body: script },
    });
    if (status !== 201) throw new Error(`script of ${name} not made: ${text}`);
  }
}

/** One cell of the matrix. */
export interface Cell {
  readonly caller: Caller;
  readonly place: Place;
  readonly verb: Verb;
  readonly requestor: 'api' | 'script';
}

/** Whether the documentation allows what a cell asks for. */
export function isAllowed({ caller, place, verb, requestor }: Cell, resources: World['resources']): boolean {
  const { service, path } = place;
  const resource = resourceOf(service, path, resources);
  if (caller.isAdmin || isPublic(service, resource, verb)) return true;
  if (caller.isUser && isForUsers(service, resource)) return true;
  // Descriptions show to each what he may use, and nothing else.
  const isDescription = service === 'api_docs' || path[0] === '_spec';
  if (isDescription && (caller.isUser || caller.grants !== undefined)) return true;
  if (caller.grants === undefined) return false;
  const mask = granted(caller.grants, {
    service,
    component: componentOf(service, path, resource),
    requestor,
  });
  return (mask & verbs[verb]) !== 0;
}

function isPublic(service: string, resource: string, verb: Verb): boolean {
  if (service === 'user')
    return resource === 'session' || (verb === 'POST' && ['password', 'register'].includes(resource));
  if (service !== 'system') return false;
  if (resource === 'admin/session') return true;
  if (resource === 'environment') return verb === 'GET';
  return resource === 'admin/password' && verb === 'POST';
}

function isForUsers(service: string, resource: string): boolean {
  return service === 'user' && ['profile', 'custom', 'factor', 'identity'].includes(resource);
}

function resourceOf(service: string, path: readonly string[], resources: World['resources']): string {
  const known = resources[service] ?? [];
  const fitting = known.filter((name) => `${path.join('/')}/`.startsWith(`${name}/`));
  return fitting.toSorted((a, b) => b.length - a.length)[0] ?? '';
}

// What access is granted on: a table, the schema of a table, a resource of ours, a path of a script.
function componentOf(service: string, path: readonly string[], resource: string): string {
  if (service === 'system' || service === 'user') return resource;
  if (service === 'hr' || service === 'crm') return path.slice(0, 2).join('/');
  return path.join('/');
}

interface Asked {
  readonly service: string;
  readonly component: string;
  readonly requestor: 'api' | 'script';
}

function granted(grants: readonly Grant[], { service, component, requestor }: Asked): number {
  const bit = requestor === 'api' ? 1 : 2;
  const rows = grants.filter(({ requestors }) => (requestors & bit) !== 0);
  const own = rows.filter((row) => row.service === service);
  const levels = [
    own.filter((row) => row.component === component),
    own.filter((row) => row.component !== '*' && covers(row.component, component)),
    own.filter((row) => row.component === '*'),
    rows.filter((row) => row.service === null),
  ];
  const level = levels.find((found) => found.length > 0) ?? [];
  return level.reduce((mask, row) => mask | row.verbs, 0);
}

function covers(pattern: string, component: string): boolean {
  const expression = pattern.replace(/\{[^}]*\}/g, '[^/]+').replace(/\/\*$/, '(/.*)?');
  return new RegExp(`^${expression}$`).test(component);
}
