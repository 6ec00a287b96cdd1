// What a new password brings with it. Invariant: whoever held a session or a mailed code under the old one
// does not keep it, and the audit log knows.
import type { Result } from '../../core/operation.ts';
import type { Store, UserRecord } from '../../core/store.ts';
import { dropCodes } from '../../security/codes.ts';
import { loginKeys } from '../../security/throttle.ts';
import { beginSession, checkFactor } from './login.ts';
import { auditAccount } from './own-account.ts';
import type { SystemParts } from './parts.ts';
import { flagOption, readObject } from './request.ts';
import { answer, type Call, success } from './resource.ts';

/** A new password of somebody. */
interface Renewal {
  readonly user: UserRecord;
  readonly passwordHash: string;
  /** The session that goes on. */
  readonly sessionId: string | null;
  /** Whether it was proved that the address is the user's. */
  readonly isConfirmed?: boolean;
}

/** Stores a new password, within a transaction. */
export async function renewPassword(store: Store, renewal: Renewal): Promise<void> {
  const { user, passwordHash, sessionId, isConfirmed = false } = renewal;
  const changes = { passwordHash, ...(isConfirmed ? { isConfirmed, isAddressClaimed: false } : {}) };
  await store.users.update(user.id, changes, user.id);
  await store.sessions.closeAll(user.id, sessionId);
  await dropCodes(store, user.id);
}

/** What came about how. */
interface Done {
  readonly user: UserRecord;
  readonly action: 'change' | 'reset';
}

/** Brings a new password into force, and logs in with it where `login` asks for that. */
export async function finishRenewal(parts: SystemParts, call: Call, { user, action }: Done): Promise<Result> {
  const { operation } = call;
  parts.sessions.forget([user.id]);
  await auditAccount(parts, operation, { user, action: `password.${action}` });
  if (!flagOption(call.parameters, 'login')) return success();
  // `code` may be the one that was mailed, so only `totp` is the second factor here.
  const { code: _code, ...body } = readObject(operation);
  const factor = await checkFactor(parts, user, body);
  if (factor === 'wrong') await parts.throttle.note(loginKeys(user.email, undefined)[0]);
  if (factor === 'wrong' || factor === 'missing') return success();
  const now = (await parts.store.users.get(user.id)) ?? user;
  return answer(await beginSession(parts, operation, { user: now, body }));
}
