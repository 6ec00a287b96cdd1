import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Letter } from './letter.ts';
import { SendmailCarrier } from './sendmail.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-sendmail-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A mail program that does what these lines of shell say. */
function carrier(shell: string, timeoutMs = 10_000): SendmailCarrier {
  const program = join(folder, 'sendmail');
  writeFileSync(program, `#!/bin/sh\ncd '${folder}'\n${shell}\n`, { mode: 0o755 });
  return new SendmailCarrier({ service: 'email', program, timeoutMs });
}

const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const person = (email: string) => ({ name: '', email });
const letter: Letter = {
  from: { name: 'Us', email: 'us@example.com' },
  replyTo: undefined,
  ...{ to: [person('bo@example.org')], cc: [], bcc: [person('ed@example.org')] },
  ...{ subject: 'Hello', text: '.\nfirst\n.\n', html: undefined },
  attachments: [{ name: 'a.txt', content: Buffer.from('attached'), type: undefined }],
};

describe('the mail program', () => {
  test('gets the mail and whom it is for, and nothing else of us', async () => {
    process.env.TENON_CANARY = 'canary';
    const sent = await carrier('printf "%s\\n" "$@" > args; cat > mail; env > env').send(letter);
    delete process.env.TENON_CANARY;
    expect(sent).toEqual({ count: 2, refused: [] });
    expect(read('args').trim().split('\n')).toEqual([
      '-i',
      '-f',
      'us@example.com',
      'bo@example.org',
      'ed@example.org',
    ]);
    const mail = read('mail');
    expect(mail).toContain('From: Us <us@example.com>\nTo: bo@example.org\nSubject: Hello\n');
    expect(mail).not.toMatch(/bcc|ed@example/i);
    expect(mail).toContain(Buffer.from('attached').toString('base64'));
    expect(read('env')).not.toContain('canary');
  });

  test('that refuses is told by its code alone', async () => {
    const sending = carrier('echo "secret words" >&2; exit 67').send(letter);
    await expect(sending).rejects.toMatchObject({
      kind: 'mail.refused',
      message: "The mail program of service 'email' refused the mail (code 67).",
    });
  });

  test('that reads nothing and says no end of things is fine', async () => {
    const large = { ...letter, text: 'x'.repeat(1_000_000) };
    expect(await carrier('head -c 1000000 /dev/zero >&2').send(large)).toMatchObject({ count: 2 });
  });

  test('that does not end is ended', async () => {
    const sending = carrier('exec sleep 60', 200).send(letter);
    await expect(sending).rejects.toMatchObject({ kind: 'egress.timeout', status: 504 });
  });

  test('that is not there is no service', async () => {
    const missing = new SendmailCarrier({
      service: 'email',
      program: join(folder, 'none'),
      timeoutMs: 1_000,
    });
    const refusal = { kind: 'service.unavailable', message: expect.stringContaining('is not installed') };
    await expect(missing.test()).rejects.toMatchObject(refusal);
    await expect(missing.send(letter)).rejects.toMatchObject(refusal);
    await expect(missing.close()).resolves.toBeUndefined();
    await expect(carrier('').test()).resolves.toBeUndefined();
  });
});
