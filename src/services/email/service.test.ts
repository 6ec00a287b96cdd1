// Mails as callers send them: a house, its system API, and a real mail server beside it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anonymous, type Principal } from '../../core/operation.ts';
import { type House, openHouse } from '../system/scenario.ts';
import { type Arrived, leaves, type MailServer, startMailServer } from './mail-server-fixture.ts';

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

async function addMail(config: Record<string, unknown> = {}): Promise<string> {
  const own = { host: '127.0.0.1', port: server.port, from_email: 'us@example.com', ...config };
  const body = { resource: [{ name: 'email', type: 'smtp_email', is_active: true, config: own }] };
  const made = await house.ask('POST', 'service', { body });
  expect(made).toMatchObject({ status: 201 });
  return `service/${(made.body as { resource: { id: number }[] }).resource[0]?.id}`;
}

async function addTemplate(template: Record<string, unknown>): Promise<void> {
  const made = await house.ask('POST', 'email_template', { body: { resource: [template] } });
  expect(made).toMatchObject({ status: 201 });
}

const send = (body: unknown, query = '', principal: Principal = house.admin) =>
  house.as('email').ask('POST', query, { body, principal });

function textsOf(mail: Arrived | undefined): string[] {
  return mail === undefined ? [] : leaves(mail).map(({ content }) => content.toString().trim());
}

const note = { to: 'bo@example.org', subject: 'Note', body_text: 'Hi' };

describe('a mail', () => {
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
      reply_to_name: 'Desk',
      reply_to_email: 'answers@example.com',
    });
    expect(answer).toEqual({ status: 200, body: { count: 5 } });
    const [mail] = server.mails;
    expect(mail?.from).toBe('us@example.com');
    expect(mail?.to).toEqual(['bo', 'ann', 'cy', 'di', 'ed'].map((name) => `${name}@example.org`));
    expect(mail?.headers).toMatchObject({
      from: 'Us <us@example.com>',
      to: '=?UTF-8?Q?Bo_B=C3=B6n?= <bo@example.org>, ann@example.org',
      cc: 'Cy <cy@example.org>, di@example.org',
      'reply-to': 'Desk <answers@example.com>',
      subject: '=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=',
    });
    expect(mail?.headers.bcc).toBeUndefined();
    expect(textsOf(mail)).toEqual(['Hello <Bo & Co>', '<b>&lt;Bo &amp; Co&gt;</b>']);
  });

  test('says no more of its sender than it has to', async () => {
    await addMail();
    await send(note);
    expect(server.mails[0]?.raw).not.toMatch(/nodemailer|tenon|x-mailer/i);
  });

  test.each([
    [{ ...note, to: undefined }, "Field 'to' is missing"],
    [{ ...note, to: [] }, "Field 'to' is missing"],
    [{ ...note, body_text: undefined }, "Field 'body_text' is missing, and so is body_html"],
    [{ ...note, body_text: '' }, 'there is nothing to send'],
    [{}, "Field 'to' is missing"],
    [{ ...note, to: 'bo at example' }, "Field 'to' has 'bo at example', which is no address"],
    [{ ...note, cc: [{ email: 'x@y@z' }] }, "Field 'cc' has 'x@y@z'"],
    [{ ...note, bcc: 7 }, "Field 'bcc' must be an address"],
    [{ ...note, from_email: 'nobody' }, "Field 'from_email' has 'nobody'"],
    [{ ...note, reply_to_email: 'a,b@c.d' }, "Field 'reply_to_email' has 'a,b@c.d'"],
    [{ ...note, subject: ['x'] }, "Field 'subject' must be text"],
    [{ ...note, body_html: { a: 1 } }, "Field 'body_html' must be text"],
    [{ ...note, subject: 'x'.repeat(989) }, "Field 'subject' must have at most 988"],
    [{ ...note, body_text: 'x'.repeat(1_048_577) }, "Field 'body_text' must have at most 1048576"],
    [{ ...note, to: Array(60).fill('a@b.c'), cc: Array(60).fill('a@b.c') }, 'name 120 addresses'],
    [[note], "Field 'body' of the request must be one JSON object"],
    ['text', "Field 'body' of the request must be one JSON object"],
  ])('that cannot be meant is refused: %j', async (body, message) => {
    await addMail();
    const answer = await send(body);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
    expect(server.mails).toEqual([]);
  });

  test('without a sender is refused', async () => {
    await addMail({ from_email: null });
    const answer = await send(note);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('from_email') } },
    });
    expect(await send({ ...note, from_email: 'me@example.com' })).toMatchObject({ status: 200 });
  });

  test.each(['GET', 'PUT', 'PATCH', 'DELETE'] as const)('is nothing to %s', async (action) => {
    await addMail();
    const answer = await house.as('email').ask(action, '');
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(`${action} requests are not currently supported`) } },
    });
    expect(await house.as('email').ask(action, 'somewhere')).toMatchObject({ status: 404 });
  });

  test('goes out for nobody who may not send it', async () => {
    await addMail();
    expect(await send(note, '', anonymous)).toMatchObject({ status: 400 });
    expect(server.mails).toEqual([]);
  });
});

