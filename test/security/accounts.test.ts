// Accounts on a running server, with real mails: who gets in, who is locked out at once, and what nobody learns.
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { generate } from 'otplib';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { leaves, type MailServer, startMailServer } from '../../src/services/email/mail-server-fixture.ts';
import { type Answer, startTestServer, type TestServer } from '../server.ts';

const publicUrl = 'https://people.example.com';
const word = 'canary-password';
const fresh = 'canary-another';
let post: MailServer;
let server: TestServer;
/** Another process of the same data folder. */
let other: TestServer;

beforeAll(async () => {
  post = await startMailServer();
  const environment = { TENON_PUBLIC_URL: publicUrl, TENON_EGRESS_ALLOW: `127.0.0.1:${post.port}` };
  server = await startTestServer(environment);
  other = await startTestServer({ ...environment, TENON_HOME: server.home });
  const config = { host: '127.0.0.1', port: post.port, from_email: 'us@example.com' };
  const mail = await make('service', { name: 'post', type: 'smtp_email', config });
  await configure({
    ...{ allow_open_registration: true, open_reg_email_service_id: mail },
    ...{ invite_email_service_id: mail, password_email_service_id: mail },
  });
});
afterAll(async () => {
  await other?.close();
  await server?.close();
  await post?.close();
});

async function make(resource: string, record: object): Promise<number> {
  const answer = await server.ask(`/api/v2/system/${resource}`, {
    method: 'POST',
    body: { resource: [record] },
  });
  if (answer.status !== 201) throw new Error(`${resource}: ${answer.text}`);
  return answer.body.resource[0].id;
}

async function configure(config: object): Promise<void> {
  const found = await server.ask("/api/v2/system/service?filter=type='user'&fields=id");
  const path = `/api/v2/system/service/${found.body.resource[0].id}`;
  const answer = await server.ask(path, { method: 'PATCH', body: { config } });
  if (answer.status !== 200) throw new Error(answer.text);
}

interface Sent {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
  readonly headers: Record<string, unknown>;
}

let address = 0;
/** A network address of its own, because failures are counted for each. */
const elsewhere = () => `127.1.${Math.floor(++address / 250)}.${(address % 250) + 1}`;

/** Posts without a session, from an address. */
function send(
  path: string,
  body: object,
  { from = elsewhere(), headers = {}, to = server } = {},
): Promise<Sent> {
  return new Promise((done, fail) => {
    const options = { method: 'POST', localAddress: from, agent: false } as const;
    const outgoing = request(`${to.url}/api/v2/${path}`, options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        done({ status: incoming.statusCode ?? 0, text, body: JSON.parse(text), headers: incoming.headers });
      });
    });
    outgoing.on('error', fail);
    const all = { 'content-type': 'application/json', ...headers };
    for (const [name, value] of Object.entries(all)) outgoing.setHeader(name, value);
    outgoing.end(JSON.stringify(body));
  });
}

async function mailTo(email: string): Promise<{ text: string; code: string; link: string }> {
  for (;;) {
    const index = post.mails.findIndex(({ to }) => to.includes(email));
    const [mail] = index < 0 ? [] : post.mails.splice(index, 1);
    if (mail !== undefined) {
      const text = leaves(mail)[0]?.content.toString() ?? '';
      const link = /https?:\S+/.exec(text)?.[0] ?? '';
      return { text, link, code: /[?&]code=([\w-]+)/.exec(link)?.[1] ?? '' };
    }
    await new Promise((turn) => setTimeout(turn, 10));
  }
}

let count = 0;
const newEmail = () => `person-${++count}@example.com`;

interface Person {
  readonly id: number;
  readonly email: string;
}

async function newPerson(more: object = {}): Promise<Person> {
  const email = newEmail();
  return { email, id: await make('user', { email, password: word, ...more }) };
}

const login = (email: string, password: string, more: object = {}) =>
  send('user/session', { email, password, ...more });

