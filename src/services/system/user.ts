// Users who are no administrators, and the roles they have in apps. Invariant: a user can do what the role
// for the app he comes with grants, and nothing else.
import type { Store, UserRoleRecord } from '../../core/store.ts';
import type { AccountKind } from './account.ts';
import { invalidField, readOptionalId, required } from './fields.ts';
import { AccountResource } from './invited-accounts.ts';
import { nestedLookups } from './lookup.ts';
import { type NestedChange, type NestedList, nestedList } from './nested.ts';
import type { SystemParts } from './parts.ts';
import type { Written } from './request.ts';
import type { Resource } from './resource.ts';

/** The resource `user`. */
export function userResource(parts: SystemParts): Resource {
  return new AccountResource(parts, userAccounts(parts));
}

/** The accounts of users. */
export function userAccounts(parts: SystemParts): AccountKind {
  return {
    name: 'user',
    noun: 'user',
    isSysAdmin: false,
    lists: [nestedUserRoles('user'), nestedLookups(parts, 'user')],
    needsPassword: false,
    check: async () => {},
  };
}

/** The roles that users have in apps, as a list inside users or apps. */
export function nestedUserRoles(of: 'app' | 'user'): NestedList {
  return nestedList<UserRoleRecord>({
    field: `user_to_app_to_role_by_${of}_id`,
    parent: `${of}_id`,
    repository: (store) => store.userRoles,
    parentOf: ({ userId, appId }) => (of === 'user' ? userId : appId),
    rowOf: ({ id, userId, appId, roleId }) => ({ id, user_id: userId, app_id: appId, role_id: roleId }),
    write: (change) => writeRole(of, change),
  });
}

async function writeRole(
  of: 'app' | 'user',
  { store, written, parentId, stored }: NestedChange<UserRoleRecord>,
): Promise<void> {
  const userId = of === 'user' ? parentId : readId(written, 'user_id', stored?.userId);
  const appId = of === 'app' ? parentId : readId(written, 'app_id', stored?.appId);
  const roleId = readId(written, 'role_id', stored?.roleId);
  await checkTargets(store, { userId, appId, roleId });
  if (stored !== undefined) await store.userRoles.update(stored.id, { userId, appId, roleId }, null);
  else await store.userRoles.add({ userId, appId, roleId }, null);
}

function readId(written: Written, name: string, stored: number | undefined): number {
  return required(readOptionalId(written, name) ?? stored, name);
}

type Targets = Pick<UserRoleRecord, 'userId' | 'appId' | 'roleId'>;

async function checkTargets(store: Store, { userId, appId, roleId }: Targets): Promise<void> {
  if ((await store.users.get(userId)) === undefined) {
    throw invalidField('user_id', `is ${userId}, and there is no such user`);
  }
  if ((await store.apps.get(appId)) === undefined) {
    throw invalidField('app_id', `is ${appId}, and there is no such app`);
  }
  if ((await store.roles.get(roleId)) === undefined) {
    throw invalidField('role_id', `is ${roleId}, and there is no such role`);
  }
}
