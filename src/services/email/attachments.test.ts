// What goes with mails: content of the request, what other services answer; files of the web are in
// test/flows/mail.test.ts.
import { describe, expect, test } from 'vitest';
import { MailHouse, note } from './mail-house-fixture.ts';
import { type Arrived, leaves } from './mail-server-fixture.ts';

const mail = MailHouse.forEachTest();

describe('attachments', () => {
  const attached = (arrived: Arrived | undefined) =>
    arrived === undefined
      ? []
      : leaves(arrived)
          .slice(1)
          .map(({ headers, content }) => [
            headers['content-disposition'],
            headers['content-type']?.split(';')[0],
            content.toString('latin1').trimEnd(),
          ]);

  test('come with the request', async () => {
    await mail.addMail();
    const bytes = Buffer.from([0, 255, 13, 10, 46]).toString('base64');
    const answer = await mail.send({
      ...note,
      attachment: [
        { name: 'a.txt', content: 'text' },
        { name: 'b.bin', content: bytes, is_base64: true, content_type: 'application/x-own' },
        { name: '../../etc/c.csv', content: 'x' },
      ],
    });
    expect(answer).toMatchObject({ status: 200 });
    expect(attached(mail.mails[0])).toEqual([
      ['attachment; filename=a.txt', 'text/plain', 'text'],
      ['attachment; filename=b.bin', 'application/x-own', '\u0000\u00ff\r\n.'],
      ['attachment; filename=c.csv', 'text/csv', 'x'],
    ]);
  });

  test('are what another service answers to the caller', async () => {
    await mail.addMail();
    const config = { database: 'payroll.db' };
    await mail.house.ask('POST', 'service', { body: { resource: [{ name: 'echo', type: 'echo', config }] } });
    await mail.send({
      ...note,
      attachment: { service: 'echo', path: '/_table/contact', name: 'contact.json' },
    });
    expect(attached(mail.mails[0])).toEqual([
      ['attachment; filename=contact.json', 'application/json', '{"database":"payroll.db"}'],
    ]);
    const missing = await mail.send({ ...note, attachment: { service: 'nowhere', path: 'a' } });
    expect(missing).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("service 'nowhere'") } },
    });
  });

  test.each<[unknown, string]>([
    [7, 'must be an address of the web'],
    [{ name: 'x' }, "without 'url', 'service' or 'content'"],
    [{ content: 'x' }, "without 'name'"],
    [{ name: '..', content: 'x' }, "without 'name'"],
    [{ name: 7, content: 'x' }, "whose 'name' is no text"],
    [{ name: 'x', content: 7 }, "whose 'content' is no text"],
    [{ name: 'x', content: '!!', is_base64: true }, 'no base64'],
    [{ name: 'x', content: 'x', content_type: 'nothing' }, "whose 'content_type' is none"],
    [{ service: 'echo', path: 'a/../b' }, "'.' or '..'"],
    [{ service: 7, path: 'a' }, "whose 'service' is no text"],
    [Array(21).fill({ name: 'x', content: 'x' }), 'names 21 files'],
    [Array(3).fill({ name: 'x', content: 'x'.repeat(4_000_000) }), 'holds more than 10485760 bytes'],
  ])('%# that cannot be are refused', async (attachment, message) => {
    await mail.addMail();
    const answer = await mail.send({ ...note, attachment });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
    expect(mail.mails).toEqual([]);
  });

  test.each([
    'http://127.0.0.1/secret',
    'http://169.254.169.254/latest/meta-data/',
    'file:///etc/passwd',
    'http://[::1]:8080/',
    'http://localhost/',
    'data:text/plain,x',
  ])('from %s are not fetched', async (url) => {
    await mail.addMail();
    for (const field of ['attachment', 'import_url']) {
      const answer = await mail.send({ ...note, [field]: url });
      expect(answer).toMatchObject({ status: 403 });
      expect(JSON.stringify(answer.body)).not.toContain('root:');
    }
    expect(mail.mails).toEqual([]);
  });

  test('of a template name values', async () => {
    await mail.addMail();
    const config = { database: 'a.db' };
    await mail.house.ask('POST', 'service', { body: { resource: [{ name: 'echo', type: 'echo', config }] } });
    const attachment = [{ service: 'echo', path: '_table/{table}', name: '{table}.json' }];
    await mail.addTemplate({ name: 't', to: 'bo@example.org', body_text: 'x', attachment });
    await mail.send({ table: 'phone' }, '?template=t');
    expect(attached(mail.mails[0])[0]?.[0]).toBe('attachment; filename=phone.json');
    expect(await mail.send({ table: '../x' }, '?template=t')).toMatchObject({ status: 400 });
  });
});
