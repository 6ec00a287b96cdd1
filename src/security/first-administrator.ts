// The administrator of an empty system. Invariant: there is no default password: it comes from the operator
// or is made up, and then told exactly once.
import { randomBytes } from 'node:crypto';
import type { Store } from '../core/store.ts';
import type { AuditLog } from './audit.ts';
import type { Passwords } from './passwords.ts';

/** What the first administrator is made of; what is undefined is made up. */
export interface FirstAdministrator {
  readonly store: Pick<Store, 'users' | 'transaction'>;
  readonly audit: Pick<AuditLog, 'add'>;
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly email: string | undefined;
  readonly password: string | undefined;
}

/** Makes the administrator where there is none; returns the account when its password was made up. */
export async function createFirstAdministrator(
  wanted: FirstAdministrator,
): Promise<{ email: string; password: string } | undefined> {
  const { store, passwords, audit } = wanted;
  if ((await store.users.countAdmins()) > 0) return undefined;
  const email = wanted.email ?? 'admin@example.com';
  const password = wanted.password ?? randomBytes(15).toString('base64url');
  const names = { name: 'Administrator', username: email, firstName: 'System', lastName: 'Administrator' };
  const state = {
    isActive: true,
    isSysAdmin: true,
    lastLoginDate: null,
    phone: null,
    defaultAppId: null,
    isConfirmed: true,
    securityQuestion: null,
    securityAnswerHash: null,
  };
  const passwordHash = await passwords.hash(password);
  const note = { action: 'create', userId: null, userEmail: null, remoteAddress: null, before: null };
  const isMade = await store.transaction(async (inside) => {
    // Another process that starts at the same time may have been first.
    if ((await inside.users.countAdmins()) > 0) return false;
    const { id } = await inside.users.create({ ...names, ...state, email, passwordHash }, null);
    await audit.add({ ...note, record: `admin/${id}`, door: 'cli', after: { id, email } }, inside);
    return true;
  });
  if (!isMade) return undefined;
  return wanted.password === undefined ? { email, password } : undefined;
}
