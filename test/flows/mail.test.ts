// Mail over HTTP: who may send it, what goes with it, what it is described as.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { leaves, type MailServer, startMailServer } from '../../src/services/email/mail-server-fixture.ts';
import { DocumentCheck } from '../openapi-check.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';

const picture = Buffer.from(Array.from({ length: 2_000 }, (_none, index) => index % 256));
const note = { to: 'bo@example.org', subject: 'Note', body_text: 'Hi' };

let server: TestServer;
let mail: MailServer;
let web: Server;
let pages = '';
let emailId = 0;

const make = async (resource: string, record: Record<string, unknown>) => {
  const path = `/api/v2/system/${resource}?fields=*`;
  const answer = await server.ask(path, { method: 'POST', body: { resource: [record] } });
  if (answer.status >= 300) throw new Error(answer.text);
  return answer.body.resource[0];
};

const post = (body: unknown, query = '', ask: Ask = {}): Promise<Answer> =>
  server.ask(`/api/v2/email${query}`, { method: 'POST', body, ...ask });

/** An app whose callers have a role with one row of access. */
async function appWith(row: Record<string, unknown>): Promise<Ask> {
  const name = `app ${Math.random()}`;
  const access = { filters: [], filter_op: 'AND', requestor_mask: 1, ...row };
  const role = await make('role', { name, is_active: true, role_service_access_by_role_id: [access] });
  const app = await make('app', { name, is_active: true, role_id: role.id });
  return { anonymous: true, headers: { 'X-DreamFactory-API-Key': app.api_key } };
}

beforeAll(async () => {
  mail = await startMailServer();
  web = createServer(({ url = '' }, response) => {
    if (url === '/away') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    else if (url === '/missing') response.writeHead(404).end('no');
    else response.setHeader('content-type', 'image/png').end(picture);
  });
  await new Promise<void>((done) => web.listen(0, '127.0.0.1', done));
  const address = `127.0.0.1:${(web.address() as AddressInfo).port}`;
  pages = `http://${address}`;
  server = await startTestServer({ TENON_EGRESS_ALLOW: address });
  const config = { host: '127.0.0.1', port: mail.port, from_email: 'us@example.com' };
  const service = { name: 'email', label: 'Mail', type: 'smtp_email', is_active: true, config };
  emailId = (await make('service', service)).id;
  await server.addDatabase(
    'shop',
    "create table item (id integer primary key, name text); insert into item values (1, 'Tea');",
  );
});

afterAll(async () => {
  await server.close();
  await mail.close();
  web.close();
});

beforeEach(() => {
  mail.mails.length = 0;
});

describe('whoever sends mail', () => {
  test('needs a role that grants POST to the service', async () => {
    expect(await post(note, '', { anonymous: true })).toMatchObject({ status: 400 });
    const reader = await appWith({ service_id: emailId, component: '*', verb_mask: 1 });
    expect(await post(note, '', reader)).toMatchObject({ status: 401 });
    const scriptsOnly = await appWith({
      service_id: emailId,
      component: '',
      verb_mask: 2,
      requestor_mask: 2,
    });
    expect(await post(note, '', scriptsOnly)).toMatchObject({ status: 401 });
    expect(mail.mails).toEqual([]);
    const sender = await appWith({ service_id: emailId, component: '*', verb_mask: 2 });
    expect(await post(note, '', sender)).toMatchObject({ status: 200, body: { count: 1 } });
    expect(mail.mails).toHaveLength(1);
  });

  test('attaches of other services what he may read there, and nothing else', async () => {
    const sender = await appWith({ service_id: emailId, component: '*', verb_mask: 2 });
    const attachment = { service: 'shop', path: '_table/item', name: 'items.json' };
    const refused = await post({ ...note, attachment }, '', sender);
    expect(refused).toMatchObject({ status: 400 });
    expect(refused.body.error.message).toContain("service 'shop' does not give (401)");
    const system = await post({ ...note, attachment: { service: 'system', path: 'service' } }, '', sender);
    expect(system.status).toBe(400);
    expect(mail.mails).toEqual([]);
    expect(await post({ ...note, attachment })).toMatchObject({ status: 200 });
    const [, file] = mail.mails[0] === undefined ? [] : leaves(mail.mails[0]);
    expect(JSON.parse(String(file?.content))).toEqual({ resource: [{ id: 1, name: 'Tea' }] });
    const narrow = {
      service: 'shop',
      path: "_table/item?fields=name&filter=name%3D'none'",
      name: 'items.json',
    };
    await post({ ...note, attachment: narrow });
    expect(mail.mails[1] && String(leaves(mail.mails[1])[1]?.content).trim()).toBe('{"resource":[]}');
  });

  test('is not told what only administrators are', async () => {
    const sender = await appWith({ service_id: emailId, component: '*', verb_mask: 2 });
    expect((await post(note, '?template=none', sender)).body.error.message).toBe(
      "Email Template 'none' not found.",
    );
    const { headers } = sender;
    expect(
      await server.ask('/api/v2/system/email_template', { anonymous: true, headers: headers ?? {} }),
    ).toMatchObject({
      status: 401,
    });
  });
});

