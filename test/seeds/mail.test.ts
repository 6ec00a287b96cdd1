// Scripts send mail by a mail service, as scripts in the wild do: with a template, from services and from
// events of records, in every language.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { leaves, type MailServer, startMailServer } from '../../src/services/email/mail-server-fixture.ts';
import { Chapter } from './chapter.ts';

let chapter: Chapter;
let mail: MailServer;

beforeAll(async () => {
  mail = await startMailServer();
  chapter = await Chapter.open();
});

beforeEach(async () => {
  mail.mails.length = 0;
  await chapter.add('email', 'smtp_email', {
    host: '127.0.0.1',
    port: mail.port,
    from_email: 'us@example.com',
  });
  const template = {
    ...{ name: 'new_contact', subject: 'Contact {contact.name}', body_text: 'Added by {by}: {contact.name}' },
    ...{ body_html: '<b>{contact.name}</b>', defaults: { by: 'nobody' } },
  };
  await chapter.ask('system/email_template', 'POST', { resource: [template] });
});

afterEach(async () => {
  await chapter.ask("system/email_template?filter=name='new_contact'", 'DELETE');
  await chapter.clear();
});

afterAll(async () => {
  await chapter.close();
  await mail.close();
});

const arrived = () => {
  const [first] = mail.mails;
  const texts = first === undefined ? [] : leaves(first).map(({ content }) => content.toString().trim());
  return { count: mail.mails.length, to: first?.to, subject: first?.headers.subject, texts };
};

const expected = {
  count: 1,
  to: ['bo@example.org'],
  subject: 'Contact Bo',
  texts: ['Added by admin@example.com: Bo', '<b>Bo</b>'],
};

const services: readonly (readonly [type: string, script: string])[] = [
  [
    'nodejs',
    `var payload = {
  to: [{name: 'Bo', email: 'bo@example.org'}],
  contact: {name: 'Bo'}, by: platform.session.user.email
};
platform.api.post('email?template=new_contact', payload, '', function (body, response) {
  event.setResponse(JSON.parse(body), response.statusCode, 'applicaton/json');
});`,
  ],
  [
    'typescript',
    `const by: string = platform.session.user!.email;
const options = { parameters: { template: 'new_contact' } };
const answer = await platform.api.post('email', { to: 'Bo <bo@example.org>', contact: { name: 'Bo' }, by }, options);
return JSON.parse(answer.body);`,
  ],
  [
    'v8js',
    `var result = platform.api.post('email?template=new_contact', {
  to: [{email: 'bo@example.org'}], contact: {name: 'Bo'}, by: platform.session.user.email
});
return result.content;`,
  ],
  [
    'php',
    `$api = $platform['api'];
$post = $api->post;
$payload = [
    'to' => [['name' => 'Bo', 'email' => 'bo@example.org']],
    'contact' => ['name' => 'Bo'],
    'by' => $platform['session']['user']['email'],
];
$result = $post('email?template=new_contact', $payload, []);
return $result['content'];`,
  ],
  [
    'python3',
    `payload = {'to': [{'name': 'Bo', 'email': 'bo@example.org'}], 'contact': {'name': 'Bo'},
  'by': platform.session.user.email}
result = platform.api.post('email?template=new_contact', payload)
return json.loads(result.read())`,
  ],
  [
    'python',
    `payload = {'to': 'bo@example.org', 'contact': {'name': 'Bo'}, 'by': platform.session.user.email}
result = platform.api.post('email', json.dumps(payload), {'parameters': {'template': 'new_contact'}})
print 'sent'
return bunchify(json.loads(result.read()))`,
  ],
];

describe('a mail by a template', () => {
  test.each(services)('goes out of a service in %s', async (type, script) => {
    await chapter.serve(
      'notify',
      type,
      type === 'python3' ? `import json\n${script}` : withJson(type, script),
    );
    const answer = await chapter.ask('notify', 'POST', {});
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
    expect(answer.body).toEqual({ count: 1 });
    expect(arrived()).toEqual(expected);
  });
});

// The older dialect brings what it calls bunchify along; json has to be asked for in both.
function withJson(type: string, script: string): string {
  return type === 'python' ? `import json\nfrom bunch import bunchify\n${script}` : script;
}

describe('a mail of an event', () => {
  const event = 'db._table.contact.post.post_process';

  test('goes out when a record was written', async () => {
    const content = `var record = event.request.payload.resource[0];
platform.api.post('email?template=new_contact', {to: [{email: 'bo@example.org'}], contact: record,
  by: platform.session.user.email});`;
    await chapter.attach(event, 'nodejs', content);
    const answer = await chapter.ask('db/_table/contact', 'POST', { resource: [{ name: 'Bo' }] });
    expect(answer.status).toBe(200);
    expect(arrived()).toEqual(expected);
    await chapter.ask(`db/_table/contact/${answer.body.resource[0].id}`, 'DELETE');
  });

  test('that cannot be sent is told to the script', async () => {
    const content = `const answer = await platform.api.post('email?template=none', {});
event.response.content = {status: answer.statusCode, why: answer.json().error.message};`;
    await chapter.attach(event, 'nodejs', content);
    const answer = await chapter.ask('db/_table/contact', 'POST', { resource: [{ name: 'Bo' }] });
    expect(answer.body).toEqual({ status: 404, why: "Email Template 'none' not found." });
    expect(mail.mails).toEqual([]);
  });

  test('has events of its own', async () => {
    const before = `event.request.payload.subject = 'Changed by a script';`;
    await chapter.attach('email.post.pre_process', 'nodejs', before);
    await chapter.attach(
      'email.post.post_process',
      'nodejs',
      'event.response.content.seen = event.resource;',
    );
    const body = { to: 'bo@example.org', subject: 'x', body_text: 'y' };
    expect((await chapter.ask('email', 'POST', body)).body).toEqual({ count: 1, seen: '' });
    expect(arrived().subject).toBe('Changed by a script');
    const { body: events } = await chapter.ask('system/event?service=email&scriptable=true&as_list=true');
    expect(events.resource).toContain('email.post.pre_process');
  });
});
