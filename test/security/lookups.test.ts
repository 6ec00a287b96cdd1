// Private lookups are canaries here: over HTTP, nobody may read one, by whatever a lookup may be named in.
// Only configurations of services get them, and scripts where that was allowed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { type MailServer, startMailServer } from '../../src/services/email/mail-server-fixture.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';

const canary = 'c4n4ry-of-the-system';
const canaries = [canary, 'c4n4ry-of-the-app', 'c4n4ry-of-the-role', 'c4n4ry-of-the-user'];
// Also as somebody might smuggle it out.
const traces = canaries.flatMap((text) => [
  text,
  text.toUpperCase(),
  encodeURIComponent(text),
  Buffer.from(text).toString('base64').slice(0, 20),
]);

const sql = `
  create table note (id integer primary key, text text, owner text);
  insert into note values (1, 'open', 'uma@example.com'), (2, '${canary}', 'nobody'), (3, 'blue', 'x');
`;
const uma = { email: 'uma@example.com', password: 'another long password' };
const names = ['system_word', 'app_word', 'role_word', 'user_word'];
const attempts = names.flatMap((name) => [
  `{${name}}`,
  `{strtoupper(${name})}`,
  `{base64_encode(${name})}`,
  `{urlencode(${name})}`,
  `{lookup.${name}}`,
  `{secret.${name}}`,
  `{system.${name}}`,
  `{lookup_secret.${name}}`,
  `{{${name}}}`,
]);

let server: TestServer;
let mail: MailServer;
let apiKey = '';
let token = '';
const answers: Answer[] = [];

const make = async (resource: string, record: Record<string, unknown>) => {
  const path = `/api/v2/system/${resource}?fields=*&related=*`;
  const answer = await server.ask(path, { method: 'POST', body: { resource: [record] } });
  if (answer.status >= 300) throw new Error(answer.text);
  return answer.body.resource[0];
};

const asUma = async (path: string, ask: Ask = {}): Promise<Answer> => {
  const headers = { 'X-DreamFactory-API-Key': apiKey, 'X-DreamFactory-Session-Token': token, ...ask.headers };
  const answer = await server.ask(path, { ...ask, anonymous: true, headers });
  answers.push(answer);
  return answer;
};

const asAdmin = async (path: string, ask: Ask = {}): Promise<Answer> => {
  const answer = await server.ask(path, ask);
  answers.push(answer);
  return answer;
};

const secret = (name: string, value: string) => ({ name, value, private: true });

beforeAll(async () => {
  mail = await startMailServer();
  server = await startTestServer({ TENON_PUBLIC_URL: 'https://tenon.example.com/' });
  await make('lookup', secret('system_word', canary));
  await make('lookup', { name: 'color', value: 'blue' });
  await make('lookup', secret('mail_host', '127.0.0.1'));
  await make('lookup', secret('mail_password', 'word'));
  await server.addDatabase('notes', sql, {});
  await make('service', {
    ...{ name: 'email', label: 'Mail', type: 'smtp_email', is_active: true },
    config: {
      ...{ host: '{mail_host}', port: mail.port, username: 'mo', password: '{mail_password}' },
      ...{ from_email: 'us@example.com', parameters: { sign: '{system_word} {color}' } },
    },
  });
  const access = { service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 };
  const role = await make('role', {
    ...{ name: 'all', is_active: true, role_service_access_by_role_id: [access] },
    lookup_by_role_id: [secret('role_word', canaries[2] ?? '')],
  });
  const app = await make('app', {
    ...{ name: 'app', is_active: true, role_id: role.id },
    lookup_by_app_id: [secret('app_word', canaries[1] ?? '')],
  });
  apiKey = app.api_key;
  await make('user', {
    ...{ ...uma, name: 'Uma', is_active: true },
    lookup_by_user_id: [secret('user_word', canaries[3] ?? '')],
  });
  const login = await server.ask('/api/v2/user/session', {
    ...{ method: 'POST', body: uma, anonymous: true },
    headers: { 'X-DreamFactory-API-Key': apiKey },
  });
  token = login.body.session_token;
});

afterAll(async () => {
  await server.close();
  await mail.close();
});

beforeEach(() => {
  answers.length = 0;
  mail.mails.length = 0;
});

