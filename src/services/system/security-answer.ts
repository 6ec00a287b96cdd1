// Security questions: the weaker way back into an account, only where there is no mail.
import type { UserRecord } from '../../core/store.ts';

/** Whether an account can be got back into by its security question. */
export function canAnswer(user: UserRecord): boolean {
  const { securityQuestion, securityAnswerHash, isActive, isConfirmed } = user;
  return isActive && isConfirmed && securityQuestion !== null && securityAnswerHash !== null;
}

/** A security answer as it is hashed and compared: people do not remember how they wrote it. */
export function normalAnswer(answer: string): string {
  return answer.trim().replace(/\s+/g, ' ').toLowerCase();
}
