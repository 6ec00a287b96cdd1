// A mail as the library that composes it takes it. Invariant: nothing in a mail makes the library read files
// or addresses of the web; attachments are bytes that we hold.
import type { SendMailOptions } from 'nodemailer';
import type { MailAddress } from '../mail-address.ts';
import type { Letter } from './letter.ts';

/** What keeps the library from reading anything. */
export const noReading = { disableFileAccess: true, disableUrlAccess: true } as const;

/** The message that a mail is. */
export function messageOf(letter: Letter): SendMailOptions {
  const { from, replyTo, to, cc, bcc, subject, text, html, attachments } = letter;
  return {
    from: person(from),
    ...(replyTo === undefined ? {} : { replyTo: person(replyTo) }),
    to: to.map(person),
    cc: cc.map(person),
    bcc: bcc.map(person),
    ...(subject === undefined ? {} : { subject }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    attachments: attachments.map(({ name, content, type }) => ({
      filename: name,
      content,
      ...(type === undefined ? {} : { contentType: type }),
    })),
    xMailer: false,
  };
}

function person({ name, email }: MailAddress): { name: string; address: string } {
  return { name, address: email };
}
