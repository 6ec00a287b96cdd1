// The mark of an installation: all servers over one system database have it, and no others do, so that what
// several installations keep in one database of their users is not taken for another one's.
// Invariant: it is made once, whichever of several servers begins first, and never changes.
import { randomUUID } from 'node:crypto';
import { PlatformError } from './core/errors.ts';
import type { Store } from './core/store.ts';

const place = { owner: 'queue', name: 'house' } as const;

/** Reads the mark, which is made when there is none. */
export async function readHouseMark({ settings }: Pick<Store, 'settings'>): Promise<string> {
  const [known] = await settings.list(place);
  if (known !== undefined) return String(known.value);
  const value = randomUUID();
  try {
    await settings.add({ ...place, userId: null, value }, null);
    return value;
  } catch (error) {
    // Another server was quicker.
    const [made] = await settings.list(place);
    if (made === undefined || !(error instanceof PlatformError)) throw error;
    return String(made.value);
  }
}
