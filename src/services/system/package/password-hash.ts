// Hashes of passwords that come with a package. Invariant: only what is a hash of ours is taken, and whoever
// held a session under another password loses it.
import { invalidField } from '../fields.ts';
import type { AsideChange } from './kinds.ts';

/** Keeps the hash of an account's password. */
export async function keepHash({ store, id, value, by }: AsideChange): Promise<void> {
  if (typeof value !== 'string' || !/^\$argon2id\$v=\d+\$[\w=,+/$]{20,200}$/.test(value)) {
    throw invalidField('password_hash', 'must be a hash by Argon2id as this server exports it');
  }
  await store.users.update(id, { passwordHash: value }, by);
  await store.sessions.closeAll(id, null);
}
