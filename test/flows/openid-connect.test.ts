// Logging in at a real OpenID Connect provider, over HTTP from end to end: there, back, and whose account it is.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientSecret, type IdentityServer, type Person, startProvider } from '../identity-provider.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';

const redirectUri = 'http://app.example.com/login';
const password = 'a password of their own';

let provider: IdentityServer;
let server: TestServer;

beforeAll(async () => {
  provider = await startProvider({ redirectUri, people: {} });
  server = await startTestServer();
  await addService('company');
  await addService('partner', { client_id: 'poster', token_endpoint_auth_method: 'client_secret_post' });
});

afterAll(async () => {
  await server?.close();
  await provider?.close();
});

async function addService(name: string, config: Record<string, unknown> = {}): Promise<number> {
  const settings = {
    discovery_document_endpoint: provider.issuer,
    client_id: 'tenon',
    client_secret: clientSecret,
    redirect_url: redirectUri,
    ...config,
  };
  const record = { name, label: `Log in with ${name}`, type: 'oidc', is_active: true, config: settings };
  return (await made('service', record)).id;
}

async function made(kind: string, record: Record<string, unknown>): Promise<Record<string, any>> {
  const body = { resource: [record] };
  const answer = await server.ask(`/api/v2/system/${kind}?fields=*`, { method: 'POST', body });
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.body.resource[0];
}

function person(login: string, more: Person = {}): string {
  provider.people[login] = { email: `${login}@example.com`, email_verified: true, name: login, ...more };
  return login;
}

const ask = (path: string, given: Ask = {}) => server.ask(`/api/v2/${path}`, { anonymous: true, ...given });
const as = (session: Answer, given: Ask = {}): Ask => ({
  ...{ anonymous: true, ...given },
  headers: { 'X-DreamFactory-Session-Token': session.body.session_token, ...given.headers },
});

/** The query that the browser comes back with. */
async function visited(service: string, login: string, more = ''): Promise<URLSearchParams> {
  const begun = await ask(`user/session?service=${service}${more}`);
  expect(begun.status).toBe(302);
  return (await provider.visit(begun.headers.get('location') ?? '', login)).searchParams;
}

const finish = (query: URLSearchParams) => ask(`user/session?${query}`);
const logIn = async (service: string, login: string) => finish(await visited(service, login));

const usersOf = async (email: string) =>
  (await server.ask(`/api/v2/system/user?filter=email='${email}'&related=*`)).body.resource;