async function sessionOf({ email }: Person): Promise<string> {
  const { body, text } = await login(email, word);
  if (body.session_token === undefined) throw new Error(text);
  return body.session_token;
}

const as = (token: string, path: string, ask: object = {}, on = server): Promise<Answer> =>
  on.ask(path, { anonymous: true, headers: { 'X-DreamFactory-Session-Token': token }, ...ask });

async function setUpFactor(person: Person, token: string): Promise<{ secret: string; codes: string[] }> {
  const ask = (body: object) => as(token, '/api/v2/user/factor', { method: 'POST', body });
  const { secret } = (await ask({ password: word })).body;
  const { recovery_codes: codes } = (await ask({ code: await generate({ secret }) })).body;
  if (codes === undefined) throw new Error(`no factor for ${person.email}`);
  return { secret, codes };
}

describe('by mail', () => {
  it('people register, confirm, and are in', async () => {
    const email = newEmail();
    const names = { first_name: '<b>{session.token}</b>', last_name: 'Buy at https://spam.example' };
    expect(await send('user/register', { email, ...names, new_password: word })).toMatchObject({
      status: 200,
      body: { success: true },
    });
    const { text, link, code } = await mailTo(email);
    expect(link).toContain(`${publicUrl}/#/register-confirm?code=${code}&email=${encodeURIComponent(email)}`);
    expect(text).not.toMatch(/spam|session\.token/);
    expect((await login(email, word)).status).toBe(401);
    const confirmed = await send('user/register?login=true', { email, code, new_password: fresh });
    expect(confirmed.body).toMatchObject({ email, session_token: expect.stringMatching(/^ey/) });
    expect((await login(email, fresh)).status).toBe(200);
  });

  it('people are invited and choose their password', async () => {
    const email = newEmail();
    await make('user?send_invite=true', { email, first_name: 'Uma' });
    const { text, link, code } = await mailTo(email);
    expect(text).toContain('Hello Uma');
    expect(link).toContain(`${publicUrl}/#/user-invite?`);
    expect((await send('user/password', { email, code, new_password: word })).status).toBe(200);
    expect((await login(email, word)).status).toBe(200);
  });

  it('people get back in, and the link leads home whatever the request calls this server', async () => {
    const { email } = await newPerson();
    const headers = { host: 'evil.example.com', 'x-forwarded-host': 'evil.example.com' };
    expect((await send('user/password?reset=true', { email }, { headers })).status).toBe(200);
    const { text, link, code } = await mailTo(email);
    expect(link.startsWith(`${publicUrl}/#/reset-password?`)).toBe(true);
    expect(text).not.toContain('evil');
    expect((await send('user/password', { email, code, new_password: fresh })).status).toBe(200);
    expect((await login(email, word)).status).toBe(401);
    expect((await login(email, fresh)).status).toBe(200);
  });
});

