// Whatever callers send: a mail is refused, or its head has the lines that it should have and no others.

import nodemailer from 'nodemailer';
import { describe, expect, test } from 'vitest';
import { fc } from '../../../test/properties.ts';
import { PlatformError } from '../../core/errors.ts';
import { anonymous, type Principal } from '../../core/operation.ts';
import type { EmailTemplateRecord } from '../../core/store.ts';
import { Draft } from './letter.ts';
import { messageOf, noReading } from './message.ts';

const stamps = { createdDate: '', lastModifiedDate: '', createdById: null, lastModifiedById: null };
const template: EmailTemplateRecord = {
  ...{ id: 1, name: 't', description: null, to: [{ name: '{name}', email: '{email}' }], cc: [], bcc: [] },
  ...{
    subject: 'For {name}: {subject_line}',
    attachment: [],
    bodyText: '{name} {text}',
    bodyHtml: '<p title="{name}">{text}</p>',
  },
  ...{ fromName: '{sender}', fromEmail: null, replyToName: '{name}', replyToEmail: '{reply}', defaults: {} },
  ...stamps,
};
const principal: Principal = {
  ...anonymous,
  lookups: { open: { brand: 'Acme' }, secret: { word: 'CANARY' } },
};
const service = { from_email: 'us@example.com' };

async function composed(body: Record<string, unknown>, from: EmailTemplateRecord | undefined) {
  const letter = new Draft({ service, template: from, body, principal }).letter();
  const composer = nodemailer.createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'unix',
    ...noReading,
  });
  const { message, envelope } = await composer.sendMail(messageOf({ ...letter, attachments: [] }));
  const [head = ''] = String(message).split('\n\n', 1);
  const names = head
    .replace(/\n[ \t]+/g, ' ')
    .split('\n')
    .map((line) => line.split(':', 1)[0]?.toLowerCase() ?? '');
  return { names: names.sort(), recipients: [envelope.to].flat(), text: String(message), letter };
}

// Texts as people and thieves write them.
const pieces = [
  '\r\n',
  '\n',
  '\r',
  ': ',
  'Bcc: x@y.zz',
  '{name}',
  '{word}',
  '{brand}',
  '{user.email}',
  '<',
  '>',
  '"',
  "'",
  ',',
  ';',
];
const piece = fc.oneof(
  { arbitrary: fc.constantFrom(...pieces.filter((each) => !/[\r\n]/.test(each))), weight: 5 },
  { arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }), weight: 5 },
  { arbitrary: fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 6 })), weight: 1 },
);
const text = fc.array(piece, { maxLength: 4 }).map((parts) => parts.join(''));
const address = fc.oneof(
  { arbitrary: fc.constantFrom('bo@example.org', 'ann@bücher.example', "o'neil+x@example.co.uk"), weight: 8 },
  { arbitrary: fc.oneof(fc.emailAddress(), text), weight: 1 },
  { arbitrary: fc.constantFrom('a@b.cc, d@e.ff', 'bo@example.org\r\nBcc: x@y.zz'), weight: 1 },
);

/** Runs what makes a mail; undefined when it was refused as it should be. */
async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PlatformError && error.kind === 'request.invalid_record') return undefined;
    throw error;
  }
}

describe('whatever is put into', () => {
  test('a template, the head stays what it is', async () => {
    let sent = 0;
    const values = fc.record({
      name: text,
      email: address,
      subject_line: text,
      text,
      sender: text,
      reply: address,
    });
    const property = fc.asyncProperty(values, async (body) => {
      const made = await unlessRefused(() => composed(body, template));
      if (made === undefined) return;
      sent++;
      const head = [
        'content-type',
        'date',
        'from',
        'message-id',
        'mime-version',
        'reply-to',
        'subject',
        'to',
      ];
      expect(made.names).toEqual(
        body.reply.trim() === '' ? head.filter((name) => name !== 'reply-to') : head,
      );
      expect(made.recipients).toHaveLength(1);
      expect(made.letter.to).toEqual([expect.objectContaining({ email: body.email })]);
      expect(made.text).not.toContain('CANARY');
      // In HTML, values are no markup.
      const html = made.letter.html ?? '';
      expect(html.replace(/&(amp|lt|gt|quot|#39);/g, '')).toMatch(/^<p title="[^"<>]*">[^<>]*<\/p>$/s);
    });
    await fc.assert(property, { numRuns: 500 });
    expect(sent).toBeGreaterThan(20);
  });

  test("a request of one's own, the head stays what it is, too", async () => {
    let sent = 0;
    const list = fc.oneof(
      address,
      fc.array(fc.oneof(address, fc.record({ name: text, email: address })), { maxLength: 3 }),
    );
    const bodies = fc.record(
      {
        to: list,
        cc: list,
        bcc: list,
        subject: text,
        body_text: text,
        from_name: text,
        reply_to_name: text,
        reply_to_email: address,
      },
      { requiredKeys: ['to'] },
    );
    const known = new Set([
      'bcc',
      'cc',
      'content-transfer-encoding',
      'content-type',
      'date',
      'from',
      'message-id',
    ]);
    for (const name of ['mime-version', 'reply-to', 'subject', 'to']) known.add(name);
    const property = fc.asyncProperty(bodies, async (body) => {
      const made = await unlessRefused(() => composed(body, undefined));
      if (made === undefined) return;
      sent++;
      expect(made.names.filter((name) => !known.has(name))).toEqual([]);
      expect(new Set(made.names).size).toBe(made.names.length);
      const { to, cc, bcc } = made.letter;
      const all = new Set([...to, ...cc, ...bcc].map(({ email }) => email.toLowerCase()));
      expect(made.recipients.length).toBeLessThanOrEqual(all.size);
      expect(made.text).not.toContain('CANARY');
    });
    await fc.assert(property, { numRuns: 1_000 });
    expect(sent).toBeGreaterThan(20);
  });

  test('texts, putting values in says the same whatever else is there', () => {
    const property = fc.property(text, text, (before, value) => {
      const made = (body_text: string) =>
        new Draft({
          service,
          template: undefined,
          body: { to: 'a@b.cc', body_text, value },
          principal,
        }).letter().text;
      const filled = made(`|${before.replaceAll('{', '(')}{value}|`);
      expect(filled).toBe(`|${before.replaceAll('{', '(')}${value}|`);
    });
    fc.assert(property, { numRuns: 500 });
  });
});
