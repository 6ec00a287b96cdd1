// Administrators. Invariant: one active administrator always remains.
import { PlatformError } from '../../core/errors.ts';
import type { Store } from '../../core/store.ts';
import type { AccountKind } from './account.ts';
import { AccountResource } from './invited-accounts.ts';
import { nestedLookups } from './lookup.ts';
import type { SystemParts } from './parts.ts';
import type { Resource } from './resource.ts';
import { nestedUserRoles } from './user.ts';

/** The resource `admin`. */
export function adminResource(parts: SystemParts): Resource {
  return new AccountResource(parts, adminAccounts(parts));
}

/** The accounts of administrators. */
export function adminAccounts(parts: SystemParts): AccountKind {
  return {
    name: 'admin',
    noun: 'administrator',
    isSysAdmin: true,
    // Roles limit no administrator; clients write them as for every user.
    lists: [nestedUserRoles('user'), nestedLookups(parts, 'user')],
    needsPassword: true,
    check: keepOne,
  };
}

async function keepOne(store: Store): Promise<void> {
  if ((await store.users.countAdmins()) > 0) return;
  throw new PlatformError(
    'request.conflict',
    'The last active administrator cannot be deleted or deactivated. Make another administrator first.',
  );
}
