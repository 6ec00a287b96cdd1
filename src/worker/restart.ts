// Asking all workers of a store to begin anew. Invariant: it is a mark that changes; whoever sees another
// than when he started ends what he does and begins again.
import { randomUUID } from 'node:crypto';
import type { Store } from '../core/store.ts';

const place = { owner: 'queue', name: 'restart' } as const;

/** The mark as it is; undefined: nobody ever asked. */
export async function readRestart({ settings }: Pick<Store, 'settings'>): Promise<unknown> {
  return (await settings.list(place))[0]?.value;
}

/** Asks all workers, of whichever process, to end what they do and begin anew. */
export async function askForRestart(store: Pick<Store, 'transaction'>, by: number | null): Promise<void> {
  await store.transaction(async ({ settings }) => {
    const [mark] = await settings.list(place);
    const value = randomUUID();
    if (mark === undefined) await settings.add({ ...place, userId: null, value }, by);
    else await settings.update(mark.id, { value }, by);
  });
}
