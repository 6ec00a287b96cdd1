// How an account is found, its password and second factor are checked, and a session begins. Invariants:
// whoever is refused learns nothing about which of address, password or rights was wrong; only who knew the
// password is told that a code is missing; nothing here ends a count of failures but a whole login.
import { hostname } from 'node:os';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Principal } from '../../core/operation.ts';
import type { UserRecord } from '../../core/store.ts';
import { acceptFactorCode, hasFactor } from '../../security/factors.ts';
import { loginKeys } from '../../security/throttle.ts';
import { readFlag } from './fields.ts';
import { badCredentials } from './own-account.ts';
import type { OpenedSession, SystemParts } from './parts.ts';
import type { Written } from './request.ts';

/** Who logs in at a place. */
export type Accepts = (user: UserRecord) => boolean;

/**
 * Checks who logs in. Throws `access.bad_credentials`, `access.second_factor` or `access.too_many_attempts`.
 */
export async function checkLogin(
  parts: SystemParts & { readonly accepts: Accepts },
  operation: Operation,
  body: Written,
): Promise<UserRecord> {
  const { throttle, observe, accepts, passwords } = parts;
  const name = readLoginName(body);
  const password = readPassword(body);
  const user = await findAccount(parts, body);
  // Email and user name of one account share their count.
  const [account, address] = loginKeys(user?.email ?? name, operation.remoteAddress);
  await throttle.check(address);
  await throttle.check(account);
  const refuse = async (reason: string) => {
    await throttle.fail(address);
    await throttle.fail(account);
    observe({ kind: 'session.refused', email: name, reason });
    return badCredentials();
  };
  // Verifies even when nobody was found, so that the time of the answer does not tell.
  const verify = () => passwords.verify(user?.passwordHash, password);
  const isRight = await throttle.during(account, verify);
  if (user === undefined || !isRight || !mayLogIn(user) || !accepts(user))
    throw await refuse('bad credentials');
  const factor = await throttle.during(account, () => checkFactor(parts, user, body));
  if (factor === 'missing') {
    await throttle.release(account);
    throw factorMissing();
  }
  if (factor === 'wrong') throw await refuse('bad second factor');
  // Only the account: a guesser with one good account must not be able to clear the count of its address.
  await throttle.succeed(account);
  return user;
}

/** Whether an account may have sessions. */
export function mayLogIn({ isActive, isConfirmed }: UserRecord): boolean {
  return isActive && isConfirmed;
}

/** What came of the second factor: `none` is needed, or its code is right, wrong or missing. */
export async function checkFactor(
  parts: Pick<SystemParts, 'store' | 'secrets'>,
  user: UserRecord,
  body: Written,
): Promise<'none' | 'right' | 'wrong' | 'missing'> {
  if (!(await hasFactor(parts.store, user.id))) return 'none';
  const code = [body.totp, body.code].find((given) => typeof given === 'string' && given !== '');
  if (typeof code !== 'string') return 'missing';
  const isShort = code.length <= limits.labelText;
  return isShort && (await acceptFactorCode(parts, user.id, code)) ? 'right' : 'wrong';
}

/** Begins a session of somebody who was checked, and answers it as logins do. */
export async function beginSession(parts: SystemParts, operation: Operation, given: Beginning) {
  const { store, sessions, observe } = parts;
  const { user, body } = given;
  const remember = readFlag(body, 'remember_me') ?? false;
  const lastLoginDate = await store.users.touchLogin(user.id);
  const session = await sessions.open(user, remember);
  observe({ kind: 'session.opened', email: user.email });
  // With the key that came along, so that the answer says which role that makes.
  const { role } = await sessions.resolve(session.token, operation.principal.apiKey);
  return sessionView({ ...user, lastLoginDate }, session, role);
}

/** Who was checked, and what he said. */
interface Beginning {
  readonly user: UserRecord;
  readonly body: Written;
}

/** The account that a body names by `email` or `username`. */
export function findAccount(
  { store }: Pick<SystemParts, 'store'>,
  body: Written,
): Promise<UserRecord | undefined> {
  const name = readLoginName(body);
  return hasText(body, 'email') ? store.users.findByEmail(name) : store.users.findByUsername(name);
}

/** The `email` or `username` of a body. */
export function readLoginName(body: Written, noun = 'Login'): string {
  const field = ['email', 'username'].find((name) => hasText(body, name));
  if (field === undefined) {
    throw new PlatformError('request.invalid_record', `${noun} request is missing required email.`);
  }
  // Cut to one more than any account has: what is remembered of failures must not grow with what is sent.
  return String(body[field])
    .trim()
    .slice(0, limits.labelText + 1);
}

/** Whether a body has a text of that name. */
export function hasText(body: Written, name: string): boolean {
  return typeof body[name] === 'string' && body[name] !== '';
}

/** A session as it is answered. */
export function sessionView(user: UserRecord, session: OpenedSession, role: Principal['role']) {
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

function readPassword(body: Written): string {
  if (!hasText(body, 'password')) {
    throw new PlatformError('request.invalid_record', 'Login request is missing required password.');
  }
  const password = String(body.password);
  // Hashing time must not be chosen by the caller; a password that long was never accepted.
  return password.length > limits.passwordMax ? '' : password;
}

function factorMissing(): PlatformError {
  return new PlatformError(
    'access.second_factor',
    'This account has a second factor: send the code of its device as `totp`, or a recovery code.',
    { context: { second_factor: 'totp' } },
  );
}
