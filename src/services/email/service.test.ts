// Mails as callers send them: a house, its system API, and a real mail server beside it.
import { describe, expect, test } from 'vitest';
import { anonymous, type Principal } from '../../core/operation.ts';
import { MailHouse, note, textsOf } from './mail-house-fixture.ts';

const mail = MailHouse.forEachTest();

describe('a mail', () => {
  test('with all of it in the request', async () => {
    await mail.addMail({ from_name: 'Us' });
    const answer = await mail.send({
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
    const [first] = mail.mails;
    expect(first?.from).toBe('us@example.com');
    expect(first?.to).toEqual(['bo', 'ann', 'cy', 'di', 'ed'].map((name) => `${name}@example.org`));
    expect(first?.headers).toMatchObject({
      from: 'Us <us@example.com>',
      to: '=?UTF-8?Q?Bo_B=C3=B6n?= <bo@example.org>, ann@example.org',
      cc: 'Cy <cy@example.org>, di@example.org',
      'reply-to': 'Desk <answers@example.com>',
      subject: '=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=',
    });
    expect(first?.headers.bcc).toBeUndefined();
    expect(textsOf(first)).toEqual(['Hello <Bo & Co>', '<b>&lt;Bo &amp; Co&gt;</b>']);
  });

  test('says no more of its sender than it has to', async () => {
    await mail.addMail();
    await mail.send(note);
    expect(mail.mails[0]?.raw).not.toMatch(/nodemailer|tenon|x-mailer/i);
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
    await mail.addMail();
    const answer = await mail.send(body);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
    expect(mail.mails).toEqual([]);
  });

  test('without a sender is refused', async () => {
    await mail.addMail({ from_email: null });
    const answer = await mail.send(note);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('from_email') } },
    });
    expect(await mail.send({ ...note, from_email: 'me@example.com' })).toMatchObject({ status: 200 });
  });

  test.each(['GET', 'PUT', 'PATCH', 'DELETE'] as const)('is nothing to %s', async (action) => {
    await mail.addMail();
    const answer = await mail.house.as('email').ask(action, '');
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(`${action} requests are not currently supported`) } },
    });
    expect(await mail.house.as('email').ask(action, 'somewhere')).toMatchObject({ status: 404 });
  });

  test('goes out for nobody who may not send it', async () => {
    await mail.addMail();
    expect(await mail.send(note, '', anonymous)).toMatchObject({ status: 400 });
    expect(mail.mails).toEqual([]);
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
    await mail.addMail();
    for (const line of breaks) {
      const answer = await mail.send({
        ...note,
        ...made(`x${line}Bcc: thief@example.net${line}${line}body`),
      });
      expect([line, answer]).toMatchObject([line, { status: 400 }]);
    }
    expect(mail.mails).toEqual([]);
  });

  test('and what looks like a head is text', async () => {
    await mail.addMail();
    await mail.send({ ...note, body_text: '.\r\nQUIT\r\n.\r\n\r\nBcc: thief@example.net\r\n.' });
    expect(mail.mails).toHaveLength(1);
    expect(mail.mails[0]?.to).toEqual(['bo@example.org']);
    expect(textsOf(mail.mails[0])[0]).toContain('thief@example.net');
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
    await mail.addMail({
      parameters: [
        { name: 'footer', value: 'of the service' },
        { name: 'unused', value: '1' },
      ],
    });
    await mail.addTemplate(welcome);
    const answer = await mail.send(
      { first_name: 'Bo', email: 'bo@example.org', brand: 'Ours' },
      '?template=welcome',
    );
    expect(answer).toEqual({ status: 200, body: { count: 1 } });
    const [first] = mail.mails;
    expect(first?.headers).toMatchObject({
      to: 'Bo <bo@example.org>',
      subject: 'Welcome, Bo',
      from: 'Ours <us@example.com>',
    });
    expect(textsOf(first)).toEqual([
      'Dear Bo, see https://example.com/?a=1&b=2 (Yours, Ours).',
      '<p>Bo</p><a href="https://example.com/?a=1&amp;b=2">Yours</a>',
    ]);
  });

  test('gives way to what the request says', async () => {
    await mail.addMail({ from_name: 'Service', reply_to_email: 'service@example.com' });
    await mail.addTemplate({
      ...welcome,
      from_email: 'template@example.com',
      reply_to_email: 'template@example.com',
    });
    const own = { to: 'x@example.org', subject: 'Mine', body_text: 'Text', from_email: 'mine@example.com' };
    await mail.send({ ...own, first_name: 'Bo' }, '?template=welcome');
    expect(mail.mails[0]).toMatchObject({
      to: ['x@example.org'],
      from: 'mine@example.com',
      headers: { subject: 'Mine', 'reply-to': 'template@example.com' },
    });
    expect(textsOf(mail.mails[0])[0]).toBe('Text');
  });

  test('stands above the parameters of the service, and its defaults above itself', async () => {
    await mail.addMail({
      parameters: { subject: 'of the service', body_text: 'of the service', a: 'service' },
    });
    await mail.addTemplate({ name: 't', subject: 'of the template', to: 'bo@example.org' });
    await mail.send({}, '?template=t');
    expect(mail.mails[0]?.headers.subject).toBe('of the template');
    expect(textsOf(mail.mails[0])).toEqual(['of the service']);
    await mail.addTemplate({
      name: 'd',
      subject: 'template',
      to: 'bo@example.org',
      defaults: { subject: 'default {a}' },
    });
    await mail.send({ a: 'body' }, '?template=d');
    expect(mail.mails[1]?.headers.subject).toBe('default body');
  });

  test('is found by its id, too', async () => {
    await mail.addMail();
    await mail.addTemplate(welcome);
    const given = { first_name: 'Bo', email: 'bo@example.org' };
    expect(await mail.send(given, '?template_id=1')).toMatchObject({ status: 200 });
    for (const query of [
      '?template_id=2',
      '?template_id=x',
      '?template_id=1e0',
      '?template=WELCOME',
      '?template=1',
    ]) {
      const answer = await mail.send(given, query);
      expect(answer).toMatchObject({
        status: 404,
        body: { error: { message: expect.stringContaining('not found') } },
      });
    }
    expect(mail.mails).toHaveLength(1);
  });

  test('whose values are no address is refused with what they are', async () => {
    await mail.addMail();
    await mail.addTemplate(welcome);
    for (const email of ['nobody', 'a@b.c, thief@example.net', 'a@b.c>\r\nRCPT TO:<thief@example.net']) {
      const answer = await mail.send({ first_name: 'Bo', email }, '?template=welcome');
      expect(answer).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining("Field 'to'") } },
      });
    }
    const open = await mail.send({ first_name: 'Bo' }, '?template=welcome');
    expect(open).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('{email}') } },
    });
  });
});

