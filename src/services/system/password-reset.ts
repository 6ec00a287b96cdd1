// New passwords for who cannot say the old one. Invariants: a proof is tried with the counts of logins; what
// fails, fails with one answer, after about the same time, whether or not there is an account.
import { limits } from '../../core/limits.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { UserRecord } from '../../core/store.ts';
import { countWrongCode, redeemCode } from '../../security/codes.ts';
import { loginKeys } from '../../security/throttle.ts';
import { behindTheAnswer } from './account-mail.ts';
import { required } from './fields.ts';
import { type Accepts, findAccount, readLoginName } from './login.ts';
import { badCredentials } from './own-account.ts';
import type { SystemParts } from './parts.ts';
import { finishRenewal, renewPassword } from './password-renewal.ts';
import { readNewPassword } from './password-rule.ts';
import { readObject } from './request.ts';
import type { Call } from './resource.ts';
import { canAnswer, normalAnswer } from './security-answer.ts';
import { readUserPolicy } from './user-policy.ts';

/** Sets a new password with a code that was mailed; that confirms the address, too. */
export async function resetByCode(parts: SystemParts, call: Call, accepts: Accepts): Promise<Result> {
  const { store, passwords } = parts;
  const body = readObject(call.operation);
  const given = readNewPassword(body, 'new_password') ?? readNewPassword(body, 'password');
  const password = required(given, 'new_password');
  const code = String(body.code).slice(0, limits.labelText);
  const user = await tried(parts, call.operation, async (found) => {
    // Hashed first, so that its time is the same for all.
    const passwordHash = await passwords.hash(password);
    if (found === undefined || !found.isActive || !accepts(found)) return false;
    const isTaken = await store.transaction(async (inside) => {
      if ((await redeemCode(inside, found.id, code)) === undefined) return false;
      await renewPassword(inside, { user: found, passwordHash, sessionId: null, isConfirmed: true });
      return true;
    });
    // Counting writes, and that would tell that there is an account.
    if (!isTaken) behindTheAnswer(parts, () => countWrongCode(store, found.id));
    return isTaken;
  });
  return finishRenewal(parts, call, { user, action: 'reset' });
}

/** Sets a new password with the answer to the security question. */
export async function resetByAnswer(parts: SystemParts, call: Call, accepts: Accepts): Promise<Result> {
  const { store, passwords } = parts;
  const body = readObject(call.operation);
  const password = required(readNewPassword(body, 'new_password'), 'new_password');
  const given = normalAnswer(String(body.security_answer));
  // Mail is the better proof; where there is mail, an answer is none.
  const isOn = (await readUserPolicy(parts)).reset === undefined;
  const user = await tried(parts, call.operation, async (found) => {
    const isRight = await passwords.verify(found?.securityAnswerHash ?? undefined, given);
    if (!isOn || !isRight || found === undefined || !canAnswer(found) || !accepts(found)) return false;
    const passwordHash = await passwords.hash(password);
    await store.transaction((inside) =>
      renewPassword(inside, { user: found, passwordHash, sessionId: null }),
    );
    return true;
  });
  return finishRenewal(parts, call, { user, action: 'reset' });
}

// Tries a proof of somebody who has no session.
async function tried(
  parts: SystemParts,
  operation: Operation,
  prove: (found: UserRecord | undefined) => Promise<boolean>,
): Promise<UserRecord> {
  const { throttle } = parts;
  const body = readObject(operation);
  const name = readLoginName(body, 'Password reset');
  const found = await findAccount(parts, body);
  const [account, address] = loginKeys(found?.email ?? name, operation.remoteAddress);
  await throttle.check(address);
  await throttle.check(account);
  const isProved = await throttle.during(account, () => prove(found));
  if (isProved && found !== undefined) {
    await throttle.release(account);
    return found;
  }
  await throttle.fail(address);
  await throttle.fail(account);
  throw badCredentials();
}