describe('nothing in a mail begins another line of its head', () => {
  const breaks = ['\r\n', '\n', '\r', '\u0000\n', '\u2028', '\u0085'];
  const places: Record<string, (line: string) => Record<string, unknown>> = {
    subject: (line) => ({ subject: line }),
    'name of a recipient': (line) => ({ to: [{ name: line, email: 'bo@example.org' }] }),
    'address of a recipient': (line) => ({ to: [{ email: `bo@example.org${line}` }] }),
    'text of addresses': (line) => ({ to: `bo@example.org${line}` }),
    from_name: (line) => ({ from_name: line }),
    from_email: (line) => ({ from_email: `us@example.com${line}` }),
    reply_to_name: (line) => ({ reply_to_name: line, reply_to_email: 'x@example.com' }),
    reply_to_email: (line) => ({ reply_to_email: `x@example.com${line}` }),
    'value in the subject': (line) => ({ subject: 'For {who}', who: line }),
    'name of an attachment': (line) => ({ attachment: [{ name: line, content: 'x' }] }),
    'type of an attachment': (line) => ({
      attachment: [{ name: 'a', content: 'x', content_type: `a/b${line}` }],
    }),
  };

  test.each(Object.entries(places))('by the %s', async (_place, made) => {
    await addMail();
    for (const line of breaks) {
      const answer = await send({ ...note, ...made(`x${line}Bcc: thief@example.net${line}${line}body`) });
      expect([line, answer]).toMatchObject([line, { status: 400 }]);
    }
    expect(server.mails).toEqual([]);
  });

  test('and what looks like a head is text', async () => {
    await addMail();
    await send({ ...note, body_text: '.\r\nQUIT\r\n.\r\n\r\nBcc: thief@example.net\r\n.' });
    expect(server.mails).toHaveLength(1);
    expect(server.mails[0]?.to).toEqual(['bo@example.org']);
    expect(textsOf(server.mails[0])[0]).toContain('thief@example.net');
  });
});