describe('values', () => {
  const textFor = async (body_text: string, more: Record<string, unknown> = {}) => {
    await mail.send({ ...note, body_text, ...more });
    return textsOf(mail.mails.at(-1))[0];
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
    await mail.addMail();
    expect(await textFor(text, values)).toBe(expected);
  });

  test('are not looked through again', async () => {
    await mail.addMail();
    expect(await textFor('{a}', { a: '{b} {user.email}', b: 'x' })).toBe('{b} {user.email}');
  });

  test('in HTML are text', async () => {
    await mail.addMail();
    await mail.send({ ...note, body_html: '<i title="{a}">{a}</i>', a: `"'><script>&` });
    const safe = '&quot;&#39;&gt;&lt;script&gt;&amp;';
    expect(textsOf(mail.mails[0])[1]).toBe(`<i title="${safe}">${safe}</i>`);
  });

  test('do not make a text longer than a mail may be', async () => {
    await mail.addMail();
    const answer = await mail.send({ ...note, body_text: '{a}'.repeat(2_000), a: 'x'.repeat(1_000) });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('1048576') } },
    });
  });
});

describe('lookups', () => {
  const caller = (): Principal => ({
    ...mail.house.admin,
    lookups: {
      open: { brand: 'Acme <1>' },
      secret: { word: 'CANARY' },
      facts: { 'df.host_url': 'https://t.example' },
    },
  });

  test('stand in texts, parameters and defaults, and values of the request come first', async () => {
    await mail.addMail({ parameters: { sign: 'by {brand}' }, from_name: '{brand}' });
    await mail.addTemplate({
      name: 't',
      to: 'bo@example.org',
      body_text: '{sign} {note} {brand}',
      defaults: { note: 'at {df.host_url}' },
    });
    await mail.send({}, '?template=t', caller());
    expect(textsOf(mail.mails[0])).toEqual(['by Acme <1> at https://t.example Acme <1>']);
    expect(mail.mails[0]?.headers.from).toBe('"Acme <1>" <us@example.com>');
    await mail.send({ brand: 'own' }, '?template=t', caller());
    expect(textsOf(mail.mails[1])).toEqual(['by Acme <1> at https://t.example own']);
  });

  test('are escaped in HTML, and none that is private is there', async () => {
    await mail.addMail();
    await mail.send({ ...note, body_text: '{word} {user.email}', body_html: '{brand} {word}' }, '', caller());
    expect(textsOf(mail.mails[0])).toEqual(['{word} admin@example.com', 'Acme &lt;1&gt; {word}']);
  });

  test('that are private reach no mail by the parameters of the service', async () => {
    await mail.house.ask('POST', 'lookup', {
      body: { resource: [{ name: 'word', value: 'CANARY', private: true }] },
    });
    await mail.addMail({ parameters: { sign: '{word}' }, from_name: '{word}' });
    await mail.send({ ...note, body_text: '{sign} {word}' });
    expect(mail.mails[0]?.raw).not.toContain('CANARY');
  });

  test('are not put into addresses that the request gives', async () => {
    await mail.addMail();
    const answer = await mail.send({ ...note, to: [{ name: '{user.email}', email: 'bo@example.org' }] });
    expect(answer).toMatchObject({ status: 200 });
    expect(mail.mails[0]?.headers.to).toContain('{user.email}');
    expect(await mail.send({ ...note, to: '{user.email}' })).toMatchObject({ status: 400 });
  });
});

