// People's own data. Rights and password are changed elsewhere.
import { PlatformError } from '../../core/errors.ts';
import type { UserRecord } from '../../core/store.ts';
import { readPerson } from './account.ts';
import { describedAccount } from './describe-account.ts';
import type { SystemParts } from './parts.ts';
import { readObject } from './request.ts';
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

function profileResource({ store, observe }: SystemParts, name: string): Resource {
  return {
    name,
    endpoints: [describedAccount('profile', { pattern: name.split('/'), actions: all, summary: 'own data' })],
    handle: async ({ operation, action }) => {
      const { user: view } = operation.principal;
      const user = view === undefined ? undefined : await store.users.get(view.id);
      if (user === undefined)
        throw new PlatformError('access.unauthenticated', 'Unauthorized. Log in first.');
      if (action === 'GET') return answer(profileOf(user));
      await store.users.update(user.id, readPerson(readObject(operation)), user.id);
      const record = `${user.isSysAdmin ? 'admin' : 'user'}/${user.id}`;
      observe({ kind: 'config.changed', record, by: user.id });
      return success();
    },
  };
}

function profileOf(user: UserRecord) {
  return {
    username: user.username,
    first_name: user.firstName,
    last_name: user.lastName,
    name: user.name,
    email: user.email,
    phone: user.phone,
    // Nobody has a security question or comes from elsewhere; clients expect to be told so.
    security_question: null,
    default_app_id: user.defaultAppId,
    oauth_provider: '',
    adldap: '',
  };
}