/** What the server's log says of everything that was observed, at its most talkative. */
function logged(): string {
  const lines: string[] = [];
  const log = createLog('trace', { write: (line) => lines.push(line) });
  for (const observation of server.observations) log.observe(observation);
  return lines.join('');
}

/** Whether nothing that came back, was mailed or is in the log has a trace of a private value. */
function expectNoTrace(of: readonly string[] = traces): void {
  const texts = answers.map(({ text, headers }) => text + JSON.stringify([...headers]));
  const seen = [...texts, ...mail.mails.map(({ raw }) => raw), logged()];
  for (const trace of of) expect(seen.filter((text) => text.includes(trace))).toEqual([]);
}

describe('no caller reads a private lookup', () => {
  test('that they have, as they have open ones', async () => {
    const table = '/api/v2/notes/_table/note';
    const blue = await asUma(`${table}?filter=${encodeURIComponent("text = '{color}'")}&fields=id`);
    expect(blue.body).toEqual({ resource: [{ id: 3 }] });
    const own = await asUma(`${table}?filter=${encodeURIComponent("owner='{user.email}'")}&fields=id`);
    expect(own.body).toEqual({ resource: [{ id: 1 }] });
    const facts = await asUma(table, { method: 'POST', body: { resource: [{ text: '{df.host_url}' }] } });
    const [{ id }] = facts.body.resource;
    expect((await asUma(`${table}/${id}`)).body.text).toBe('https://tenon.example.com');
    await asUma(`${table}/${id}`, { method: 'DELETE' });
  });

  test('by filters', async () => {
    for (const text of attempts) {
      for (const filter of [
        `text = '${text}'`,
        `text like '%${text}%'`,
        `text in ('${text}')`,
        `text != '${text}'`,
      ]) {
        const path = `/api/v2/notes/_table/note?fields=id&filter=${encodeURIComponent(filter)}`;
        const { status, body } = await asUma(path);
        expect([filter, status]).toEqual([filter, 200]);
        const found = body.resource.map((row: { id: number }) => row.id);
        // What is compared is the text in braces itself.
        expect([filter, found]).toEqual([filter, filter.includes('!=') ? [1, 2, 3] : []]);
      }
      const params = `params[p]=${encodeURIComponent(text)}&filter=${encodeURIComponent('text = :p')}`;
      expect((await asUma(`/api/v2/notes/_table/note?fields=id&${params}`)).body.resource).toEqual([]);
    }
    expectNoTrace();
  });

  test('by names of fields, orders, groups, relations and ids', async () => {
    for (const text of attempts) {
      const named = encodeURIComponent(text);
      for (const parameter of ['fields', 'order', 'group', 'related', 'ids', 'limit', 'id_field', 'filter']) {
        await asUma(`/api/v2/notes/_table/note?${parameter}=${named}`);
      }
      await asUma(`/api/v2/notes/_table/${named}`);
      await asUma(`/api/v2/${named}/_table/note`);
    }
    expectNoTrace(traces.filter((trace) => !trace.startsWith(canary)));
    for (const { text, status } of answers) if (status >= 400) expect(text).not.toContain(canary);
  });

  test('by records that they write', async () => {
    const table = '/api/v2/notes/_table/note';
    for (const text of attempts) {
      const made = await asUma(table, { method: 'POST', body: { resource: [{ text, owner: text }] } });
      const [{ id }] = made.body.resource;
      await asUma(`${table}/${id}`, { method: 'PATCH', body: { text } });
      expect((await asUma(`${table}/${id}`)).body).toMatchObject({ text, owner: text });
      await asUma(`${table}/${id}`, { method: 'DELETE' });
      await asUma(table, { method: 'POST', body: { resource: [{ id: text, text }] } });
    }
    expectNoTrace();
  });

  test('by mails', async () => {
    for (const text of attempts) {
      const body = {
        ...{ to: [{ name: text, email: 'thief@example.net' }], subject: text, body_text: `${text} {sign}` },
        ...{
          body_html: text,
          from_name: text,
          variable: text,
          reply_to_name: text,
          reply_to_email: 'x@y.zz',
        },
        attachment: [{ name: 'a.txt', content: text }],
      };
      expect(await asUma('/api/v2/email', { method: 'POST', body })).toMatchObject({ status: 200 });
    }
    expect(mail.mails).toHaveLength(attempts.length);
    expect(mail.mails[0]?.user).toBe('mo');
    expect(mail.mails[0]?.raw).toContain('{system_word} blue');
    expectNoTrace();
  });

  test('by mails of templates', async () => {
    const text = attempts.join(' ');
    await make('email_template', {
      ...{ name: 'leak', to: 'thief@example.net', subject: '{system_word} {role_word}', body_text: text },
      ...{ body_html: text, defaults: { a: text }, from_name: '{user_word}' },
    });
    await asUma('/api/v2/email?template=leak', { method: 'POST', body: { b: text } });
    await asUma('/api/v2/email?template={system_word}', { method: 'POST', body: {} });
    expect(mail.mails).toHaveLength(1);
    expectNoTrace();
  });

  test('by attachments of mails', async () => {
    for (const text of attempts.slice(0, 9)) {
      for (const attachment of [
        text,
        { service: 'notes', path: `_table/note/${text}` },
        { url: `http://${text}/` },
      ]) {
        const body = { to: 'thief@example.net', body_text: 'x', attachment, import_url: text };
        expect((await asUma('/api/v2/email', { method: 'POST', body })).status).toBeGreaterThanOrEqual(400);
      }
    }
    expectNoTrace();
  });

  test('by descriptions, listings, sessions and environments', async () => {
    for (const path of [
      ...[
        '',
        '/notes',
        '/notes/_schema/note',
        '/notes/_spec',
        '/email/_spec',
        '/api_docs',
        '/api_docs/email',
      ],
      ...['/user/session', '/user/profile', '/system/environment', '/system/event', '/system/lookup'],
      ...[
        '/system/service?related=*',
        '/system/role?related=*',
        '/system/app?related=*',
        '/system/user?related=*',
      ],
      ...['/system/audit', '/system/run', '/system/constant', '/system/config', '/system/email_template'],
    ]) {
      await asUma(`/api/v2${path}`);
      await asAdmin(`/api/v2${path}`);
    }
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(20);
    expectNoTrace([...traces, '"word"', 'mo:word']);
    const lookups = await asAdmin('/api/v2/system/lookup');
    expect(lookups.body.resource).toContainEqual(
      expect.objectContaining({ name: 'system_word', value: '********' }),
    );
  });

  test('by lists of the system that are filtered or ordered by values', async () => {
    for (const filter of [
      `value = '${canary}'`,
      `value like 'c4n4ry%'`,
      'value > "c"',
      "value = '{system_word}'",
    ]) {
      const path = `/api/v2/system/lookup?fields=name&filter=${encodeURIComponent(filter)}`;
      const found = await asAdmin(path);
      const private_ = (found.body.resource ?? []).map((row: { name: string }) => row.name);
      expect(private_).not.toContain('system_word');
    }
    const config = `config like '%${'word'}%'`;
    const services = await asAdmin(`/api/v2/system/service?filter=${encodeURIComponent(config)}`);
    expect(services.text).not.toContain('127.0.0.1');
  });

  test('by the configuration of services that name them, when they are shown, tested or fail', async () => {
    const shown = (await asAdmin('/api/v2/system/service?filter=name%3Demail')).body.resource[0];
    expect(shown.config).toMatchObject({ host: '{mail_host}', password: '********' });
    const test_ = `/api/v2/system/service/${shown.id}/_test`;
    expect(await asAdmin(test_, { method: 'POST' })).toMatchObject({ status: 200 });
    // The service that cannot be used says why, but not where.
    for (const [type, config] of [
      ['smtp_email', { host: '{system_word}', from_email: 'us@example.com' }],
      ['smtp_email', { host: '{system_word}!', from_email: 'us@example.com' }],
      ['sqlite', { database: '/nowhere/{system_word}/x.sqlite' }],
      [
        'pgsql',
        { host: '{system_word}', database: '{system_word}', username: '{system_word}', password: 'x' },
      ],
      [
        'mysql',
        { host: '{system_word}', database: '{system_word}', username: '{system_word}', password: 'x' },
      ],
      ['pgsql', { host: '127.0.0.1', port: 1, database: '{system_word}', username: '{system_word}' }],
      ['mysql', { host: '127.0.0.1', port: 1, database: '{system_word}', username: '{system_word}' }],
    ] as const) {
      const made = await make('service', { name: 'broken', type, is_active: true, config });
      expect(JSON.stringify(made)).toContain('{system_word}');
      await asAdmin(`/api/v2/system/service/${made.id}/_test`, { method: 'POST' });
      await asUma('/api/v2/broken/_table/x');
      await asUma('/api/v2/broken', { method: 'POST', body: { to: 'a@b.cc', body_text: 'x' } });
      await asAdmin('/api/v2/api_docs/broken');
      await asAdmin(`/api/v2/system/service/${made.id}`, { method: 'DELETE' });
    }
    expectNoTrace();
  });

  test('by scripts, unless that lookup was given to scripts', async () => {
    const content =
      'return ["{system_word}", "{role_word}", platform.session.lookup, platform.session.lookup_secret];';
    await make('service', { name: 'peek', type: 'nodejs', is_active: true, config: { content } });
    const before = await asUma('/api/v2/peek');
    expect(before.body[0]).toBe('{system_word}');
    expectNoTrace();
    const [{ id }] = (await asAdmin("/api/v2/system/lookup?filter=name='system_word'")).body.resource;
    await asAdmin(`/api/v2/system/lookup/${id}`, { method: 'PATCH', body: { script_visible: true } });
    const after = await asUma('/api/v2/peek');
    expect(after.body[0]).toBe(canary);
    // And yet no caller has it, nor a mail.
    answers.length = 0;
    const filter = encodeURIComponent("text = '{system_word}'");
    expect((await asUma(`/api/v2/notes/_table/note?fields=id&filter=${filter}`)).body.resource).toEqual([]);
    await asUma('/api/v2/email', { method: 'POST', body: { to: 'a@b.cc', body_text: '{system_word}' } });
    expect(answers.map(({ text }) => text).join() + mail.mails[0]?.raw).not.toContain(canary);
    await asAdmin(`/api/v2/system/lookup/${id}`, { method: 'PATCH', body: { script_visible: false } });
  });

  test('in the system database', () => {
    const bytes = readFileSync(join(server.home, 'system.sqlite')).toString('latin1');
    const log = readFileSync(join(server.home, 'system.sqlite-wal')).toString('latin1');
    for (const text of canaries) expect(bytes + log).not.toContain(text);
  });
});