describe('a template', () => {
  const welcome = {
    name: 'welcome',
    to: [{ name: '{first_name}', email: '{email}' }],
    subject: 'Welcome, {first_name}',
    body_text: 'Dear {first_name}, see {link} ({footer}, {brand}).',
    body_html: '<p>{first_name}</p><a href="{link}">{footer}</a>',
    from_name: '{brand}',
    defaults: { footer: 'Yours', link: 'https://example.com/?a=1&b=2', brand: 'Default & Co' },
  };

  test('is filled with the values of the request, its defaults and the parameters of the service', async () => {
    await addMail({
      parameters: [
        { name: 'footer', value: 'of the service' },
        { name: 'unused', value: '1' },
      ],
    });
    await addTemplate(welcome);
    const answer = await send(
      { first_name: 'Bo', email: 'bo@example.org', brand: 'Ours' },
      '?template=welcome',
    );
    expect(answer).toEqual({ status: 200, body: { count: 1 } });
    const [mail] = server.mails;
    expect(mail?.headers).toMatchObject({
      to: 'Bo <bo@example.org>',
      subject: 'Welcome, Bo',
      from: 'Ours <us@example.com>',
    });
    expect(textsOf(mail)).toEqual([
      'Dear Bo, see https://example.com/?a=1&b=2 (Yours, Ours).',
      '<p>Bo</p><a href="https://example.com/?a=1&amp;b=2">Yours</a>',
    ]);
  });

  test('gives way to what the request says', async () => {
    await addMail({ from_name: 'Service', reply_to_email: 'service@example.com' });
    await addTemplate({
      ...welcome,
      from_email: 'template@example.com',
      reply_to_email: 'template@example.com',
    });
    const own = { to: 'x@example.org', subject: 'Mine', body_text: 'Text', from_email: 'mine@example.com' };
    await send({ ...own, first_name: 'Bo' }, '?template=welcome');
    expect(server.mails[0]).toMatchObject({
      to: ['x@example.org'],
      from: 'mine@example.com',
      headers: { subject: 'Mine', 'reply-to': 'template@example.com' },
    });
    expect(textsOf(server.mails[0])[0]).toBe('Text');
  });

  test('stands above the parameters of the service, and its defaults above itself', async () => {
    await addMail({ parameters: { subject: 'of the service', body_text: 'of the service', a: 'service' } });
    await addTemplate({ name: 't', subject: 'of the template', to: 'bo@example.org' });
    await send({}, '?template=t');
    expect(server.mails[0]?.headers.subject).toBe('of the template');
    expect(textsOf(server.mails[0])).toEqual(['of the service']);
    await addTemplate({
      name: 'd',
      subject: 'template',
      to: 'bo@example.org',
      defaults: { subject: 'default {a}' },
    });
    await send({ a: 'body' }, '?template=d');
    expect(server.mails[1]?.headers.subject).toBe('default body');
  });

  test('is found by its id, too', async () => {
    await addMail();
    await addTemplate(welcome);
    const given = { first_name: 'Bo', email: 'bo@example.org' };
    expect(await send(given, '?template_id=1')).toMatchObject({ status: 200 });
    for (const query of [
      '?template_id=2',
      '?template_id=x',
      '?template_id=1e0',
      '?template=WELCOME',
      '?template=1',
    ]) {
      const answer = await send(given, query);
      expect(answer).toMatchObject({
        status: 404,
        body: { error: { message: expect.stringContaining('not found') } },
      });
    }
    expect(server.mails).toHaveLength(1);
  });

  test('whose values are no address is refused with what they are', async () => {
    await addMail();
    await addTemplate(welcome);
    for (const email of ['nobody', 'a@b.c, thief@example.net', 'a@b.c>\r\nRCPT TO:<thief@example.net']) {
      const answer = await send({ first_name: 'Bo', email }, '?template=welcome');
      expect(answer).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining("Field 'to'") } },
      });
    }
    const open = await send({ first_name: 'Bo' }, '?template=welcome');
    expect(open).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('{email}') } },
    });
  });
});

