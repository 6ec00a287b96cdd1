// Authority for tests: over a store, with a key of its own. Nothing is granted before it is loaded.
import { randomBytes } from 'node:crypto';
import type { Store } from '../core/store.ts';
import { Authority } from './authority.ts';
import { MasterKey } from './master-key.ts';
import { Secrets } from './secrets.ts';

/** The authority that a store gives. */
export function authorityOf(store: Store): Authority {
  return new Authority({
    store,
    secrets: new Secrets({ key: new MasterKey(randomBytes(32)) }),
    observe: () => {},
  });
}
