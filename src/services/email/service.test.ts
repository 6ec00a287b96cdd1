import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../system/scenario.ts';
import { leaves, type MailServer, startMailServer } from './mail-server-fixture.ts';

let server: MailServer;
let house: House;

beforeAll(async () => {
  server = await startMailServer();
});
afterAll(() => server.close());

beforeEach(async () => {
  house = await openHouse();
  server.mails.length = 0;
});
afterEach(() => house.services.close());

async function addMail(config: Record<string, unknown> = {}): Promise<void> {
  const own = { host: '127.0.0.1', port: server.port, from_email: 'us@example.com', ...config };
  const body = { resource: [{ name: 'email', type: 'smtp_email', is_active: true, config: own }] };
  const made = await house.ask('POST', 'service', { body });
  expect(made).toMatchObject({ status: 201 });
}

const send = (body: unknown, query = '') => house.as('email').ask('POST', query, { body });

describe('sending a mail', () => {
  test('with all of it in the request', async () => {
    await addMail({ from_name: 'Us' });
    const answer = await send({
      to: [{ name: 'Bo Bön', email: 'bo@example.org' }, 'ann@example.org'],
      cc: 'Cy <cy@example.org>, di@example.org',
      bcc: { email: 'ed@example.org' },
      subject: 'Grüße',
      body_text: 'Hello {who}',
      body_html: '<b>{who}</b>',
      who: '<Bo & Co>',
      reply_to_email: 'answers@example.com',
    });
    expect(answer).toEqual({ status: 200, body: { count: 5 } });
    const [mail] = server.mails;
    expect(mail?.from).toBe('us@example.com');
    expect(mail?.to).toEqual(['bo', 'ann', 'cy', 'di', 'ed'].map((name) => `${name}@example.org`));
    expect(mail?.headers).toMatchObject({
      from: 'Us <us@example.com>',
      cc: 'Cy <cy@example.org>, di@example.org',
      'reply-to': 'answers@example.com',
    });
    expect(mail?.headers.bcc).toBeUndefined();
    expect(mail && leaves(mail).map(({ content }) => content.toString().trim())).toEqual([
      'Hello <Bo & Co>',
      '<b>&lt;Bo &amp; Co&gt;</b>',
    ]);
  });
});
