// What has to be known of a user to make him a principal.
import type { Store, UserRecord, UserRoleRecord } from '../core/store.ts';

/** A user and the roles he has in apps. */
export interface KnownUser {
  readonly record: UserRecord;
  readonly roles: readonly Pick<UserRoleRecord, 'appId' | 'roleId'>[];
}

/** Reads what is known of a user; administrators need no roles. */
export async function knownUser(store: Pick<Store, 'userRoles'>, record: UserRecord): Promise<KnownUser> {
  if (record.isSysAdmin) return { record, roles: [] };
  const roles = await store.userRoles.list({ userId: record.id });
  return { record, roles: roles.map(({ appId, roleId }) => ({ appId, roleId })) };
}
