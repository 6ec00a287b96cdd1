// Whose account it is, and proof that it is really its owner who asks. Invariant: a session alone changes
// nothing that somebody could later get in by; the password has to be known, and guessing it is throttled.
import { PlatformError } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import type { UserRecord } from '../../core/store.ts';
import { loginKeys } from '../../security/throttle.ts';
import { actionNote } from './audit-note.ts';
import type { SystemParts } from './parts.ts';

/** The account of whoever asks. Throws `access.*` for whoever is nobody. */
export async function ownAccount(
  { store }: Pick<SystemParts, 'store'>,
  { principal }: Operation,
): Promise<UserRecord> {
  const user = principal.user === undefined ? undefined : await store.users.get(principal.user.id);
  if (user !== undefined) return user;
  throw principal.failure ?? new PlatformError('access.unauthenticated', 'Unauthorized. Log in first.');
}

/** Refuses whoever does not know the password of an account, or tried too often. */
export async function checkPassword(
  { passwords, throttle }: Pick<SystemParts, 'passwords' | 'throttle'>,
  user: UserRecord,
  password: string,
): Promise<void> {
  const [key] = loginKeys(user.email, undefined);
  await throttle.check(key);
  if (await throttle.during(key, () => passwords.verify(user.passwordHash, password))) {
    // A right password must not end the count of wrong second factors.
    await throttle.release(key);
    return;
  }
  await throttle.fail(key);
  throw badCredentials();
}

/** The refusal that does not say what was wrong. */
export function badCredentials(): PlatformError {
  return new PlatformError('access.bad_credentials', 'Invalid credentials supplied.');
}

/** What an account is called in observations and in the audit log: `user/7`. */
export function recordOf({ isSysAdmin, id }: Pick<UserRecord, 'isSysAdmin' | 'id'>): string {
  return `${isSysAdmin ? 'admin' : 'user'}/${id}`;
}

/** What happened to an account. */
interface AccountChange {
  readonly user: Pick<UserRecord, 'id' | 'email' | 'isSysAdmin'>;
  readonly action: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Tells the audit log and the observers what happened to an account, and who did it. */
export async function auditAccount(
  { audit, observe }: Pick<SystemParts, 'audit' | 'observe'>,
  operation: Operation,
  { user, action, before, after }: AccountChange,
): Promise<void> {
  // Whoever proves without a session that the account is his acts as its owner.
  const { id, email } = operation.principal.user ?? user;
  const record = recordOf(user);
  const note = actionNote(operation, { action, record, before, after });
  await audit.add({ ...note, userId: id, userEmail: email });
  observe({ kind: 'config.changed', record, by: id });
}