describe('the session of a caller', () => {
  const table = '/api/v2/notes/_table/note';
  const stored = async (text: string): Promise<string> => {
    const made = await asUma(table, { method: 'POST', body: { resource: [{ text }] } });
    const [{ id }] = made.body.resource;
    const { body } = await asUma(`${table}/${id}`);
    await asUma(`${table}/${id}`, { method: 'DELETE' });
    return body.text;
  };

  test('has a token of its own for lookups, which is good for some minutes and for its caller', async () => {
    const lent = await stored('{session.token}');
    expect(lent).toMatch(/^run\./);
    expect(lent).not.toContain(token);
    expect(await stored('{session.token}')).toBe(lent);
    const headers = { 'X-DreamFactory-Session-Token': lent };
    expect((await asUma('/api/v2/user/session', { headers })).body.email).toBe(uma.email);
    expect((await asUma('/api/v2/user/session', { method: 'PUT', headers })).status).toBeGreaterThanOrEqual(
      400,
    );
    const id = await stored('{session.id}');
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('is not there for whoever has none', async () => {
    const filter = encodeURIComponent("text != '{session.token}'");
    const found = await server.ask(`${table}?fields=id&filter=${filter}`, {
      ...{ anonymous: true, headers: { 'X-DreamFactory-API-Key': apiKey } },
    });
    expect(found.text).not.toContain('run.');
  });
});

test('a short text does not become a long one by its lookups', async () => {
  await make('lookup', { name: 'long', value: 'x'.repeat(10_000) });
  const filter = encodeURIComponent(`text = '${'{long}'.repeat(200)}'`);
  const refused = await asUma(`/api/v2/notes/_table/note?filter=${filter}`);
  expect(refused).toMatchObject({ status: 400 });
  expect(refused.body.error.message).toContain('at most 1048576 characters');
});
