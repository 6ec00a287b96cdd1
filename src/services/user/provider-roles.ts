// The role that users of a provider have: one, in every app there is.
import { PlatformError } from '../../core/errors.ts';
import type { Store } from '../../core/store.ts';

/** Gives a user a role in every app, or takes all away; whether that changed anything. */
export async function giveRole(store: Store, userId: number, roleId: number | null): Promise<boolean> {
  const rows = await store.userRoles.list({ userId });
  if (roleId === null) {
    for (const { id } of rows) await store.userRoles.delete(id);
    return rows.length > 0;
  }
  if ((await store.roles.get(roleId)) === undefined) {
    throw new PlatformError(
      'service.unavailable',
      `The role ${roleId}, which users of this provider are to have, does not exist. Tell its administrator.`,
    );
  }
  let isChanged = false;
  for (const { id: appId } of await store.apps.list()) {
    const row = rows.find((each) => each.appId === appId);
    if (row?.roleId === roleId) continue;
    isChanged = true;
    if (row === undefined) await store.userRoles.add({ userId, appId, roleId }, null);
    else await store.userRoles.update(row.id, { roleId }, null);
  }
  return isChanged;
}
