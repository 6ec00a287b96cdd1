// People change their password, or get back in without it: by a mailed code, or by their security question
// (spec §5.12). Invariants: what is proved is proved before anything changes, and throttled; a new password
// ends all other sessions and all codes; asking for a reset answers alike whether or not there is an account.
import type { Operation, Result } from '../../core/operation.ts';
import { behindTheAnswer, mailCode } from './account-mail.ts';
import { describedAccount } from './describe-account.ts';
import { invalidField, readFlag, required } from './fields.ts';
import { type Accepts, findAccount, hasText, readLoginName } from './login.ts';
import { checkPassword, ownAccount } from './own-account.ts';
import type { SystemParts } from './parts.ts';
import { finishRenewal, renewPassword } from './password-renewal.ts';
import { resetByAnswer, resetByCode } from './password-reset.ts';
import { readNewPassword } from './password-rule.ts';
import { flagOption, readObject } from './request.ts';
import { answer, type Call, type Resource, success } from './resource.ts';
import { canAnswer } from './security-answer.ts';
import { readUserPolicy } from './user-policy.ts';

/** A place where passwords are changed. */
interface PasswordKind {
  readonly name: string;
  /** Whose can be reset here. */
  readonly accepts: Accepts;
  /** Whether a security question may do. */
  readonly takesAnswers: boolean;
}

/** The resource `admin/password`. Administrators get back in by mail only: an answer can be found out. */
export function adminPassword(parts: SystemParts): Resource {
  const accepts: Accepts = (user) => user.isSysAdmin;
  return passwordResource(parts, { name: 'admin/password', accepts, takesAnswers: false });
}

/** The resource `password` of the service `user`. */
export function userPassword(parts: SystemParts): Resource {
  const accepts: Accepts = (user) => !user.isSysAdmin;
  return passwordResource(parts, { name: 'password', accepts, takesAnswers: true });
}

function passwordResource(parts: SystemParts, kind: PasswordKind): Resource {
  return {
    name: kind.name,
    endpoints: [
      describedAccount('password', {
        pattern: kind.name.split('/'),
        actions: ['POST'],
        summary: 'change or reset of a password',
      }),
    ],
    // Who forgot the password has no session.
    publicActions: ['POST'],
    handle: (call) => {
      const body = readObject(call.operation);
      // What cannot be read is refused before anything is done.
      readFlag(body, 'remember_me');
      if (flagOption(call.parameters, 'reset') || body.reset === true) return requestReset(parts, kind, call);
      if (hasText(body, 'code')) return resetByCode(parts, call, kind.accepts);
      if (hasText(body, 'security_answer'))
        return resetByAnswer(parts, call, kind.takesAnswers ? kind.accepts : () => false);
      return change(parts, call);
    },
  };
}

async function change(parts: SystemParts, call: Call): Promise<Result> {
  const { operation } = call;
  const user = await ownAccount(parts, operation);
  const body = readObject(operation);
  const password = required(readNewPassword(body, 'new_password'), 'new_password');
  const old = body.old_password;
  if (typeof old !== 'string') throw invalidField('old_password', 'is required');
  await checkPassword(parts, user, old);
  const { sessionId } = operation.principal;
  const passwordHash = await parts.passwords.hash(password);
  await parts.store.transaction((inside) => renewPassword(inside, { user, passwordHash, sessionId }));
  return finishRenewal(parts, call, { user, action: 'change' });
}

async function requestReset(parts: SystemParts, kind: PasswordKind, { operation }: Call): Promise<Result> {
  const body = readObject(operation);
  const name = readLoginName(body, 'Password reset');
  await countMail(parts, operation, name);
  const { reset: mail, resetCodeMinutes: minutes } = await readUserPolicy(parts);
  if (mail !== undefined) {
    behindTheAnswer(parts, async () => {
      const user = await findAccount(parts, body);
      if (user === undefined || !user.isActive || !kind.accepts(user)) return;
      await mailCode(parts, { operation, user, purpose: 'reset', minutes, mail });
    });
    return success();
  }
  // Without mail there is only the question, and who sees it sees that there is an account.
  const user = kind.takesAnswers ? await findAccount(parts, body) : undefined;
  if (user === undefined || !canAnswer(user) || !kind.accepts(user)) return success();
  return answer({ security_question: user.securityQuestion });
}

/** Counts a mail that somebody asks for, by the address it would go to and by who asks. */
export async function countMail(
  { throttle }: Pick<SystemParts, 'throttle'>,
  operation: Operation,
  to: string,
): Promise<void> {
  await throttle.count(`mail from:${operation.remoteAddress ?? 'inside'}`);
  await throttle.count(`mail to:${to.toLowerCase()}`);
}
