// People's own data. Rights are given elsewhere. Invariant: what somebody could later get in by (the address,
// the security question) is changed only by who knows the password.
import type { Operation, Result } from '../../core/operation.ts';
import type { New, UserRecord } from '../../core/store.ts';
import { dropCodes } from '../../security/codes.ts';
import { checkLoginName, readPerson, readSecurity } from './account.ts';
import { describedAccount } from './describe-account.ts';
import { invalidField } from './fields.ts';
import { hasText } from './login.ts';
import { auditAccount, checkPassword, ownAccount } from './own-account.ts';
import type { SystemParts } from './parts.ts';
import { readObject, type Written } from './request.ts';
import { answer, type Resource, success } from './resource.ts';

const all = ['GET', 'POST', 'PUT', 'PATCH'] as const;

/** The resource `admin/profile`. */
export function adminProfile(parts: SystemParts): Resource {
  return profileResource(parts, 'admin/profile');
}

/** The resource `profile` of the service `user`: everybody who is logged in has one. */
export function userProfile(parts: SystemParts): Resource {
  return { ...profileResource(parts, 'profile'), userActions: all };
}

function profileResource(parts: SystemParts, name: string): Resource {
  return {
    name,
    endpoints: [describedAccount('profile', { pattern: name.split('/'), actions: all, summary: 'own data' })],
    handle: async ({ operation, action }) => {
      const user = await ownAccount(parts, operation);
      return action === 'GET' ? answer(profileOf(user)) : change(parts, operation, user);
    },
  };
}

async function change(parts: SystemParts, operation: Operation, user: UserRecord): Promise<Result> {
  const { store } = parts;
  const written = readObject(operation);
  const changes = await changesOf(parts, user, written);
  const isNewAddress = changes.email !== undefined && changes.email !== user.email;
  await store.transaction(async (inside) => {
    if (
      typeof changes.defaultAppId === 'number' &&
      (await inside.apps.get(changes.defaultAppId)) === undefined
    )
      throw invalidField('default_app_id', 'names no app');
    // Nobody but the user says that the new address is his.
    const claim = isNewAddress ? { isAddressClaimed: true } : {};
    await inside.users.update(user.id, { ...changes, ...claim }, user.id);
    // Codes were mailed to the old address.
    if (isNewAddress) await dropCodes(inside, user.id);
  });
  parts.sessions.forget([user.id]);
  const after = profileOf({ ...user, ...changes });
  await auditAccount(parts, operation, { user, action: 'update', before: profileOf(user), after });
  return success();
}

async function changesOf(
  parts: SystemParts,
  user: UserRecord,
  written: Written,
): Promise<Partial<New<UserRecord>>> {
  const person = readPerson(written);
  const security = await readSecurity(parts, user, written);
  const email = person.email?.toLowerCase();
  if (person.username !== user.username) checkLoginName(person.username, email ?? user.email);
  const isTouchy = Object.keys(security).length > 0 || (email !== undefined && email !== user.email);
  if (isTouchy) {
    const field = ['old_password', 'password'].find((name) => hasText(written, name));
    if (field === undefined) {
      throw invalidField('old_password', 'is required to change the address or the security question');
    }
    await checkPassword(parts, user, String(written[field]));
  }
  return { ...person, ...security, ...(email === undefined ? {} : { email }) };
}

function profileOf(user: UserRecord) {
  return {
    username: user.username,
    first_name: user.firstName,
    last_name: user.lastName,
    name: user.name,
    email: user.email,
    phone: user.phone,
    security_question: user.securityQuestion,
    default_app_id: user.defaultAppId,
    oauth_provider: '',
    adldap: '',
  };
}