describe('the service', () => {
  test('is tested with its server', async () => {
    const path = await mail.addMail();
    expect(await mail.house.ask('POST', `${path}/_test`)).toEqual({ status: 200, body: { success: true } });
    await mail.house.ask('PATCH', path, { body: { config: { port: 1 } } });
    expect(await mail.house.ask('POST', `${path}/_test`)).toMatchObject({ status: 503 });
    expect(mail.mails).toEqual([]);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ host: 'a b' }, "Field 'config.host'"],
    [{ port: 70_000 }, "Field 'config.port'"],
    [{ timeout: 0 }, "Field 'config.timeout'"],
    [{ parameters: [{ value: 1 }] }, "Field 'config.parameters'"],
  ])('answers with what is wrong with its configuration: %j', async (config, message) => {
    await mail.addMail(config);
    expect(await mail.send(note)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
  });

  test('shows no password and keeps it', async () => {
    const path = await mail.addMail({ username: 'mo', password: 'word' });
    const shown = await mail.house.ask('GET', path);
    expect(shown).toMatchObject({ body: { config: { username: 'mo', password: '********' } } });
    await mail.house.ask('PATCH', path, { body: shown.body as object });
    expect(await mail.send(note)).toMatchObject({ status: 200 });
  });

  test.each(['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254', '100.100.100.200'])(
    'does not talk to %s',
    async (host) => {
      await mail.addMail({ host });
      expect(await mail.send(note)).toMatchObject({ status: 403 });
    },
  );

  test('takes what is sent through it while it is replaced', async () => {
    const path = await mail.addMail();
    const sending = Array.from({ length: 10 }, () => mail.send(note));
    await mail.house.ask('PATCH', path, { body: { config: { from_name: 'New' } } });
    expect((await Promise.all(sending)).map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(mail.mails).toHaveLength(10);
  });
});

describe('a service of type local_email', () => {
  test('takes the same mails, where this machine has a mail program', async () => {
    const config = { from_email: 'us@example.com' };
    const body = { resource: [{ name: 'local', type: 'local_email', is_active: true, config }] };
    expect(await mail.house.ask('POST', 'service', { body })).toMatchObject({ status: 201 });
    const local = mail.house.as('local');
    expect(await local.ask('POST', '', { body: { ...note, to: 'nobody' } })).toMatchObject({ status: 400 });
    const types = await mail.house.ask('GET', 'service_type?group=Email&fields=name&as_list=true&id_field=name');
    expect(JSON.stringify(types.body)).toMatch(/local_email.*smtp_email/);
  });
});