describe('values', () => {
  const textFor = async (body_text: string, more: Record<string, unknown> = {}) => {
    await send({ ...note, body_text, ...more });
    return textsOf(server.mails.at(-1))[0];
  };

  test.each<[string, Record<string, unknown>, string]>([
    ['{a} {a}', { a: 'x' }, 'x x'],
    ['{n} {yes} {none}.', { n: 7.5, yes: true, none: null }, '7.5 true .'],
    ['{order.no} {order.lines.0}', { order: { no: 7, lines: ['x'] } }, '7 x'],
    ['{a.b}', { 'a.b': 'whole', a: { b: 'part' } }, 'whole'],
    ['{list} {map}', { list: [1], map: {} }, '{list} {map}'],
    ['{strtoupper(a)} {urlencode(a)}', { a: 'x y' }, 'X Y x+y'],
    ['{unknown} {no such} {}', {}, '{unknown} {no such} {}'],
    [
      '{constructor} {__proto__} {a.constructor} {toString}',
      { a: {} },
      '{constructor} {__proto__} {a.constructor} {toString}',
    ],
    ['p { color: red } {a}', { a: '1' }, 'p { color: red } 1'],
    ['{subject}', {}, 'Note'],
  ])('%s', async (text, values, expected) => {
    await addMail();
    expect(await textFor(text, values)).toBe(expected);
  });

  test('are not looked through again', async () => {
    await addMail();
    expect(await textFor('{a}', { a: '{b} {user.email}', b: 'x' })).toBe('{b} {user.email}');
  });

  test('in HTML are text', async () => {
    await addMail();
    await send({ ...note, body_html: '<i title="{a}">{a}</i>', a: `"'><script>&` });
    const safe = '&quot;&#39;&gt;&lt;script&gt;&amp;';
    expect(textsOf(server.mails[0])[1]).toBe(`<i title="${safe}">${safe}</i>`);
  });

  test('do not make a text longer than a mail may be', async () => {
    await addMail();
    const answer = await send({ ...note, body_text: '{a}'.repeat(2_000), a: 'x'.repeat(1_000) });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('1048576') } },
    });
  });
});

describe('lookups', () => {
  const caller = (): Principal => ({
    ...house.admin,
    lookups: {
      open: { brand: 'Acme <1>' },
      secret: { word: 'CANARY' },
      facts: { 'df.host_url': 'https://t.example' },
    },
  });

  test('stand in texts, parameters and defaults, and values of the request come first', async () => {
    await addMail({ parameters: { sign: 'by {brand}' }, from_name: '{brand}' });
    await addTemplate({
      name: 't',
      to: 'bo@example.org',
      body_text: '{sign} {note} {brand}',
      defaults: { note: 'at {df.host_url}' },
    });
    await send({}, '?template=t', caller());
    expect(textsOf(server.mails[0])).toEqual(['by Acme <1> at https://t.example Acme <1>']);
    expect(server.mails[0]?.headers.from).toBe('"Acme <1>" <us@example.com>');
    await send({ brand: 'own' }, '?template=t', caller());
    expect(textsOf(server.mails[1])).toEqual(['by Acme <1> at https://t.example own']);
  });

  test('are escaped in HTML, and none that is private is there', async () => {
    await addMail();
    await send({ ...note, body_text: '{word} {user.email}', body_html: '{brand} {word}' }, '', caller());
    expect(textsOf(server.mails[0])).toEqual(['{word} admin@example.com', 'Acme &lt;1&gt; {word}']);
  });

  test('that are private reach no mail by the parameters of the service', async () => {
    await house.ask('POST', 'lookup', {
      body: { resource: [{ name: 'word', value: 'CANARY', private: true }] },
    });
    await addMail({ parameters: { sign: '{word}' }, from_name: '{word}' });
    await send({ ...note, body_text: '{sign} {word}' });
    expect(server.mails[0]?.raw).not.toContain('CANARY');
  });

  test('are not put into addresses that the request gives', async () => {
    await addMail();
    const answer = await send({ ...note, to: [{ name: '{user.email}', email: 'bo@example.org' }] });
    expect(answer).toMatchObject({ status: 200 });
    expect(server.mails[0]?.headers.to).toContain('{user.email}');
    expect(await send({ ...note, to: '{user.email}' })).toMatchObject({ status: 400 });
  });
});

