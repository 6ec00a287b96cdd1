// Logging in at a real OpenID Connect provider, over HTTP from end to end: there and back, and what is refused.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientSecret, startProvider } from '../identity-provider.ts';
import { as, IdentityWorld, password, redirectUri } from '../identity-world.ts';
import type { Answer } from '../server.ts';

let world: IdentityWorld;

beforeAll(async () => {
  world = await IdentityWorld.open();
});

afterAll(() => world?.close());

describe('there and back', () => {
  test('the way there is to the provider, with nothing that is kept here', async () => {
    const begun = await world.ask('user/session?service=company');
    expect(begun.status).toBe(302);
    expect(begun.text).toBe('');
    expect(begun.headers.get('cache-control')).toBe('no-store');
    const url = new URL(begun.headers.get('location') ?? '');
    expect(url.origin).toBe(world.provider.issuer);
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
    const begun = await world.ask('user/session?service=company', { headers });
    expect(begun.status).toBe(200);
    expect(begun.body).toEqual({
      response: { redirect: true, url: expect.stringContaining(world.provider.issuer) },
    });
    const posted = await world.ask('user/session', { method: 'POST', body: { service: 'company' }, headers });
    expect(posted.body.response.url).toContain(world.provider.issuer);
  });

  test('nobody can say where else to go', async () => {
    for (const name of ['redirect_url', 'redirect_uri', 'redirect', 'url', 'return_to']) {
      const begun = await world.ask(`user/session?service=company&${name}=https://evil.example.com/`);
      const location = begun.headers.get('location') ?? '';
      expect(location).not.toContain('evil');
      expect(new URL(location).searchParams.get('redirect_uri')).toBe(redirectUri);
    }
    const back = await world.visited('company', world.person('redirected'));
    back.set('redirect_uri', 'https://evil.example.com/');
    const session = await world.finish(back);
    expect([session.status, session.headers.get('location')]).toEqual([200, null]);
  });

  test('a new user comes in, and comes again', async () => {
    world.person('alice', {
      email: 'Alice@Example.com',
      name: 'Alice A',
      given_name: 'Alice',
      family_name: 'A',
    });
    const session = await world.logIn('company', 'alice');
    expect(session.status).toBe(200);
    expect(session.headers.get('cache-control')).toBe('no-store');
    expect(session.body).toMatchObject({
      ...{ email: 'alice@example.com', name: 'Alice A', first_name: 'Alice', last_name: 'A' },
      ...{ is_sys_admin: false, session_token: expect.any(String), host: expect.any(String) },
    });
    expect(session.body).not.toHaveProperty('oauth_token');
    expect((await world.ask('user/session', as(session))).body.email).toBe('alice@example.com');
    const again = await world.logIn('company', 'alice');
    expect(again.body.id).toBe(session.body.id);
    expect(again.body.session_token).not.toBe(session.body.session_token);
    expect(await world.usersOf('alice@example.com')).toMatchObject([{ confirmed: true, is_active: true }]);
  });

  test('people stay who they are when their address changes there', async () => {
    const before = await world.logIn('company', world.person('moving'));
    world.person('moving', { email: 'moved@example.com' });
    const after = await world.logIn('company', 'moving');
    expect(after.body).toMatchObject({ id: before.body.id, email: 'moving@example.com' });
  });

  test('clients may write what the provider wrote in any way that it comes', async () => {
    world.person('ways');
    const query = await world.visited('company', 'ways');
    query.set('oauth_callback', 'true');
    query.set('service', 'company');
    expect((await world.finish(query)).status).toBe(200);
    const json = Object.fromEntries(await world.visited('company', 'ways'));
    expect((await world.ask('user/session', { method: 'POST', body: json })).status).toBe(200);
    const form = await world.ask('user/session?oauth_callback=true&service=Company', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: (await world.visited('company', 'ways')).toString(),
    });
    expect(form.status).toBe(200);
  });

  test('a browser may go both ways by itself', async () => {
    const headers = {
      Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8',
      'Sec-Fetch-Mode': 'navigate',
    };
    const begun = await world.ask('user/session?service=company', { headers });
    expect(begun.status).toBe(302);
    const url = await world.provider.visit(begun.headers.get('location') ?? '', world.person('browsing'));
    const session = await world.ask(`user/session?${url.searchParams}`, { headers });
    expect(session.status).toBe(200);
    expect(session.text).toContain('browsing@example.com');
    const preview = await world.ask('user/session?service=company', { method: 'HEAD' });
    expect([preview.status, preview.text]).toEqual([302, '']);
  });

  test('an account that was made so has no password', async () => {
    await world.logIn('company', world.person('nopass'));
    for (const given of ['', 'null', 'undefined', ' ', password]) {
      const body = { email: 'nopass@example.com', password: given };
      expect((await world.ask('user/session', { method: 'POST', body })).status).toBeGreaterThanOrEqual(400);
    }
  });

  test('whoever cancels is told so', async () => {
    const session = await world.logIn('company', '');
    expect(session.status).toBe(401);
    expect(session.body.error.message).toContain('let nobody in (access_denied)');
  });

  test('the access token is handed out where that was configured, and is in no log', async () => {
    await world.addService('handing', { return_access_token: true });
    world.server.observations.length = 0;
    const session = await world.logIn('handing', world.person('handed'));
    const token = session.body.oauth_token;
    expect(token).toMatch(/^[\w-]{20,}$/);
    const told = JSON.stringify(world.server.observations);
    for (const secret of [token, session.body.session_token, clientSecret])
      expect(told).not.toContain(secret);
  });

  test('a client without a secret proves itself by PKCE', async () => {
    await world.addService('public', {
      ...{ client_id: 'open', client_secret: null, token_endpoint_auth_method: 'none' },
    });
    expect((await world.logIn('public', world.person('opened'))).status).toBe(200);
  });
});

