// The mails that accounts need, as they come with the system; administrators may change them. Invariant: a
// mail that anybody can have sent to anybody repeats nothing of what he wrote.
import type { EmailTemplateRecord, New } from '../../core/store.ts';
import { defaultTemplates } from '../system/user-policy.ts';

const footer =
  'The link is good once, for {code_minutes} minutes. If you did not ask for it, ignore this mail.';

/** The templates of invitations, registrations and resets, for a system that has none of these names yet. */
export const userMailTemplates: readonly New<EmailTemplateRecord>[] = [
  template(defaultTemplates.invite, {
    description: 'Invites somebody to set a password for a new account.',
    subject: 'Your invitation',
    text: 'Hello {first_name},\n\nthere is an account for you. Choose your password here:',
  }),
  template(defaultTemplates.register, {
    description: 'Asks somebody who registered to confirm the address.',
    subject: 'Confirm your address',
    text: 'Hello,\n\nthis address was given to register an account. Confirm it and choose a password here:',
  }),
  template(defaultTemplates.reset, {
    description: 'Lets somebody who forgot the password choose another one.',
    subject: 'Choose a new password',
    text: 'Hello,\n\na new password was asked for at this address. Choose it here:',
  }),
];

interface Words {
  readonly description: string;
  readonly subject: string;
  readonly text: string;
}

function template(name: string, { description, subject, text }: Words): New<EmailTemplateRecord> {
  const paragraphs = text.split('\n\n').map((part) => `<p>${part}</p>`);
  return {
    ...{ name, description, subject },
    ...{ to: [], cc: [], bcc: [], attachment: [] },
    bodyText: `${text}\n\n{link}\n\n${footer}\n`,
    bodyHtml: `${paragraphs.join('\n')}\n<p><a href="{link}">{link}</a></p>\n<p>${footer}</p>\n`,
    ...{ fromName: null, fromEmail: null, replyToName: null, replyToEmail: null },
    defaults: {},
  };
}
