// Whose account somebody gets who comes from a provider: found, joined, made or refused; over HTTP.
import { generate } from 'otplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { as, IdentityWorld, password } from '../identity-world.ts';
import type { Answer } from '../server.ts';

let world: IdentityWorld;

beforeAll(async () => {
  world = await IdentityWorld.open();
});

afterAll(() => world?.close());

describe('whose account it is', () => {
  const patch = (id: number, body: Record<string, unknown>) =>
    world.server.ask(`/api/v2/system/user/${id}`, { method: 'PATCH', body });
  const withPassword = (email: string, more: Record<string, unknown> = {}) =>
    world.made('user', { email, password, name: email, ...more });
  const passwordLogin = (email: string) =>
    world.ask('user/session', { method: 'POST', body: { email, password } });

  test('a verified address joins the account that an administrator made for it', async () => {
    const { id } = await withPassword('bob@example.com');
    const session = await world.logIn('company', world.person('bob'));
    expect([session.status, session.body.id]).toEqual([200, id]);
    expect((await passwordLogin('bob@example.com')).status).toBe(200);
    const identities = await world.ask('user/identity', as(session));
    expect(identities.body.resource).toMatchObject([{ service: 'company', subject: 'bob' }]);
  });

  test('an address that is not verified joins and makes nothing, and tells nothing', async () => {
    await withPassword('carol@example.com');
    const texts: string[] = [];
    for (const [login, email_verified] of [
      ['carol', false],
      ['nobody', false],
    ] as const) {
      const answer = await world.logIn('company', world.person(login, { email_verified }));
      expect(answer.status).toBe(403);
      texts.push(answer.body.error.message);
    }
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toContain('does not say that the e-mail address is verified');
    expect(await world.usersOf('nobody@example.com')).toEqual([]);
  });

  test('a provider without addresses lets nobody new in', async () => {
    world.provider.people.silent = { name: 'Silent' };
    const answer = await world.logIn('company', 'silent');
    expect(answer.status).toBe(403);
    expect(answer.body.error.message).toContain('tells no e-mail address');
  });

  test('administrators are not joined, and log in nowhere but here', async () => {
    world.provider.people.root = { email: 'admin@example.com', email_verified: true };
    const answer = await world.logIn('company', 'root');
    expect(answer.status).toBe(403);
    const linking = { method: 'POST', body: { service: 'company', password: 'correct horse battery' } };
    expect((await world.server.ask('/api/v2/user/identity', linking)).status).toBe(403);
  });

  test('accounts that are switched off stay so', async () => {
    const { id } = await withPassword('dora@example.com', { is_active: false });
    expect((await world.logIn('company', world.person('dora'))).status).toBe(403);
    await patch(id, { is_active: true });
    const session = await world.logIn('company', 'dora');
    expect(session.status).toBe(200);
    await patch(id, { is_active: false });
    expect((await world.logIn('company', 'dora')).status).toBe(403);
    expect((await world.ask('user/session', as(session))).status).toBeGreaterThanOrEqual(400);
  });

  // CVE-2026-44166, CVE-2024-38351: somebody registers with an address that is not his, and waits.
  test('who prepared an account with an address that he never confirmed has no way in', async () => {
    const { id } = await withPassword('erin@example.com', { confirmed: false });
    const session = await world.logIn('company', world.person('erin'));
    expect([session.status, session.body.id]).toEqual([200, id]);
    expect((await passwordLogin('erin@example.com')).status).toBe(401);
    await patch(id, { confirmed: true });
    expect((await passwordLogin('erin@example.com')).status).toBe(401);
  });

  test('who changed to an address that he never confirmed has no way in either', async () => {
    await withPassword('mallory@example.com');
    const hers = await passwordLogin('mallory@example.com');
    const change = { method: 'PATCH', body: { email: 'frank@example.com', old_password: password } };
    expect((await world.ask('user/profile', as(hers, change))).status).toBe(200);
    expect((await world.ask('user/session', as(hers))).status).toBe(200);
    const session = await world.logIn('company', world.person('frank'));
    expect([session.status, session.body.id]).toEqual([200, hers.body.id]);
    expect((await passwordLogin('frank@example.com')).status).toBe(401);
    expect((await world.ask('user/session', as(hers))).status).toBe(403);
  });

  test('rules of the service: no joining, no new users, domains', async () => {
    await world.addService('strict', { link_by_verified_email: false, allow_new_users: false });
    await withPassword('gina@example.com');
    const joining = await world.logIn('strict', world.person('gina'));
    expect(joining.status).toBe(403);
    expect(joining.body.error.message).toContain('add this login with POST user/identity');
    const making = await world.logIn('strict', world.person('henry'));
    expect(making.body.error.message).toContain('makes none');
    await world.addService('domains', { allowed_domains: 'example.org' });
    expect((await world.logIn('domains', world.person('iris'))).status).toBe(403);
    expect(
      (await world.logIn('domains', world.person('jack', { email: 'jack@sub.example.org' }))).status,
    ).toBe(403);
    expect((await world.logIn('domains', world.person('kate', { email: 'kate@Example.ORG' }))).status).toBe(
      200,
    );
  });

  test('the same subject at two services is two identities', async () => {
    const first = await world.logIn('company', world.person('both'));
    const second = await world.logIn('partner', 'both');
    expect(second.body.id).toBe(first.body.id);
    const identities = await world.ask('user/identity', as(first));
    expect(identities.body.resource).toMatchObject([
      { service: 'company', subject: 'both' },
      { service: 'partner', subject: 'both' },
    ]);
  });

  test('of two logins at the same time one makes the account', async () => {
    world.person('parallel');
    const backs = await Promise.all([1, 2, 3].map(() => world.visited('company', 'parallel')));
    const answers = await Promise.all(backs.map((back) => world.finish(back)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });
});

describe('roles', () => {
  test('new users have the default role in every app; groups decide where a claim is named', async () => {
    const [reader, editor] = await Promise.all([
      world.made('role', { name: 'reader' }),
      world.made('role', { name: 'editor' }),
    ]);
    const apps = await Promise.all([world.made('app', { name: 'one' }), world.made('app', { name: 'two' })]);
    await world.addService('plainroles', { default_role: reader.id });
    await world.addService('grouproles', {
      ...{ role_claim: 'groups', role_map: { editors: editor.id }, default_role: reader.id },
      scopes: 'openid email groups',
    });
    const rolesOf = async (email: string) => {
      const [user] = await world.usersOf(email);
      return user.user_to_app_to_role_by_user_id.map((row: { role_id: number }) => row.role_id);
    };
    await world.logIn('plainroles', world.person('lena'));
    const everywhere = await rolesOf('lena@example.com');
    expect(everywhere.length).toBeGreaterThanOrEqual(apps.length);
    expect(new Set(everywhere)).toEqual(new Set([reader.id]));

    const session = await world.logIn('grouproles', world.person('max', { groups: ['editors', 'others'] }));
    expect(session.status).toBe(200);
    expect(new Set(await rolesOf('max@example.com'))).toEqual(new Set([editor.id]));
    const withKey = as(session, { headers: { 'X-DreamFactory-API-Key': apps[0]?.api_key ?? '' } });
    expect((await world.ask('user/session', withKey)).body.role).toBe('editor');
    world.person('max', { groups: [] });
    await world.logIn('grouproles', 'max');
    expect((await world.ask('user/session', withKey)).body.role).toBe('reader');
  });

  test('a role that is gone lets nobody in with more or less than was meant', async () => {
    await world.addService('goneroles', { default_role: 9_999 });
    expect((await world.logIn('goneroles', world.person('nina'))).status).toBe(503);
    expect(await world.usersOf('nina@example.com')).toEqual([]);
  });
});

describe('adding and taking away identities', () => {
  const begin = (session: Answer, body: Record<string, unknown> = { service: 'company', password }) =>
    world.ask('user/identity', as(session, { method: 'POST', body }));
  const visit = async (begun: Answer, login: string) =>
    Object.fromEntries((await world.provider.visit(begun.body.response.url, login)).searchParams);

  test('a user adds an identity of any address, logs in by it, and takes it away', async () => {
    const session = await world.member('oscar@example.com');
    const begun = await begin(session);
    expect(begun.status).toBe(200);
    const back = await visit(begun, world.person('oscar-elsewhere', { email_verified: false }));
    const added = await world.ask('user/identity', as(session, { method: 'POST', body: back }));
    expect([added.status, added.body]).toEqual([200, { success: true }]);
    const again = await world.logIn('company', 'oscar-elsewhere');
    expect([again.status, again.body.id]).toEqual([200, session.body.id]);
    const [identity] = (await world.ask('user/identity', as(session))).body.resource;
    expect(identity).toMatchObject({ service: 'company', subject: 'oscar-elsewhere' });
    const remove = as(session, { method: 'DELETE' });
    expect((await world.ask(`user/identity/${identity.id}`, remove)).body).toEqual({ success: true });
    expect((await world.ask(`user/identity/${identity.id}`, remove)).status).toBe(404);
    expect((await world.logIn('company', 'oscar-elsewhere')).status).toBe(403);
  });

  test('a session alone adds no way in', async () => {
    const session = await world.member('paula@example.com');
    expect((await begin(session, { service: 'company' })).status).toBe(401);
    expect((await begin(session, { service: 'company', password: 'wrong password' })).status).toBe(401);
    expect(
      (await world.ask('user/identity', { method: 'POST', body: { service: 'company', password } })).status,
    ).toBe(400);
  });

  test('what one began another cannot end, nor can a login', async () => {
    const [one, other] = [await world.member('quinn@example.com'), await world.member('rita@example.com')];
    const ends: ((body: Record<string, string>) => Promise<Answer>)[] = [
      (body) => world.ask('user/identity', as(other, { method: 'POST', body })),
      (body) => world.finish(new URLSearchParams(body)),
      (body) => world.ask('user/session', { method: 'POST', body }),
    ];
    for (const end of ends) {
      const back = await visit(await begin(one), world.person('quinn-elsewhere'));
      expect((await end(back)).status).toBe(401);
      expect((await world.ask('user/identity', as(one, { method: 'POST', body: back }))).status).toBe(401);
    }
    const login = Object.fromEntries(await world.visited('company', 'quinn-elsewhere'));
    expect((await world.ask('user/identity', as(one, { method: 'POST', body: login }))).status).toBe(401);
    expect((await world.ask('user/identity', as(one))).body.resource).toEqual([]);
  });

  test('an identity belongs to one account', async () => {
    await world.logIn('company', world.person('taken'));
    const session = await world.member('sam@example.com');
    const back = await visit(await begin(session), 'taken');
    expect((await world.ask('user/identity', as(session, { method: 'POST', body: back }))).status).toBe(409);
  });

  test('nobody sees or takes away what is not his, nor his last way in', async () => {
    const owner = await world.logIn('company', world.person('tina'));
    const [identity] = (await world.ask('user/identity', as(owner))).body.resource;
    const other = await world.member('ugo@example.com');
    expect((await world.ask(`user/identity/${identity.id}`, as(other, { method: 'DELETE' }))).status).toBe(
      404,
    );
    expect((await world.ask('user/identity', as(other))).body.resource).toEqual([]);
    for (const path of [`user/identity/${identity.id}`, 'user/identity?service=company']) {
      expect((await world.ask(path, as(owner, { method: 'DELETE' }))).status).toBe(409);
    }
    expect((await world.ask('user/identity', as(owner, { method: 'DELETE' }))).status).toBe(400);
    expect((await world.ask('user/identity', as(owner))).body.resource).toHaveLength(1);
  });

  test('the audit log knows of accounts that were made and of identities that came and went', async () => {
    const session = await world.logIn('company', world.person('vera'));
    await world.server.ask(`/api/v2/system/user/${session.body.id}`, { method: 'PATCH', body: { password } });
    const fresh = await world.logIn('company', 'vera');
    await world.ask('user/identity?service=company', as(fresh, { method: 'DELETE' }));
    const record = `user/${session.body.id}`;
    const log = await world.server.ask(`/api/v2/system/audit?filter=record='${record}'`);
    expect(log.status).toBe(200);
    const entries: Record<string, unknown>[] = log.body.resource;
    expect(entries.map(({ action }) => action)).toEqual(expect.arrayContaining(['create', 'link', 'unlink']));
    expect(log.text).not.toContain(password);
    const linked = entries.find(({ action }) => action === 'link');
    expect(linked?.after).toEqual({ service: 'company', subject: 'vera' });
  });
});

describe('the second factor', () => {
  test('is the provider’s business, unless the service is to ask for it', async () => {
    await world.addService('careful', { require_second_factor: true });
    const email = 'wanda@example.com';
    await world.made('user', { email, password, name: email });
    expect((await world.logIn('careful', world.person('wanda'))).status).toBe(200);
    const session = await world.ask('user/session', { method: 'POST', body: { email, password } });
    const post = (body: Record<string, unknown>) =>
      world.ask('user/factor', as(session, { method: 'POST', body }));
    const { secret } = (await post({ password })).body;
    const { recovery_codes: codes } = (await post({ password, code: await generate({ secret }) })).body;
    expect((await world.logIn('company', 'wanda')).status).toBe(200);
    const without = await world.logIn('careful', 'wanda');
    expect([without.status, without.body.error.context]).toEqual([401, { second_factor: 'totp' }]);
    const logInWith = async (totp: string) => {
      const back = await world.visited('careful', 'wanda');
      back.set('totp', totp);
      return world.finish(back);
    };
    expect((await logInWith('000000x')).status).toBe(401);
    expect((await logInWith(codes[0])).status).toBe(200);
    expect((await logInWith(codes[0])).status).toBe(401);
  });

  test('is what the provider says it asked for, too', async () => {
    const email = 'yves@example.com';
    await world.made('user', { email, password, name: email });
    const session = await world.ask('user/session', { method: 'POST', body: { email, password } });
    const post = (body: Record<string, unknown>) =>
      world.ask('user/factor', as(session, { method: 'POST', body }));
    const { secret } = (await post({ password })).body;
    await post({ password, code: await generate({ secret }) });
    world.person('yves', { amr: ['pwd', 'otp'] });
    await world.addService('believing', { require_second_factor: true, scopes: 'openid email strong' });
    expect((await world.logIn('believing', 'yves')).status).toBe(200);
  });
});
