// The administrator of an empty system. Invariant: there is no default password: it comes from the operator
// or is made up, and then told exactly once.
import { randomBytes } from 'node:crypto';
import type { Store } from '../core/store.ts';
import type { Passwords } from './passwords.ts';

/** What the first administrator is made of; what is undefined is made up. */
export interface FirstAdministrator {
  readonly store: Pick<Store, 'users'>;
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly email: string | undefined;
  readonly password: string | undefined;
}

/** Makes the administrator where there is none; returns the account when its password was made up. */
export async function createFirstAdministrator(
  wanted: FirstAdministrator,
): Promise<{ email: string; password: string } | undefined> {
  const { store, passwords } = wanted;
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
  await store.users.create({ ...names, ...state, email, passwordHash: await passwords.hash(password) }, null);
  return wanted.password === undefined ? { email, password } : undefined;
}