describe('what nobody learns', () => {
  const shape = ({ status, text, headers }: Sent) => {
    const { date: _date, ...rest } = headers;
    return { status, text, rest };
  };

  test.each(['user/register', 'user/password?reset=true', 'system/admin/password?reset=true'])(
    '%s answers alike for addresses that have an account and others',
    async (path) => {
      const { email } = await newPerson();
      const shut = await newPerson({ is_active: false });
      const known = [email, 'admin@example.com', shut.email, newEmail()];
      const answers = await Promise.all(known.map(async (each) => shape(await send(path, { email: each }))));
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      expect(answers[0]).toMatchObject({ status: 200, text: '{"success":true}' });
    },
  );

  test('a wrong code is refused alike, too, and a wrong password whether or not there is a factor', async () => {
    const person = await newPerson();
    await setUpFactor(person, await sessionOf(person));
    const code = { code: 'x'.repeat(43), new_password: fresh };
    const answers = [
      await send('user/password', { email: person.email, ...code }),
      await send('user/password', { email: newEmail(), ...code }),
      await login(person.email, 'wrong'),
      await login(newEmail(), 'wrong'),
    ];
    for (const { status, text } of answers) expect({ status, text }).toEqual(pick(answers[0]));
    expect(answers[0]?.status).toBe(401);
  });

  test('secrets are neither in the database, nor in the log, nor in the audit log', async () => {
    const person = await newPerson();
    const { secret, codes } = await setUpFactor(person, await sessionOf(person));
    await send('user/password?reset=true', { email: person.email });
    const { code } = await mailTo(person.email);
    await send('user/password', { email: person.email, code, new_password: fresh });
    const files = readdirSync(server.home).filter((name) => name.startsWith('system.sqlite'));
    const kept = files.map((name) => readFileSync(join(server.home, name)).toString('latin1')).join();
    expect(kept).toContain(person.email);
    const told = JSON.stringify(server.observations);
    const audited = (await server.ask('/api/v2/system/audit?limit=1000')).text;
    expect(audited).toContain('password.reset');
    for (const canary of [
      secret,
      code,
      word,
      fresh,
      ...codes,
      ...codes.map((each) => each.replaceAll('-', '')),
    ]) {
      expect(kept).not.toContain(canary);
      expect(told).not.toContain(canary);
      expect(audited).not.toContain(canary);
    }
  });
});

function pick(answer: Sent | undefined) {
  return { status: answer?.status, text: answer?.text };
}

describe('guessing', () => {
  const spoofed = (i: number) => ({
    ...{
      'x-forwarded-for': `9.9.${i % 256}.${i >> 8}`,
      'x-real-ip': `8.8.8.${i % 256}`,
      forwarded: `for=7.7.7.${i}`,
    },
    ...{ 'x-client-ip': `${i}`, 'true-client-ip': `${i}`, 'cf-connecting-ip': `${i}` },
  });
  const tally = (answers: readonly Sent[]) => {
    const counts: Record<number, number> = {};
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };
  const thousand = async (guess: (i: number) => Promise<Sent>) => {
    const answers: Sent[] = [];
    for (let i = 0; i < 1_000; i += 20) {
      answers.push(...(await Promise.all(Array.from({ length: 20 }, (_, k) => guess(i + k)))));
    }
    return tally(answers);
  };

  test('a password from one address: 10 of 1,000 are looked at, whatever headers say', async () => {
    const from = elsewhere();
    const { email } = await newPerson();
    const counts = await thousand((i) =>
      send('user/session', { email, password: `guess ${i}` }, { from, headers: spoofed(i) }),
    );
    expect(counts).toEqual({ 401: limits.loginAttempts, 429: 1_000 - limits.loginAttempts });
  });

  test('a password from a thousand addresses', async () => {
    const { email } = await newPerson();
    const counts = await thousand((i) =>
      send('user/session', { email, password: `guess ${i}` }, { from: `127.2.${i >> 8}.${i % 256}` }),
    );
    expect(counts).toEqual({ 401: limits.loginAttempts, 429: 1_000 - limits.loginAttempts });
  });

  test('the code of a second factor, with the right password', async () => {
    const person = await newPerson();
    const { codes } = await setUpFactor(person, await sessionOf(person));
    const counts = await thousand((i) => login(person.email, word, { totp: String(i).padStart(6, '0') }));
    expect(counts[401]).toBe(limits.loginAttempts);
    expect(counts[200]).toBeUndefined();
    expect((await login(person.email, word, { totp: codes[0] })).status).toBe(429);
  });

  test('a mailed code', async () => {
    const { email } = await newPerson();
    await send('user/password?reset=true', { email });
    const { code } = await mailTo(email);
    const counts = await thousand((i) =>
      send('user/password', { email, code: `guess ${i}`, new_password: fresh }),
    );
    expect(counts).toEqual({ 401: limits.loginAttempts, 429: 1_000 - limits.loginAttempts });
    expect((await send('user/password', { email, code, new_password: fresh })).status).toBe(429);
  });

  test('mails to one address are few, and so are those that one address asks for', async () => {
    const { email } = await newPerson();
    const asked = await thousand(() => send('user/password?reset=true', { email }));
    expect(asked).toEqual({ 200: limits.loginAttempts, 429: 1_000 - limits.loginAttempts });
    const from = elsewhere();
    const registered = await thousand((i) => send('user/register', { email: `n${i}@example.org` }, { from }));
    expect(registered).toEqual({ 200: limits.loginAttempts, 429: 1_000 - limits.loginAttempts });
    for (let i = 0; i < limits.loginAttempts; i++) await mailTo(email);
    expect(post.mails.filter(({ to }) => to.includes(email))).toEqual([]);
  });
});