describe('there and back', () => {
  test('the way there is to the provider, with nothing that is kept here', async () => {
    const begun = await ask('user/session?service=company');
    expect(begun.status).toBe(302);
    expect(begun.text).toBe('');
    expect(begun.headers.get('cache-control')).toBe('no-store');
    const url = new URL(begun.headers.get('location') ?? '');
    expect(url.origin).toBe(provider.issuer);
    expect(url.searchParams.get('redirect_uri')).toBe(redirectUri);
    expect([...url.searchParams.keys()].sort()).toEqual(
      [
        'client_id',
        'code_challenge',
        'code_challenge_method',
        'nonce',
        'redirect_uri',
        'response_type',
        'scope',
      ]
        .concat('state')
        .sort(),
    );
  });

  test('scripts in browsers are told instead of sent', async () => {
    const headers = { 'X-Requested-With': 'XMLHttpRequest' };
    const begun = await ask('user/session?service=company', { headers });
    expect(begun.status).toBe(200);
    expect(begun.body).toEqual({
      response: { redirect: true, url: expect.stringContaining(provider.issuer) },
    });
    const posted = await ask('user/session', { method: 'POST', body: { service: 'company' }, headers });
    expect(posted.body.response.url).toContain(provider.issuer);
  });

  test('nobody can say where else to go', async () => {
    for (const name of ['redirect_url', 'redirect_uri', 'redirect', 'url', 'return_to']) {
      const begun = await ask(`user/session?service=company&${name}=https://evil.example.com/`);
      const location = begun.headers.get('location') ?? '';
      expect(location).not.toContain('evil');
      expect(new URL(location).searchParams.get('redirect_uri')).toBe(redirectUri);
    }
    const back = await visited('company', person('redirected'));
    back.set('redirect_uri', 'https://evil.example.com/');
    const session = await finish(back);
    expect([session.status, session.headers.get('location')]).toEqual([200, null]);
  });

  test('a new user comes in, and comes again', async () => {
    person('alice', { email: 'Alice@Example.com', name: 'Alice A', given_name: 'Alice', family_name: 'A' });
    const session = await logIn('company', 'alice');
    expect(session.status).toBe(200);
    expect(session.headers.get('cache-control')).toBe('no-store');
    expect(session.body).toMatchObject({
      ...{ email: 'alice@example.com', name: 'Alice A', first_name: 'Alice', last_name: 'A' },
      ...{ is_sys_admin: false, session_token: expect.any(String), host: expect.any(String) },
    });
    expect(session.body).not.toHaveProperty('oauth_token');
    expect((await ask('user/session', as(session))).body.email).toBe('alice@example.com');
    const again = await logIn('company', 'alice');
    expect(again.body.id).toBe(session.body.id);
    expect(again.body.session_token).not.toBe(session.body.session_token);
    expect(await usersOf('alice@example.com')).toMatchObject([{ confirmed: true, is_active: true }]);
  });

  test('people stay who they are when their address changes there', async () => {
    const before = await logIn('company', person('moving'));
    person('moving', { email: 'moved@example.com' });
    const after = await logIn('company', 'moving');
    expect(after.body).toMatchObject({ id: before.body.id, email: 'moving@example.com' });
  });

  test('clients may write what the provider wrote in any way that it comes', async () => {
    person('ways');
    const query = await visited('company', 'ways');
    query.set('oauth_callback', 'true');
    query.set('service', 'company');
    expect((await finish(query)).status).toBe(200);
    const json = Object.fromEntries(await visited('company', 'ways'));
    expect((await ask('user/session', { method: 'POST', body: json })).status).toBe(200);
    const form = await ask('user/session?oauth_callback=true&service=Company', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: (await visited('company', 'ways')).toString(),
    });
    expect(form.status).toBe(200);
  });

  test('an account that was made so has no password', async () => {
    await logIn('company', person('nopass'));
    for (const given of ['', 'null', 'undefined', ' ', password]) {
      const body = { email: 'nopass@example.com', password: given };
      expect((await ask('user/session', { method: 'POST', body })).status).toBeGreaterThanOrEqual(400);
    }
  });

  test('whoever cancels is told so', async () => {
    const session = await logIn('company', '');
    expect(session.status).toBe(401);
    expect(session.body.error.message).toContain('let nobody in (access_denied)');
  });

  test('the access token is handed out where that was configured, and is in no log', async () => {
    await addService('handing', { return_access_token: true });
    server.observations.length = 0;
    const session = await logIn('handing', person('handed'));
    const token = session.body.oauth_token;
    expect(token).toMatch(/^[\w-]{20,}$/);
    const told = JSON.stringify(server.observations);
    for (const secret of [token, session.body.session_token, clientSecret])
      expect(told).not.toContain(secret);
  });

  test('a client without a secret proves itself by PKCE', async () => {
    await addService('public', {
      ...{ client_id: 'open', client_secret: null, token_endpoint_auth_method: 'none' },
    });
    expect((await logIn('public', person('opened'))).status).toBe(200);
  });
});

