// Administrators. Invariant: one active administrator always remains.
import { PlatformError } from '../../core/errors.ts';
import type { Store } from '../../core/store.ts';
import { accountCollection } from './account.ts';
import type { Collection } from './collection.ts';
import { nestedLookups } from './lookup.ts';
import type { SystemParts } from './parts.ts';

/** The records of `admin`. */
export function adminCollection(parts: SystemParts): Collection {
  return accountCollection(parts, {
    name: 'admin',
    noun: 'administrator',
    isSysAdmin: true,
    lists: [nestedLookups(parts, 'user')],
    needsPassword: true,
    check: keepOne,
  });
}

async function keepOne(store: Store): Promise<void> {
  if ((await store.users.countAdmins()) > 0) return;
  throw new PlatformError(
    'request.conflict',
    'The last active administrator cannot be deleted or deactivated. Make another administrator first.',
  );
}