describe('whoever is locked out', () => {
  /** What locks somebody out; asked of one process, it counts in the other one, too. */
  const ways: readonly [string, (person: Person, token: string) => Promise<Answer | Sent>][] = [
    ['logs out', (_, token) => as(token, '/api/v2/user/session', { method: 'DELETE' })],
    ['is deactivated', ({ id }) => patch(id, { is_active: false })],
    ['is given a password', ({ id }) => patch(id, { password: fresh })],
    ['is no longer confirmed', ({ id }) => patch(id, { confirmed: false })],
    ['is deleted', ({ id }) => server.ask(`/api/v2/system/user/${id}`, { method: 'DELETE' })],
    [
      'changes the password elsewhere',
      async (person) => {
        const body = { old_password: word, new_password: fresh };
        return as(await sessionOf(person), '/api/v2/user/password', { method: 'POST', body });
      },
    ],
    [
      'resets the password by mail',
      async ({ email }) => {
        await send('user/password?reset=true', { email });
        return send('user/password', { email, code: (await mailTo(email)).code, new_password: fresh });
      },
    ],
    [
      'sets up a second factor elsewhere',
      async (person) => {
        await setUpFactor(person, await sessionOf(person));
        return server.ask(`/api/v2/system/user/${person.id}`);
      },
    ],
    [
      'loses the second factor to an administrator',
      async (person, token) => {
        await setUpFactor(person, token);
        return patch(person.id, { second_factor: false });
      },
    ],
  ];

  const patch = (id: number, body: object) =>
    server.ask(`/api/v2/system/user/${id}`, { method: 'PATCH', body });

  test('is out in every process a second later, also where the session is in use', async () => {
    const people = await Promise.all(
      ways.map(async ([name, way]) => {
        const person = await newPerson();
        return { name, way, person, token: await sessionOf(person) };
      }),
    );
    const stays = await newPerson();
    const stayToken = await sessionOf(stays);
    for (const { token } of people) {
      for (const process of [server, other]) {
        expect((await as(token, '/api/v2/user/profile', {}, process)).status).toBe(200);
      }
    }
    for (const { name, way, person, token } of people) {
      expect((await way(person, token)).status, name).toBe(200);
      // Here at once.
      expect((await as(token, '/api/v2/user/profile')).status, name).toBeGreaterThanOrEqual(401);
    }
    await new Promise((turn) => setTimeout(turn, limits.sessionCacheMs));
    for (const { name, token } of people) {
      expect((await as(token, '/api/v2/user/profile', {}, other)).status, name).toBeGreaterThanOrEqual(401);
    }
    expect((await as(stayToken, '/api/v2/user/profile', {}, other)).status).toBe(200);
  });

  test('by the role or the app is so in every process a second later', async () => {
    const row = { service_id: null, component: '*', verb_mask: 1, requestor_mask: 3 };
    const roles = [1, 2].map((n) => ({ name: `role ${n}`, role_service_access_by_role_id: [row] }));
    const [first, second] = [await make('role', roles[0] ?? {}), await make('role', roles[1] ?? {})];
    const keyOf = async (name: string, role: number) => {
      const body = { resource: [{ name, role_id: role }] };
      const made = await server.ask('/api/v2/system/app?fields=*', { method: 'POST', body });
      return made.body.resource[0] as { id: number; api_key: string };
    };
    const apps = [await keyOf('one', first), await keyOf('two', second)];
    const token = await sessionOf(await newPerson());
    const read = (key: string, on: TestServer) =>
      on.ask('/api/v2/system/role', {
        ...{ anonymous: true },
        headers: { 'X-DreamFactory-API-Key': key, 'X-DreamFactory-Session-Token': token },
      });
    const patchOf = (path: string) =>
      server.ask(`/api/v2/system/${path}`, { method: 'PATCH', body: { is_active: false } });
    await new Promise((turn) => setTimeout(turn, limits.sessionCacheMs));
    for (const { api_key: key } of apps) {
      for (const process of [server, other]) expect((await read(key, process)).status).toBe(200);
    }
    expect((await patchOf(`role/${first}`)).status).toBe(200);
    expect((await patchOf(`app/${apps[1]?.id}`)).status).toBe(200);
    for (const { api_key: key } of apps) expect((await read(key, server)).status).toBe(403);
    await new Promise((turn) => setTimeout(turn, limits.sessionCacheMs));
    for (const { api_key: key } of apps) expect((await read(key, other)).status).toBe(403);
  });
});

