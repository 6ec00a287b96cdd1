// Logging in and out, of administrators and of users (spec §5.12). All actions are public: an expired token
// may be refreshed, and leaving without a session is no error.
// Invariant: whoever is refused learns nothing about which of address, password or rights was wrong.
import { hostname } from 'node:os';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Principal, Result } from '../../core/operation.ts';
import type { UserRecord } from '../../core/store.ts';
import { loginKeys } from '../../security/throttle.ts';
import { describedAccount } from './describe-account.ts';
import { readFlag } from './fields.ts';
import type { OpenedSession, SystemParts } from './parts.ts';
import { readObject, type Written } from './request.ts';
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
export function userSession(parts: SystemParts): Resource {
  return sessionResource(parts, {
    name: 'session',
    summary: 'session of a user',
    accepts: (user) => !user.isSysAdmin,
    loginPath: 'user/session',
  });
}

function sessionResource(parts: SystemParts, kind: SessionKind): Resource {
  const all = ['GET', 'POST', 'PUT', 'DELETE'] as const;
  const door = { ...parts, kind };
  return {
    name: kind.name,
    endpoints: [
      describedAccount('session', { pattern: kind.name.split('/'), actions: all, summary: kind.summary }),
    ],
    publicActions: all,
    handle: ({ operation, action }: Call) => {
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
  const { throttle, sessions, store, observe } = door;
  const body = readObject(operation);
  const name = readName(body);
  const password = readPassword(body);
  const remember = readFlag(body, 'remember_me') ?? false;
  const user = await findUser(door, body, name);
  // Email and user name of one account share their count.
  const [account, address] = loginKeys(user?.email ?? name, operation.remoteAddress);
  throttle.check(address);
  throttle.check(account);
  const isRight = await isAccepted(door, user, password);
  if (user === undefined || !isRight) {
    throttle.fail(address);
    throttle.fail(account);
    observe({ kind: 'session.refused', email: name, reason: 'bad credentials' });
    throw new PlatformError('access.bad_credentials', 'Invalid credentials supplied.');
  }
  // Only the account: a guesser with one good account must not be able to clear the count of its address.
  throttle.succeed(account);
  const lastLoginDate = await store.users.touchLogin(user.id);
  const session = await sessions.open(user, remember);
  observe({ kind: 'session.opened', email: user.email });
  // With the key that came along, so that the answer says which role that makes.
  const { role } = await sessions.resolve(session.token, operation.principal.apiKey);
  return answer(sessionView({ ...user, lastLoginDate }, session, role));
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
  if (user === undefined || !user.isActive || !kind.accepts(user)) throw noSession(kind, operation.principal);
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

function findUser(
  parts: Pick<SystemParts, 'store'>,
  body: Written,
  name: string,
): Promise<UserRecord | undefined> {
  const { users } = parts.store;
  return hasText(body, 'email') ? users.findByEmail(name) : users.findByUsername(name);
}

// Verifies even when nobody was found, so that the time of the answer does not tell.
async function isAccepted(
  { passwords, kind }: Door,
  user: UserRecord | undefined,
  password: string,
): Promise<boolean> {
  const isRight = await passwords.verify(user?.passwordHash, password);
  return isRight && user?.isActive === true && kind.accepts(user);
}

function readName(body: Written): string {
  const field = ['email', 'username'].find((name) => hasText(body, name));
  // Cut to one more than any account has: what is remembered of failures must not grow with what is sent.
  if (field !== undefined)
    return String(body[field])
      .trim()
      .slice(0, limits.labelText + 1);
  throw new PlatformError('request.invalid_record', 'Login request is missing required email.');
}

function readPassword(body: Written): string {
  if (!hasText(body, 'password')) {
    throw new PlatformError('request.invalid_record', 'Login request is missing required password.');
  }
  const password = String(body.password);
  // Hashing time must not be chosen by the caller; a password that long was never accepted.
  return password.length > limits.passwordMax ? '' : password;
}

function hasText(body: Written, name: string): boolean {
  return typeof body[name] === 'string' && body[name] !== '';
}

function sessionView(user: UserRecord, session: OpenedSession, role: Principal['role']) {
  return {
    session_token: session.token,
    session_id: session.token,
    id: user.id,
    name: user.name,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    is_sys_admin: user.isSysAdmin,
    last_login_date: user.lastLoginDate,
    host: hostname(),
    token_expiry_date: session.expiresDate,
    ...(role === null ? {} : { role: role.name, role_id: role.id }),
  };
}

function noSession({ loginPath }: SessionKind, principal: Principal): PlatformError {
  if (principal.failure !== undefined) return principal.failure;
  return new PlatformError(
    'access.unauthenticated',
    `There is no valid session for the current request. Log in with POST ${loginPath}.`,
  );
}
