// An administrator's own data. Rights and password are changed elsewhere.
import { PlatformError } from '../../core/errors.ts';
import type { UserRecord } from '../../core/store.ts';
import { readPerson } from './admin.ts';
import type { SystemParts } from './parts.ts';
import { readObject } from './request.ts';
import { answer, type Resource, success } from './resource.ts';

/** The resource `admin/profile`. */
export function adminProfile({ store, observe }: SystemParts): Resource {
  return {
    name: 'admin/profile',
    endpoints: [
      {
        pattern: ['admin', 'profile'],
        actions: ['GET', 'POST', 'PUT', 'PATCH'],
        summary: 'own data of an administrator',
      },
    ],
    handle: async ({ operation, action }) => {
      const { user: view } = operation.principal;
      const user = view === undefined ? undefined : await store.users.get(view.id);
      if (user === undefined)
        throw new PlatformError('access.unauthenticated', 'Unauthorized. Log in first.');
      if (action === 'GET') return answer(profileOf(user));
      await store.users.update(user.id, readPerson(readObject(operation)), user.id);
      observe({ kind: 'config.changed', record: `admin/${user.id}`, by: user.id });
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
  };
}