describe('a second factor', () => {
  it('is asked for at logins, and ends HTTP Basic', async () => {
    const person = await newPerson();
    const basic = { Authorization: `Basic ${Buffer.from(`${person.email}:${word}`).toString('base64')}` };
    const profile = () => server.ask('/api/v2/user/profile', { anonymous: true, headers: basic });
    expect((await profile()).status).toBe(200);
    const { codes } = await setUpFactor(person, await sessionOf(person));
    await new Promise((turn) => setTimeout(turn, limits.sessionCacheMs));
    expect(await profile()).toMatchObject({
      status: 401,
      body: { error: { context: { second_factor: 'totp' } } },
    });
    expect(await login(person.email, word)).toMatchObject({
      status: 401,
      body: { error: { context: { second_factor: 'totp' } } },
    });
    expect((await login(person.email, word, { totp: codes[1] })).status).toBe(200);
    expect((await login(person.email, word, { totp: codes[1] })).status).toBe(401);
  });

  it('takes a code once, whichever process is asked', async () => {
    const person = await newPerson();
    const { codes } = await setUpFactor(person, await sessionOf(person));
    const body = { email: person.email, password: word, totp: codes[0] };
    const tries = Array.from({ length: 8 }, (_, i) =>
      send('user/session', body, { to: i % 2 === 0 ? server : other }),
    );
    const counts = (await Promise.all(tries)).map(({ status }) => status);
    expect(counts.filter((status) => status === 200)).toHaveLength(1);
  });
});

describe('rights', () => {
  it('are not to be had by registering, by the own profile or by own values', async () => {
    const email = newEmail();
    const rights = {
      ...{
        is_sys_admin: true,
        is_active: true,
        confirmed: true,
        isSysAdmin: true,
        id: 1,
        role: 1,
        role_id: 1,
      },
      ...{ user_to_app_to_role_by_user_id: [{ app_id: 1, role_id: 1 }], second_factor: false },
    };
    await send('user/register', { email, new_password: word, ...rights });
    const { code } = await mailTo(email);
    await send('user/password', { email, code, new_password: word, ...rights });
    const { body } = await login(email, word, rights);
    expect(body).toMatchObject({ is_sys_admin: false });
    await as(body.session_token, '/api/v2/user/profile', { method: 'PATCH', body: rights });
    const shown = await server.ask(`/api/v2/system/user/${body.id}?related=user_to_app_to_role_by_user_id`);
    expect(shown.body).toMatchObject({ is_sys_admin: false, user_to_app_to_role_by_user_id: [] });
    expect((await as(body.session_token, '/api/v2/system/user')).status).toBeGreaterThanOrEqual(400);
    expect((await send('system/admin/session', { email, password: word })).status).toBe(401);
  });
});
