// Codes that are mailed to people, with which they prove that an address is theirs. Invariants: only the
// digest of a code is kept; a code is good once, until it expires or too many wrong ones were tried, and ends
// those that were mailed before it.
import { createHash, randomBytes } from 'node:crypto';
import { limits } from '../core/limits.ts';
import type { Store, UserCodeRecord } from '../core/store.ts';

/** What a code is for, whose it is, and how long it is good. */
export interface CodeWanted {
  readonly userId: number;
  readonly purpose: UserCodeRecord['purpose'];
  readonly minutes: number;
}

type CodeStore = Pick<Store, 'userCodes'>;

/** Makes a code in place of all earlier ones of the same user. */
export async function issueCode(store: CodeStore, { userId, purpose, minutes }: CodeWanted): Promise<string> {
  await dropCodes(store, userId);
  // 256 bits, so that trying is hopeless whatever the throttle does.
  const code = randomBytes(32).toString('base64url');
  const expiresDate = new Date(Date.now() + minutes * 60_000).toISOString();
  await store.userCodes.add({ userId, purpose, codeHash: digestOf(code), expiresDate, attempts: 0 }, userId);
  return code;
}

/** Takes a code; undefined when it is none of the user's that is still good, which changes nothing. */
export async function redeemCode(
  store: CodeStore,
  userId: number,
  code: string,
): Promise<UserCodeRecord['purpose'] | undefined> {
  const digest = digestOf(code);
  const now = new Date().toISOString();
  // Digests are compared: how long that takes tells nothing of a code.
  const own = await store.userCodes.list({ userId });
  const found = own.find(({ codeHash, expiresDate }) => codeHash === digest && expiresDate > now);
  // Whoever deletes it is who took it.
  return found !== undefined && (await store.userCodes.delete(found.id)) ? found.purpose : undefined;
}

/** Counts a wrong code against those that are out. */
export async function countWrongCode({ userCodes }: CodeStore, userId: number): Promise<void> {
  for (const { id, attempts } of await userCodes.list({ userId })) {
    if (attempts + 1 >= limits.codeAttempts) await userCodes.delete(id);
    else await userCodes.update(id, { attempts: attempts + 1 }, userId);
  }
}

/** Ends all codes of a user, because what they were mailed for is no longer so. */
export async function dropCodes(store: CodeStore, userId: number): Promise<void> {
  for (const { id } of await store.userCodes.list({ userId })) await store.userCodes.delete(id);
}

/** The digest that is kept of a code. */
export function digestOf(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}
