// Users who are no administrators, and the roles they have in apps. Invariant: a user can do what the role
// for the app he comes with grants, and nothing else.
import type { Store, UserRoleRecord } from '../../core/store.ts';
import { accountCollection } from './account.ts';
import type { Collection } from './collection.ts';
import { invalidField, readOptionalId, required } from './fields.ts';
import { nestedLookups } from './lookup.ts';
import { type NestedChange, type NestedList, nestedList } from './nested.ts';
import type { SystemParts } from './parts.ts';
import type { Written } from './request.ts';

/** The records of `user`. */
export function userCollection(parts: SystemParts): Collection {
  return accountCollection(parts, {
    name: 'user',
    noun: 'user',
    isSysAdmin: false,
    lists: [nestedRoles(), nestedLookups(parts, 'user')],
    needsPassword: false,
    check: async () => {},
  });
}

function nestedRoles(): NestedList {
  return nestedList<UserRoleRecord>({
    field: 'user_to_app_to_role_by_user_id',
    parent: 'user_id',
    repository: (store) => store.userRoles,
    parentOf: ({ userId }) => userId,
    rowOf: ({ id, userId, appId, roleId }) => ({ id, user_id: userId, app_id: appId, role_id: roleId }),
    write: writeRole,
  });
}

async function writeRole({ store, written, parentId, stored }: NestedChange<UserRoleRecord>): Promise<void> {
  const appId = readId(written, 'app_id', stored?.appId);
  const roleId = readId(written, 'role_id', stored?.roleId);
  await checkTargets(store, appId, roleId);
  if (stored !== undefined) await store.userRoles.update(stored.id, { appId, roleId }, null);
  else await store.userRoles.add({ userId: parentId, appId, roleId }, null);
}

function readId(written: Written, name: string, stored: number | undefined): number {
  return required(readOptionalId(written, name) ?? stored, name);
}

async function checkTargets(store: Store, appId: number, roleId: number): Promise<void> {
  if ((await store.apps.get(appId)) === undefined) {
    throw invalidField('app_id', `is ${appId}, and there is no such app`);
  }
  if ((await store.roles.get(roleId)) === undefined) {
    throw invalidField('role_id', `is ${roleId}, and there is no such role`);
  }
}