describe('what comes back counts once, and for what it was begun', () => {
  const refused = (answer: Answer) => {
    expect(answer.status).toBe(401);
    expect(answer.body.error.message).toContain('This login is not under way');
  };

  test('a second time is refused', async () => {
    const back = await visited('company', person('twice'));
    expect((await finish(back)).status).toBe(200);
    refused(await finish(back));
  });

  test('of two at the same time one comes in', async () => {
    const back = await visited('company', person('racing'));
    const answers = await Promise.all([finish(back), finish(back), finish(back)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  });

  test('a state that nobody gave out is refused, and the provider is not asked', async () => {
    const back = await visited('company', person('stateless'));
    provider.asked.length = 0;
    for (const state of ['', 'x', 'x'.repeat(5_000)]) {
      const query = new URLSearchParams(back);
      query.set('state', state);
      query.set('oauth_callback', 'true');
      refused(await finish(query));
    }
    const without = new URLSearchParams(back);
    without.delete('state');
    without.set('oauth_callback', '1');
    refused(await finish(without));
    expect(provider.asked).toEqual([]);
  });

  test('the code of another login is refused: PKCE', async () => {
    const [mine, other] = [
      await visited('company', person('mine')),
      await visited('company', person('other')),
    ];
    mine.set('code', other.get('code') ?? '');
    const answer = await finish(mine);
    expect(answer.status).toBe(401);
    expect(answer.body.error.message).toContain('refused the login (invalid_grant)');
  });

  test('it is good for the service that it was begun with', async () => {
    const back = await visited('company', person('crossing'));
    back.set('service', 'partner');
    refused(await finish(back));
    back.set('service', 'company');
    refused(await finish(back));
  });

  test('it does not outlive a change of the service', async () => {
    const id = await addService('changing');
    const back = await visited('changing', person('changed'));
    await server.ask(`/api/v2/system/service/${id}`, {
      method: 'PATCH',
      body: { config: { allow_new_users: false } },
    });
    refused(await finish(back));
    const later = await visited('changing', 'changed');
    await server.ask(`/api/v2/system/service/${id}`, { method: 'PATCH', body: { is_active: false } });
    refused(await finish(later));
    expect((await ask('user/session?service=changing')).status).toBe(404);
  });

  test('a client may bind it to itself', async () => {
    person('bound');
    const finishWith = async (binding: string) => {
      const back = await visited('company', 'bound', '&binding=kept-by-this-browser');
      if (binding !== '') back.set('binding', binding);
      return finish(back);
    };
    refused(await finishWith(''));
    refused(await finishWith('of-another-browser'));
    expect((await finishWith('kept-by-this-browser')).status).toBe(200);
    expect((await ask(`user/session?service=company&binding=${'x'.repeat(300)}`)).status).toBe(400);
  });

  test('services that log nobody in are not told from those that are not there', async () => {
    await server.addDatabase('plain', 'CREATE TABLE t (id INTEGER PRIMARY KEY)');
    const answers = await Promise.all(
      ['plain', 'system', 'nothing', 'user'].map((name) => ask(`user/session?service=${name}`)),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
  });
});

describe('whose account it is', () => {
  const patch = (id: number, body: Record<string, unknown>) =>
    server.ask(`/api/v2/system/user/${id}`, { method: 'PATCH', body });
  const withPassword = (email: string, more: Record<string, unknown> = {}) =>
    made('user', { email, password, name: email, ...more });
  const passwordLogin = (email: string) => ask('user/session', { method: 'POST', body: { email, password } });

  test('a verified address joins the account that an administrator made for it', async () => {
    const { id } = await withPassword('bob@example.com');
    const session = await logIn('company', person('bob'));
    expect([session.status, session.body.id]).toEqual([200, id]);
    expect((await passwordLogin('bob@example.com')).status).toBe(200);
    const identities = await ask('user/identity', as(session));
    expect(identities.body.resource).toMatchObject([{ service: 'company', subject: 'bob' }]);
  });

  test('an address that is not verified joins and makes nothing, and tells nothing', async () => {
    await withPassword('carol@example.com');
    const texts: string[] = [];
    for (const [login, email_verified] of [
      ['carol', false],
      ['nobody', false],
    ] as const) {
      const answer = await logIn('company', person(login, { email_verified }));
      expect(answer.status).toBe(403);
      texts.push(answer.body.error.message);
    }
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toContain('does not say that the e-mail address is verified');
    expect(await usersOf('nobody@example.com')).toEqual([]);
  });

  test('a provider without addresses lets nobody new in', async () => {
    provider.people.silent = { name: 'Silent' };
    const answer = await logIn('company', 'silent');
    expect(answer.status).toBe(403);
    expect(answer.body.error.message).toContain('tells no e-mail address');
  });

  test('administrators are not joined, and log in nowhere but here', async () => {
    provider.people.root = { email: 'admin@example.com', email_verified: true };
    const answer = await logIn('company', 'root');
    expect(answer.status).toBe(403);
    const linking = { method: 'POST', body: { service: 'company', password: 'correct horse battery' } };
    expect((await server.ask('/api/v2/user/identity', linking)).status).toBe(403);
  });

  test('accounts that are switched off stay so', async () => {
    const { id } = await withPassword('dora@example.com', { is_active: false });
    expect((await logIn('company', person('dora'))).status).toBe(403);
    await patch(id, { is_active: true });
    const session = await logIn('company', 'dora');
    expect(session.status).toBe(200);
    await patch(id, { is_active: false });
    expect((await logIn('company', 'dora')).status).toBe(403);
    expect((await ask('user/session', as(session))).status).toBeGreaterThanOrEqual(400);
  });

  // CVE-2026-44166, CVE-2024-38351: somebody registers with an address that is not his, and waits.
  test('who prepared an account with an address that he never confirmed has no way in', async () => {
    const { id } = await withPassword('erin@example.com', { confirmed: false });
    const session = await logIn('company', person('erin'));
    expect([session.status, session.body.id]).toEqual([200, id]);
    expect((await passwordLogin('erin@example.com')).status).toBe(401);
    await patch(id, { confirmed: true });
    expect((await passwordLogin('erin@example.com')).status).toBe(401);
  });

  test('who changed to an address that he never confirmed has no way in either', async () => {
    await withPassword('mallory@example.com');
    const hers = await passwordLogin('mallory@example.com');
    const change = { method: 'PATCH', body: { email: 'frank@example.com', old_password: password } };
    expect((await ask('user/profile', as(hers, change))).status).toBe(200);
    expect((await ask('user/session', as(hers))).status).toBe(200);
    const session = await logIn('company', person('frank'));
    expect([session.status, session.body.id]).toEqual([200, hers.body.id]);
    expect((await passwordLogin('frank@example.com')).status).toBe(401);
    expect((await ask('user/session', as(hers))).status).toBe(403);
  });

  test('rules of the service: no joining, no new users, domains', async () => {
    await addService('strict', { link_by_verified_email: false, allow_new_users: false });
    await withPassword('gina@example.com');
    const joining = await logIn('strict', person('gina'));
    expect(joining.status).toBe(403);
    expect(joining.body.error.message).toContain('add this login with POST user/identity');
    const making = await logIn('strict', person('henry'));
    expect(making.body.error.message).toContain('makes none');
    await addService('domains', { allowed_domains: 'example.org' });
    expect((await logIn('domains', person('iris'))).status).toBe(403);
    expect((await logIn('domains', person('jack', { email: 'jack@sub.example.org' }))).status).toBe(403);
    expect((await logIn('domains', person('kate', { email: 'kate@Example.ORG' }))).status).toBe(200);
  });

  test('the same subject at two services is two identities', async () => {
    const first = await logIn('company', person('both'));
    const second = await logIn('partner', 'both');
    expect(second.body.id).toBe(first.body.id);
    person('both2', { email: 'both2@example.com' });
    const identities = await ask('user/identity', as(first));
    expect(identities.body.resource).toMatchObject([
      { service: 'company', subject: 'both' },
      { service: 'partner', subject: 'both' },
    ]);
  });

  test('of two logins at the same time one makes the account', async () => {
    person('parallel');
    const backs = await Promise.all([1, 2, 3].map(() => visited('company', 'parallel')));
    const answers = await Promise.all(backs.map(finish));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });
});

describe('roles', () => {
  test('new users have the default role in every app; groups decide where a claim is named', async () => {
    const [reader, editor] = await Promise.all([
      made('role', { name: 'reader' }),
      made('role', { name: 'editor' }),
    ]);
    const apps = await Promise.all([made('app', { name: 'one' }), made('app', { name: 'two' })]);
    await addService('plainroles', { default_role: reader.id });
    await addService('grouproles', {
      ...{ role_claim: 'groups', role_map: { editors: editor.id }, default_role: reader.id },
      scopes: 'openid email groups',
    });
    const rolesOf = async (email: string) => {
      const [user] = await usersOf(email);
      return user.user_to_app_to_role_by_user_id.map((row: { role_id: number }) => row.role_id);
    };
    await logIn('plainroles', person('lena'));
    const everywhere = await rolesOf('lena@example.com');
    expect(everywhere.length).toBeGreaterThanOrEqual(apps.length);
    expect(new Set(everywhere)).toEqual(new Set([reader.id]));

    const session = await logIn('grouproles', person('max', { groups: ['editors', 'others'] }));
    expect(session.status).toBe(200);
    expect(new Set(await rolesOf('max@example.com'))).toEqual(new Set([editor.id]));
    const withKey = as(session, { headers: { 'X-DreamFactory-API-Key': apps[0]?.api_key } });
    expect((await ask('user/session', withKey)).body.role).toBe('editor');
    person('max', { groups: [] });
    await logIn('grouproles', 'max');
    expect((await ask('user/session', withKey)).body.role).toBe('reader');
  });

  test('a role that is gone lets nobody in with more or less than was meant', async () => {
    await addService('goneroles', { default_role: 9_999 });
    expect((await logIn('goneroles', person('nina'))).status).toBe(503);
    expect(await usersOf('nina@example.com')).toEqual([]);
  });
});

describe('adding and taking away identities', () => {
  async function member(email: string): Promise<Answer> {
    await made('user', { email, password, name: email });
    return ask('user/session', { method: 'POST', body: { email, password } });
  }
  const begin = (session: Answer, body: Record<string, unknown> = { service: 'company', password }) =>
    ask('user/identity', as(session, { method: 'POST', body }));
  const visit = async (begun: Answer, login: string) =>
    Object.fromEntries((await provider.visit(begun.body.response.url, login)).searchParams);

  test('a user adds an identity of any address, logs in by it, and takes it away', async () => {
    const session = await member('oscar@example.com');
    const begun = await begin(session);
    expect(begun.status).toBe(200);
    const back = await visit(begun, person('oscar-elsewhere', { email_verified: false }));
    const added = await ask('user/identity', as(session, { method: 'POST', body: back }));
    expect([added.status, added.body]).toEqual([200, { success: true }]);
    const again = await logIn('company', 'oscar-elsewhere');
    expect([again.status, again.body.id]).toEqual([200, session.body.id]);
    const [identity] = (await ask('user/identity', as(session))).body.resource;
    expect(identity).toMatchObject({ service: 'company', subject: 'oscar-elsewhere' });
    const remove = as(session, { method: 'DELETE' });
    expect((await ask(`user/identity/${identity.id}`, remove)).body).toEqual({ success: true });
    expect((await ask(`user/identity/${identity.id}`, remove)).status).toBe(404);
    expect((await logIn('company', 'oscar-elsewhere')).status).toBe(403);
  });

  test('a session alone adds no way in', async () => {
    const session = await member('paula@example.com');
    expect((await begin(session, { service: 'company' })).status).toBe(401);
    expect((await begin(session, { service: 'company', password: 'wrong password' })).status).toBe(401);
    expect(
      (await ask('user/identity', { method: 'POST', body: { service: 'company', password } })).status,
    ).toBe(400);
  });

  test('what one began another cannot end, nor can a login', async () => {
    const [one, other] = [await member('quinn@example.com'), await member('rita@example.com')];
    const ends: ((body: Record<string, string>) => Promise<Answer>)[] = [
      (body) => ask('user/identity', as(other, { method: 'POST', body })),
      (body) => finish(new URLSearchParams(body)),
      (body) => ask('user/session', { method: 'POST', body }),
    ];
    for (const end of ends) {
      const back = await visit(await begin(one), person('quinn-elsewhere'));
      expect((await end(back)).status).toBe(401);
      expect((await ask('user/identity', as(one, { method: 'POST', body: back }))).status).toBe(401);
    }
    const login = Object.fromEntries(await visited('company', 'quinn-elsewhere'));
    expect((await ask('user/identity', as(one, { method: 'POST', body: login }))).status).toBe(401);
    expect((await ask('user/identity', as(one))).body.resource).toEqual([]);
  });

  test('an identity belongs to one account', async () => {
    await logIn('company', person('taken'));
    const session = await member('sam@example.com');
    const back = await visit(await begin(session), 'taken');
    expect((await ask('user/identity', as(session, { method: 'POST', body: back }))).status).toBe(409);
  });

  test('nobody sees or takes away what is not his, nor his last way in', async () => {
    const owner = await logIn('company', person('tina'));
    const [identity] = (await ask('user/identity', as(owner))).body.resource;
    const other = await member('ugo@example.com');
    expect((await ask(`user/identity/${identity.id}`, as(other, { method: 'DELETE' }))).status).toBe(404);
    expect((await ask('user/identity', as(other))).body.resource).toEqual([]);
    for (const path of [`user/identity/${identity.id}`, 'user/identity?service=company']) {
      expect((await ask(path, as(owner, { method: 'DELETE' }))).status).toBe(409);
    }
    expect((await ask('user/identity', as(owner, { method: 'DELETE' }))).status).toBe(400);
    expect((await ask('user/identity', as(owner))).body.resource).toHaveLength(1);
  });

  test('the audit log knows of accounts that were made and of identities that came and went', async () => {
    const session = await logIn('company', person('vera'));
    await server.ask(`/api/v2/system/user/${session.body.id}`, { method: 'PATCH', body: { password } });
    const fresh = await logIn('company', 'vera');
    await ask('user/identity?service=company', as(fresh, { method: 'DELETE' }));
    const record = `user/${session.body.id}`;
    const log = await server.ask(`/api/v2/system/audit?filter=record='${record}'`);
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
    await addService('careful', { require_second_factor: true });
    const session = await logIn('careful', person('wanda'));
    expect(session.status).toBe(200);
  });
});

describe('what clients and administrators see', () => {
  test('the environment lists the ways in', async () => {
    const { body } = await ask('system/environment');
    expect(body.authentication.oauth).toContainEqual({
      path: 'user/session?service=company',
      name: 'company',
      label: 'Log in with company',
      verb: ['GET', 'POST'],
      type: 'oidc',
      icon_class: null,
    });
  });

  test('the secret is masked, sealed and kept when the mask is written back', async () => {
    const id = await addService('masked');
    const { body } = await server.ask(`/api/v2/system/service/${id}`);
    expect(body.config.client_secret).toBe('********');
    await server.ask(`/api/v2/system/service/${id}`, { method: 'PATCH', body: { config: body.config } });
    expect((await logIn('masked', person('xenia'))).status).toBe(200);
  });

  test('the service says where to log in, and does nothing else', async () => {
    const answer = await server.ask('/api/v2/company');
    expect(answer.body).toEqual({
      ...{
        name: 'company',
        label: 'Log in with company',
        type: 'oidc',
        path: 'user/session?service=company',
      },
      ...{ issuer: provider.issuer, redirect_url: redirectUri, scopes: 'openid profile email' },
      allow_new_users: true,
    });
    expect((await server.ask('/api/v2/company', { method: 'POST', body: {} })).status).toBe(400);
    expect((await server.ask('/api/v2/company/more')).status).toBe(404);
    expect((await ask('company')).status).toBe(400);
  });

  test('what cannot work is refused when it is stored', async () => {
    const record = { name: 'wrong', label: 'Wrong', type: 'oidc', is_active: true };
    const config = { discovery_document_endpoint: provider.issuer, client_id: 'tenon', client_secret: 'x' };
    const answer = await server.ask('/api/v2/system/service', {
      method: 'POST',
      body: { resource: [{ ...record, config: { ...config, redirect_url: 'javascript:alert(1)' } }] },
    });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("Field 'config.redirect_url' must be a URL");
  });

  test('a provider that is down is said to be, and logs people in when it is back', async () => {
    const other = await startProvider({
      redirectUri,
      people: { yara: { email: 'y@example.com', email_verified: true } },
    });
    await addService('falling', { discovery_document_endpoint: other.issuer });
    await other.close();
    const down = await ask('user/session?service=falling');
    expect([down.status, down.headers.get('location')]).toEqual([503, null]);
    expect(down.body.error.message).toContain('cannot be asked at the moment');
    expect(down.text).not.toContain('127.0.0.1');
    const back = await startProvider({ redirectUri, people: other.people, port: other.port });
    try {
      await expect
        .poll(async () => (await ask('user/session?service=falling')).status, { timeout: 15_000 })
        .toBe(302);
      const begun = await ask('user/session?service=falling');
      const url = await back.visit(begun.headers.get('location') ?? '', 'yara');
      expect((await finish(url.searchParams)).status).toBe(200);
    } finally {
      await back.close();
    }
  });
});
