// For tests of src/http: a listening server over a real dispatcher, store and sessions, with a service that
// tells what reached it. Invariant: nothing of a fixture outlives `close`.
import { connect } from 'node:net';
import { byRole } from '../src/core/access.ts';
import { Body } from '../src/core/body.ts';
import { Dispatcher } from '../src/core/dispatch.ts';
import { PlatformError } from '../src/core/errors.ts';
import type { Observation } from '../src/core/observe.ts';
import type { Operation, Principal, Result } from '../src/core/operation.ts';
import type { Location, Service } from '../src/core/service.ts';
import type { New, Store, UserRecord } from '../src/core/store.ts';
import { Authentication } from '../src/http/authentication.ts';
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../src/http/server.ts';
import { authorityOf } from '../src/security/authority-fixture.ts';
import { BasicLogins } from '../src/security/basic-logins.ts';
import { MasterKey } from '../src/security/master-key.ts';
import { Passwords } from '../src/security/passwords.ts';
import { Sessions } from '../src/security/sessions.ts';
import { LoginThrottle } from '../src/security/throttle.ts';
import { TokenAuthority } from '../src/security/tokens.ts';
import { createSqliteStore } from '../src/store/sqlite.ts';

/** The password of the fixture's users. */
export const password = 'correct horse battery';

/** A running server and what it is made of. */
export interface Fixture {
  readonly server: HttpServer;
  readonly store: Store;
  readonly key: MasterKey;
  readonly sessions: Sessions;
  readonly admin: UserRecord;
  /** A token of the administrator. */
  readonly token: string;
  readonly observations: Observation[];
  /** Lets the requests to `echo/slow` end. */
  release(): void;
  /** Sends bytes as they are and gives what comes back until the server closes or goes quiet. */
  raw(text: string | Buffer, end?: boolean): Promise<string>;
  /** Fetches a path as the administrator. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

function newUser(email: string, passwordHash: string): New<UserRecord> {
  return {
    name: 'Ada Admin',
    username: email,
    firstName: 'Ada',
    lastName: 'Admin',
    email,
    passwordHash,
    isActive: true,
    isSysAdmin: true,
    lastLoginDate: null,
    phone: null,
    defaultAppId: null,
    isConfirmed: true,
    securityQuestion: null,
    securityAnswerHash: null,
  };
}

/** Starts one. */
export async function startFixture(
  given: Partial<HttpServerOptions> & { readonly sessionTokenInQuery?: boolean } = {},
): Promise<Fixture> {
  const store = await createSqliteStore({ file: ':memory:' });
  const key = new MasterKey(Buffer.alloc(32, 'fixture'));
  const passwords = new Passwords();
  const admin = await store.users.create(newUser('ada@example.com', await passwords.hash(password)), null);
  const authority = authorityOf(store);
  const sessions = new Sessions({ store, tokens: new TokenAuthority({ key }), authority });
  const { token } = await sessions.open(admin);
  const basicLogins = new BasicLogins({ store, passwords, throttle: new LoginThrottle(), authority });
  const gate = Promise.withResolvers<void>();
  const observations: Observation[] = [];
  const server = await createHttpServer({
    dispatcher: dispatcherOf(gate.promise, observations),
    authentication: new Authentication({
      sessions,
      basicLogins,
      authority,
      sessionTokenInQuery: given.sessionTokenInQuery ?? false,
    }),
    listServices: async ({ principal }) => json({ services: [], kind: principal.kind }),
    status: () => ({ version: '1.2.3', sandbox: { level: 'L2' }, checks: { system_database: true } }),
    observe: (observation) => observations.push(observation),
    host: '127.0.0.1',
    port: 0,
    bodyBytes: 4_096,
    corsOrigins: ['*'],
    corsRules: () => [],
    ...given,
  });
  return {
    server,
    store,
    key,
    sessions,
    admin,
    token,
    observations,
    release: () => gate.resolve(),
    raw: (text, end = false) => exchange(server.port, text, end),
    ask: (path, init = {}) =>
      fetch(server.url + path, {
        ...init,
        headers: { 'X-DreamFactory-Session-Token': token, ...(init.headers as Record<string, string>) },
      }),
    close: async () => {
      gate.resolve();
      await server.close();
      await store.close();
    },
  };
}

function dispatcherOf(gate: Promise<void>, observations: Observation[]): Dispatcher {
  const services = ['echo', 'system', 'user'].map((name) => echoService(name, gate));
  return new Dispatcher({
    services: {
      list: () => services,
      find: (name) => {
        const found = services.find((service) => service.name === name.toLowerCase());
        if (found !== undefined) return found;
        throw new PlatformError('service.not_found', `Could not find a service with the name '${name}'.`);
      },
    },
    access: byRole,
    scripts: { generation: 0, plan: () => undefined },
    observe: (observation) => observations.push(observation),
  });
}

function echoService(name: string, gate: Promise<void>): Service {
  const principals: Principal[] = [];
  return {
    name,
    type: 'echo',
    locate: (path): Location | undefined =>
      path[0] === 'missing'
        ? undefined
        : {
            component: path.join('/'),
            events: [],
            isPublic: ['public', 'admin', 'session'].includes(path[0] ?? ''),
          },
    describe: () => [],
    handle: async (operation) => {
      if (operation.path[0] === 'throw') throw new Error('the secret inside');
      if (operation.path[0] === 'slow') await gate;
      if (operation.path[0] === 'result') return resultOf(operation);
      if (!principals.includes(operation.principal)) principals.push(operation.principal);
      return json(tell(operation, principals.indexOf(operation.principal)));
    },
  };
}

function tell(operation: Operation, principalNumber: number): unknown {
  const { principal, request, ...others } = operation;
  const { parameters, headers, body } = request;
  const content = body && { text: body.text, value: body.value, type: body.mediaType ?? null };
  const { failure, ...who } = principal;
  return {
    ...others,
    principal: who,
    principalNumber,
    failure: failure?.kind ?? null,
    parameters,
    headers,
    content,
  };
}

// The body of the request says what the result is to be.
function resultOf({ request }: Operation): Result {
  const asked = request.body?.value as { value?: unknown; text?: string; type?: string } & Result;
  const body = asked.text === undefined ? Body.ofValue(asked.value) : Body.ofText(asked.text, asked.type);
  return {
    status: asked.status ?? 200,
    headers: asked.headers ?? {},
    body: asked.text === undefined && asked.value === undefined ? undefined : body,
    ...(asked.mediaType === undefined ? {} : { mediaType: asked.mediaType }),
  };
}

function json(value: unknown): Result {
  return { status: 200, headers: {}, body: Body.ofValue(value) };
}

function exchange(port: number, bytes: string | Buffer, end: boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
    });
    // Bytes that leave a request unfinished get no answer before the server's time-out; tests say
    // `Connection: close`.
    socket.on('error', () => resolve(received));
    socket.on('close', () => resolve(received));
    if (end) socket.end(bytes);
    else socket.write(bytes);
  });
}
