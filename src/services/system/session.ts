// Logging in and out, of administrators and of users (spec §5.12). All actions are public: an expired token
// may be refreshed, and leaving without a session is no error.
import { PlatformError } from '../../core/errors.ts';
import type { Operation, Principal, Result } from '../../core/operation.ts';
import type { UserRecord } from '../../core/store.ts';
import { describedAccount } from './describe-account.ts';
import { readFlag } from './fields.ts';
import { beginSession, checkLogin, mayLogIn, sessionView } from './login.ts';
import type { SystemParts } from './parts.ts';
import { readObject } from './request.ts';
import { answer, type Call, type Resource, success } from './resource.ts';
import { tokenOf } from './token.ts';

/** A place where people log in. */
interface SessionKind {
  /** Path of the resource. */
  readonly name: string;
  readonly summary: string;
  /** Who logs in here. */
  accepts(user: UserRecord): boolean;
  /** Where, for whoever has no session. */
  readonly loginPath: string;
  readonly providers?: ProviderDoor | undefined;
}

/** Logging in at providers of identities. */
export interface ProviderDoor {
  /** The answer to a request for a session that is about a provider; undefined: it is not. */
  session(operation: Operation): Promise<Result> | undefined;
}

/** The resource `admin/session`. */
export function adminSession(parts: SystemParts): Resource {
  return sessionResource(parts, {
    name: 'admin/session',
    summary: 'session of an administrator',
    accepts: (user) => user.isSysAdmin,
    loginPath: 'system/admin/session',
  });
}

/** The resource `session` of the service `user`. */
export function userSession(parts: SystemParts, providers?: ProviderDoor): Resource {
  return sessionResource(parts, {
    providers,
    name: 'session',
    summary: 'session of a user',
    accepts: (user) => !user.isSysAdmin,
    loginPath: 'user/session',
  });
}

function sessionResource(parts: SystemParts, kind: SessionKind): Resource {
  const all = ['GET', 'POST', 'PUT', 'DELETE'] as const;
  const door = { ...parts, kind };
  const described = kind.providers === undefined ? 'session' : 'providerSession';
  return {
    name: kind.name,
    endpoints: [
      describedAccount(described, { pattern: kind.name.split('/'), actions: all, summary: kind.summary }),
    ],
    publicActions: all,
    handle: ({ operation, action }: Call) => {
      const elsewhere = kind.providers?.session(operation);
      if (elsewhere !== undefined) return elsewhere;
      if (action === 'POST') return login(door, operation);
      if (action === 'PUT') return refresh(door, operation);
      if (action === 'DELETE') return logout(parts, operation);
      return current(door, operation);
    },
  };
}

/** What a login needs to know. */
type Door = SystemParts & { readonly kind: SessionKind };

async function login(door: Door, operation: Operation): Promise<Result> {
  const body = readObject(operation);
  // Read before anything is tried: a code that was used for a login that then fails would be lost.
  readFlag(body, 'remember_me');
  const user = await checkLogin({ ...door, accepts: door.kind.accepts }, operation, body);
  return answer(await beginSession(door, operation, { user, body }));
}

async function current({ store, kind }: Door, operation: Operation): Promise<Result> {
  const { user, sessionId, role } = operation.principal;
  const session = sessionId === null ? undefined : await store.sessions.get(sessionId);
  const record = user === undefined ? undefined : await store.users.get(user.id);
  if (session === undefined || record === undefined || !kind.accepts(record)) {
    throw noSession(kind, operation.principal);
  }
  const { expiresDate, userId } = session;
  return answer(sessionView(record, { token: tokenOf(operation) ?? '', expiresDate, userId }, role));
}

async function refresh({ store, sessions, kind }: Door, operation: Operation): Promise<Result> {
  const token = tokenOf(operation);
  if (token === undefined) throw noSession(kind, operation.principal);
  const session = await sessions.refresh(token);
  const user = await store.users.get(session.userId);
  if (user === undefined || !mayLogIn(user) || !kind.accepts(user))
    throw noSession(kind, operation.principal);
  const { role } = await sessions.resolve(session.token, operation.principal.apiKey);
  return answer(sessionView(user, session, role));
}

async function logout({ sessions, observe }: SystemParts, operation: Operation): Promise<Result> {
  const { sessionId, user } = operation.principal;
  if (sessionId !== null) {
    await sessions.close(sessionId);
    observe({ kind: 'session.closed', email: user?.email ?? '' });
  }
  return success();
}

function noSession({ loginPath }: SessionKind, principal: Principal): PlatformError {
  if (principal.failure !== undefined) return principal.failure;
  return new PlatformError(
    'access.unauthenticated',
    `There is no valid session for the current request. Log in with POST ${loginPath}.`,
  );
}