describe('what comes back counts once, and for what it was begun', () => {
  const refused = (answer: Answer) => {
    expect(answer.status).toBe(401);
    expect(answer.body.error.message).toContain('This login is not under way');
  };

  test('a second time is refused', async () => {
    const back = await world.visited('company', world.person('twice'));
    expect((await world.finish(back)).status).toBe(200);
    refused(await world.finish(back));
  });

  test('of two at the same time one comes in', async () => {
    const back = await world.visited('company', world.person('racing'));
    const answers = await Promise.all([world.finish(back), world.finish(back), world.finish(back)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  });

  test('a state that nobody gave out is refused, and the provider is not asked', async () => {
    const back = await world.visited('company', world.person('stateless'));
    world.provider.asked.length = 0;
    for (const state of ['', 'x', 'x'.repeat(5_000)]) {
      const query = new URLSearchParams(back);
      query.set('state', state);
      query.set('oauth_callback', 'true');
      refused(await world.finish(query));
    }
    const without = new URLSearchParams(back);
    without.delete('state');
    without.set('oauth_callback', '1');
    refused(await world.finish(without));
    expect(world.provider.asked).toEqual([]);
  });

  test('the code of another login is refused: PKCE', async () => {
    const [mine, other] = [
      await world.visited('company', world.person('mine')),
      await world.visited('company', world.person('other')),
    ];
    mine.set('code', other.get('code') ?? '');
    const answer = await world.finish(mine);
    expect(answer.status).toBe(401);
    expect(answer.body.error.message).toContain('refused the login (invalid_grant)');
  });

  test('it is good for the service that it was begun with', async () => {
    const back = await world.visited('company', world.person('crossing'));
    back.set('service', 'partner');
    refused(await world.finish(back));
    back.set('service', 'company');
    refused(await world.finish(back));
  });

  test('it does not outlive a change of the service', async () => {
    const id = await world.addService('changing');
    const back = await world.visited('changing', world.person('changed'));
    await world.server.ask(`/api/v2/system/service/${id}`, {
      method: 'PATCH',
      body: { config: { allow_new_users: false } },
    });
    refused(await world.finish(back));
    const later = await world.visited('changing', 'changed');
    await world.server.ask(`/api/v2/system/service/${id}`, { method: 'PATCH', body: { is_active: false } });
    refused(await world.finish(later));
    expect((await world.ask('user/session?service=changing')).status).toBe(404);
  });

  test('a client may bind it to itself', async () => {
    world.person('bound');
    const finishWith = async (binding: string) => {
      const back = await world.visited('company', 'bound', '&binding=kept-by-this-browser');
      if (binding !== '') back.set('binding', binding);
      return world.finish(back);
    };
    refused(await finishWith(''));
    refused(await finishWith('of-another-browser'));
    expect((await finishWith('kept-by-this-browser')).status).toBe(200);
    expect((await world.ask(`user/session?service=company&binding=${'x'.repeat(300)}`)).status).toBe(400);
  });

  test('services that log nobody in are not told from those that are not there', async () => {
    await world.server.addDatabase('plain', 'CREATE TABLE t (id INTEGER PRIMARY KEY)');
    const answers = await Promise.all(
      ['plain', 'system', 'nothing', 'user'].map((name) => world.ask(`user/session?service=${name}`)),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
  });
});

test('codes are not tried for long', async () => {
  const own = await IdentityWorld.open();
  try {
    for (let cancelled = 0; cancelled < 12; cancelled++) {
      expect((await own.logIn('company', '')).status).toBe(401);
    }
    const statuses: number[] = [];
    for (let tried = 0; tried < 12; tried++) {
      const back = await own.visited('company', own.person('guessed'));
      back.set('code', `guess-${tried}`);
      statuses.push((await own.finish(back)).status);
    }
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
    own.provider.asked.length = 0;
    const honest = await own.visited('company', 'guessed');
    expect((await own.finish(honest)).status).toBe(429);
    expect(own.provider.asked).not.toContain('/token');
  } finally {
    await own.close();
  }
});

describe('what clients and administrators see', () => {
  test('the environment lists the ways in', async () => {
    const { body } = await world.ask('system/environment');
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
    const id = await world.addService('masked');
    const { body } = await world.server.ask(`/api/v2/system/service/${id}`);
    expect(body.config.client_secret).toBe('********');
    await world.server.ask(`/api/v2/system/service/${id}`, {
      method: 'PATCH',
      body: { config: body.config },
    });
    expect((await world.logIn('masked', world.person('xenia'))).status).toBe(200);
  });

  test('the service says where to log in, and does nothing else', async () => {
    const answer = await world.server.ask('/api/v2/company');
    expect(answer.body).toEqual({
      ...{
        name: 'company',
        label: 'Log in with company',
        type: 'oidc',
        path: 'user/session?service=company',
      },
      ...{ issuer: world.provider.issuer, redirect_url: redirectUri, scopes: 'openid profile email' },
      allow_new_users: true,
    });
    expect((await world.server.ask('/api/v2/company', { method: 'POST', body: {} })).status).toBe(400);
    expect((await world.server.ask('/api/v2/company/more')).status).toBe(404);
    expect((await world.ask('company')).status).toBe(400);
  });

  test('settings may name lookups, the secret a private one', async () => {
    const lookup = (name: string, value: string) =>
      world.made('lookup', { name, value, private: name.endsWith('secret') });
    await lookup('idp', world.provider.issuer);
    await lookup('idp_secret', clientSecret);
    const config = { discovery_document_endpoint: '{idp}', client_secret: '{idp_secret}' };
    const id = await world.addService('looking', config);
    expect((await world.logIn('looking', world.person('looked'))).status).toBe(200);
    const shown = await world.server.ask(`/api/v2/system/service/${id}`);
    expect(shown.text).not.toContain(clientSecret);
  });

  test('what cannot work is refused when it is stored', async () => {
    const record = { name: 'wrong', label: 'Wrong', type: 'oidc', is_active: true };
    const config = {
      discovery_document_endpoint: world.provider.issuer,
      client_id: 'tenon',
      client_secret: 'x',
    };
    const answer = await world.server.ask('/api/v2/system/service', {
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
    await world.addService('falling', { discovery_document_endpoint: other.issuer });
    await other.close();
    const down = await world.ask('user/session?service=falling');
    expect([down.status, down.headers.get('location')]).toEqual([503, null]);
    expect(down.body.error.message).toContain('cannot be asked at the moment');
    expect(down.text).not.toContain('127.0.0.1');
    const back = await startProvider({ redirectUri, people: other.people, port: other.port });
    try {
      await expect
        .poll(async () => (await world.ask('user/session?service=falling')).status, { timeout: 15_000 })
        .toBe(302);
      const begun = await world.ask('user/session?service=falling');
      const url = await back.visit(begun.headers.get('location') ?? '', 'yara');
      expect((await world.finish(url.searchParams)).status).toBe(200);
    } finally {
      await back.close();
    }
  });
});