describe('attachments', () => {
  const attached = (mail: Arrived | undefined) =>
    mail === undefined
      ? []
      : leaves(mail)
          .slice(1)
          .map(({ headers, content }) => [
            headers['content-disposition'],
            headers['content-type']?.split(';')[0],
            content.toString('latin1').trimEnd(),
          ]);

  test('come with the request', async () => {
    await addMail();
    const bytes = Buffer.from([0, 255, 13, 10, 46]).toString('base64');
    const answer = await send({
      ...note,
      attachment: [
        { name: 'a.txt', content: 'text' },
        { name: 'b.bin', content: bytes, is_base64: true, content_type: 'application/x-own' },
        { name: '../../etc/c.csv', content: 'x' },
      ],
    });
    expect(answer).toMatchObject({ status: 200 });
    expect(attached(server.mails[0])).toEqual([
      ['attachment; filename=a.txt', 'text/plain', 'text'],
      ['attachment; filename=b.bin', 'application/x-own', '\u0000\u00ff\r\n.'],
      ['attachment; filename=c.csv', 'text/csv', 'x'],
    ]);
  });

  test('are what another service answers to the caller', async () => {
    await addMail();
    const config = { database: 'payroll.db' };
    await house.ask('POST', 'service', { body: { resource: [{ name: 'echo', type: 'echo', config }] } });
    await send({ ...note, attachment: { service: 'echo', path: '/_table/contact', name: 'contact.json' } });
    expect(attached(server.mails[0])).toEqual([
      ['attachment; filename=contact.json', 'application/json', '{"database":"payroll.db"}'],
    ]);
    const missing = await send({ ...note, attachment: { service: 'nowhere', path: 'a' } });
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
    await addMail();
    const answer = await send({ ...note, attachment });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
    expect(server.mails).toEqual([]);
  });

  test.each([
    'http://127.0.0.1/secret',
    'http://169.254.169.254/latest/meta-data/',
    'file:///etc/passwd',
    'http://[::1]:8080/',
    'http://localhost/',
    'data:text/plain,x',
  ])('from %s are not fetched', async (url) => {
    await addMail();
    for (const field of ['attachment', 'import_url']) {
      const answer = await send({ ...note, [field]: url });
      expect(answer).toMatchObject({ status: 403 });
      expect(JSON.stringify(answer.body)).not.toContain('root:');
    }
    expect(server.mails).toEqual([]);
  });

  test('of a template name values', async () => {
    await addMail();
    const config = { database: 'a.db' };
    await house.ask('POST', 'service', { body: { resource: [{ name: 'echo', type: 'echo', config }] } });
    const attachment = [{ service: 'echo', path: '_table/{table}', name: '{table}.json' }];
    await addTemplate({ name: 't', to: 'bo@example.org', body_text: 'x', attachment });
    await send({ table: 'phone' }, '?template=t');
    expect(attached(server.mails[0])[0]?.[0]).toBe('attachment; filename=phone.json');
    expect(await send({ table: '../x' }, '?template=t')).toMatchObject({ status: 400 });
  });
});

describe('the service', () => {
  test('is tested with its server', async () => {
    const path = await addMail();
    expect(await house.ask('POST', `${path}/_test`)).toEqual({ status: 200, body: { success: true } });
    await house.ask('PATCH', path, { body: { config: { port: 1 } } });
    expect(await house.ask('POST', `${path}/_test`)).toMatchObject({ status: 503 });
    expect(server.mails).toEqual([]);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ host: 'a b' }, "Field 'config.host'"],
    [{ port: 70_000 }, "Field 'config.port'"],
    [{ timeout: 0 }, "Field 'config.timeout'"],
    [{ parameters: [{ value: 1 }] }, "Field 'config.parameters'"],
  ])('answers with what is wrong with its configuration: %j', async (config, message) => {
    await addMail(config);
    expect(await send(note)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
  });

  test('shows no password and keeps it', async () => {
    const path = await addMail({ username: 'mo', password: 'word' });
    const shown = await house.ask('GET', path);
    expect(shown).toMatchObject({ body: { config: { username: 'mo', password: '********' } } });
    await house.ask('PATCH', path, { body: shown.body as object });
    expect(await send(note)).toMatchObject({ status: 200 });
  });

  test.each(['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254', '100.100.100.200'])(
    'does not talk to %s',
    async (host) => {
      await addMail({ host });
      expect(await send(note)).toMatchObject({ status: 403 });
    },
  );

  test('takes what is sent through it while it is replaced', async () => {
    const path = await addMail();
    const sending = Array.from({ length: 10 }, () => send(note));
    await house.ask('PATCH', path, { body: { config: { from_name: 'New' } } });
    expect((await Promise.all(sending)).map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(server.mails).toHaveLength(10);
  });
});
