// Mails with codes: invitations, confirmations, resets. Invariants: a code leaves only by the mail service
// that an administrator chose, and its link leads where the configuration says, whatever a request calls
// this server.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import type { UserCodeRecord, UserRecord } from '../../core/store.ts';
import { issueCode } from '../../security/codes.ts';
import type { SystemParts } from './parts.ts';
import { isObject } from './request.ts';
import type { MailChoice } from './user-policy.ts';

/** A code to be mailed. */
export interface CodeMail {
  readonly operation: Operation;
  readonly user: UserRecord;
  readonly purpose: UserCodeRecord['purpose'];
  readonly minutes: number;
  readonly mail: MailChoice;
}

/** Makes a code and mails it. Throws `service.unavailable` when the mail cannot be sent. */
export async function mailCode(parts: SystemParts, wanted: CodeMail): Promise<void> {
  const { operation, user, purpose, minutes, mail } = wanted;
  const { store, act } = parts;
  const [service, template] = await Promise.all([
    store.services.get(mail.serviceId),
    mail.templateId === null ? undefined : store.emailTemplates.get(mail.templateId),
  ]);
  if (service === undefined) throw unsent('the mail service that is configured for it does not exist');
  if (template === undefined && mail.templateId !== null)
    throw unsent('the template that is configured for it does not exist');
  const code = await store.transaction((inside) => issueCode(inside, { userId: user.id, purpose, minutes }));
  const parameters = { template: template?.name ?? mail.defaultTemplate };
  const body = Body.ofValue(contentOf(user, code, { mail, minutes }));
  const result = await act(
    {
      ...{ service: service.name, path: [], action: 'POST', uri: `/api/v2/${service.name}` },
      request: { parameters, headers: {}, body },
    },
    { operation, for: `${purpose} code of ${user.isSysAdmin ? 'admin' : 'user'}/${user.id}` },
  );
  if (result.status >= 400) throw unsent(messageOf(result.body?.value));
}

/**
 * Does what the time of an answer must not tell of: whether there is an account. What fails is for the log.
 */
export function behindTheAnswer({ observe }: Pick<SystemParts, 'observe'>, work: () => Promise<void>): void {
  const told = (thrown: unknown) => {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    observe({ kind: 'service.failed', service: 'user', reason });
  };
  // Begun in a later turn, so that not even its first steps are in the time of the answer.
  setImmediate(() => void work().catch(told));
}

function contentOf(user: UserRecord, code: string, { mail, minutes }: Pick<CodeMail, 'mail' | 'minutes'>) {
  const { email, username, firstName, lastName, name } = user;
  const query = `code=${encodeURIComponent(code)}&email=${encodeURIComponent(email)}`;
  return {
    to: [{ email }],
    ...{ email, username, name, first_name: firstName, last_name: lastName },
    ...{ code, confirm_code: code, link: `${mail.page}?${query}`, code_minutes: minutes },
    is_sys_admin: user.isSysAdmin,
    // Templates that were written for others call the page so.
    [`df.${mail.pageName}`]: mail.page,
    df: { [mail.pageName]: mail.page },
  };
}

function messageOf(body: unknown): string {
  const error = isObject(body) ? body.error : undefined;
  return isObject(error) ? String(error.message) : 'the mail service refused it';
}

function unsent(reason: string): PlatformError {
  return new PlatformError('service.unavailable', `The mail could not be sent: ${reason}`);
}