describe('files of the web', () => {
  test('are attached byte for byte', async () => {
    const attachment = [
      `${pages}/logo.png?size=1`,
      { url: `${pages}/x`, name: 'own.bin', content_type: 'application/x' },
    ];
    expect(await post({ ...note, attachment, import_url: `${pages}/more%20of%20it.png` })).toMatchObject({
      status: 200,
    });
    const files = mail.mails[0] === undefined ? [] : leaves(mail.mails[0]).slice(1);
    expect(files.map(({ headers }) => headers['content-type'])).toEqual([
      'image/png; name=logo.png',
      'application/x; name=own.bin',
      'image/png; name="more of it.png"',
    ]);
    for (const { content } of files) expect(content.equals(picture)).toBe(true);
  });

  test.each([
    ['/missing', 400, 'answers 404'],
    ['/away', 403, 'not allowed'],
  ])('that are not to be had stop the mail: %s', async (path, status, message) => {
    const answer = await post({ ...note, attachment: pages + path });
    expect(answer.status).toBe(status);
    expect(answer.body.error.message).toContain(message);
    expect(mail.mails).toEqual([]);
  });
});

test('what is described is what is taken and answered', async () => {
  const { body: document } = await server.ask('/api/v2/email/_spec');
  const check = new DocumentCheck(document);
  const [path = ''] = Object.keys(document.paths);
  const operation = check.operation(path, 'POST');
  expect(operation.parameters.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(['template', 'template_id']),
  );
  for (const body of [
    note,
    { to: [{ name: 'Bo', email: 'bo@example.org' }, 'x@example.org'], body_html: 'x', any: { thing: [1] } },
    {
      ...note,
      attachment: [
        { name: 'a', content: 'eA==', is_base64: true },
        { service: 'shop', path: '_table/item' },
      ],
    },
  ]) {
    expect(check.bodyProblems(operation, body)).toEqual([]);
    const answer = await post(body);
    expect(answer.status).toBe(200);
    expect(check.problemsOf(operation, answer)).toEqual([]);
  }
  expect(check.bodyProblems(operation, { to: 7 })).not.toEqual([]);
  expect(check.problemsOf(operation, await post({}))).toEqual([]);
});

test('bodies of other kinds are mails, too', async () => {
  const form = 'to=bo%40example.org&subject=Note&body_text=Hi+%7Bwho%7D&who=Bo';
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(await post(form, '', { headers })).toMatchObject({ status: 200, body: { count: 1 } });
  expect(mail.mails[0] && leaves(mail.mails[0])[0]?.content.toString().trim()).toBe('Hi Bo');
  expect(await post('not a mail', '', { headers: { 'content-type': 'text/plain' } })).toMatchObject({
    status: 400,
  });
});

test('the type of the service says what it is configured with', async () => {
  const { body } = await server.ask('/api/v2/system/service_type/smtp_email');
  expect(body).toMatchObject({ name: 'smtp_email', group: 'Email', singleton: false });
  const fields = body.config_schema.map(({ name }: { name: string }) => name);
  expect(fields).toEqual(
    expect.arrayContaining(['host', 'port', 'encryption', 'username', 'password', 'parameters']),
  );
  expect(JSON.stringify(body)).not.toContain('isVerbatim');
});
