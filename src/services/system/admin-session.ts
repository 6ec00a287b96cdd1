// Logging in and out of administrators (spec §5.12). All actions are public: an expired token may be
// refreshed, and leaving without a session is no error.
// Invariant: whoever is refused learns nothing about which of address, password or rights was wrong.
import { hostname } from 'node:os';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Principal, Result } from '../../core/operation.ts';
import type { UserRecord } from '../../core/store.ts';
import { loginKeys } from '../../security/throttle.ts';
import { readFlag } from './fields.ts';
import type { OpenedSession, SystemParts } from './parts.ts';
import { readObject, type Written } from './request.ts';
import { answer, type Call, type Resource, success } from './resource.ts';
import { tokenOf } from './token.ts';

/** The resource `admin/session`. */
export function adminSession(parts: SystemParts): Resource {
  return {
    name: 'admin/session',
    endpoints: [
      {
        pattern: ['admin', 'session'],
        actions: ['GET', 'POST', 'PUT', 'DELETE'],
        summary: 'session of an administrator',
      },
    ],
    publicActions: ['GET', 'POST', 'PUT', 'DELETE'],
    handle: ({ operation, action }: Call) => {
      if (action === 'POST') return login(parts, operation);
      if (action === 'PUT') return refresh(parts, operation);
      if (action === 'DELETE') return logout(parts, operation);
      return current(parts, operation);
    },
  };
}

async function login(parts: SystemParts, operation: Operation): Promise<Result> {
  const { throttle, sessions, store, observe } = parts;
  const body = readObject(operation);
  const name = readName(body);
  const password = readPassword(body);
  const remember = readFlag(body, 'remember_me') ?? false;
  const user = await findUser(parts, body, name);
  // Email and user name of one account share their count.
  const [account, address] = loginKeys(user?.email ?? name, operation.remoteAddress);
  throttle.check(address);
  throttle.check(account);
  const isAdmin = await isAdministrator(parts, user, password);
  if (user === undefined || !isAdmin) {
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
  return answer(sessionView({ ...user, lastLoginDate }, session));
}

async function current({ store }: SystemParts, operation: Operation): Promise<Result> {
  const { user, sessionId } = operation.principal;
  const session = sessionId === null ? undefined : await store.sessions.get(sessionId);
  const record = user === undefined ? undefined : await store.users.get(user.id);
  if (session === undefined || record === undefined || !record.isSysAdmin) {
    throw noSession(operation.principal);
  }
  const { expiresDate, userId } = session;
  return answer(sessionView(record, { token: tokenOf(operation) ?? '', expiresDate, userId }));
}

async function refresh({ store, sessions }: SystemParts, operation: Operation): Promise<Result> {
  const token = tokenOf(operation);
  if (token === undefined) throw noSession(operation.principal);
  const session = await sessions.refresh(token);
  const user = await store.users.get(session.userId);
  if (user === undefined || !user.isActive || !user.isSysAdmin) throw noSession(operation.principal);
  return answer(sessionView(user, session));
}

async function logout({ sessions, observe }: SystemParts, operation: Operation): Promise<Result> {
  const { sessionId, user } = operation.principal;
  if (sessionId !== null) {
    await sessions.close(sessionId);
    observe({ kind: 'session.closed', email: user?.email ?? '' });
  }
  return success();
}

function findUser(parts: SystemParts, body: Written, name: string): Promise<UserRecord | undefined> {
  const { users } = parts.store;
  return hasText(body, 'email') ? users.findByEmail(name) : users.findByUsername(name);
}

// Verifies even when nobody was found, so that the time of the answer does not tell.
async function isAdministrator(
  { passwords }: SystemParts,
  user: UserRecord | undefined,
  password: string,
): Promise<boolean> {
  const isRight = await passwords.verify(user?.passwordHash, password);
  return isRight && user?.isActive === true && user.isSysAdmin === true;
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

function sessionView(user: UserRecord, session: OpenedSession) {
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
  };
}

function noSession(principal: Principal): PlatformError {
  if (principal.failure !== undefined) return principal.failure;
  return new PlatformError(
    'access.unauthenticated',
    'There is no valid session for the current request. Log in with POST system/admin/session.',
  );
}
