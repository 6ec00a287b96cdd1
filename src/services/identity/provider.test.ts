// What a provider may say, and what it may not: against a server that lies in one place at a time. Everything
// goes over HTTP, by the way out of the server.
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HostileProvider, hostileSecret, sendJson, type Tricks } from '../../../test/hostile-provider.ts';
import type { PlatformError } from '../../core/errors.ts';
import type { Observation } from '../../core/observe.ts';
import type { Service } from '../../core/service.ts';
import { identityServiceTypes } from './index.ts';

let hostile: HostileProvider;
let service: Service;
let observations: Observation[];

beforeEach(async () => {
  hostile = await HostileProvider.start();
  service = open();
});

afterEach(async () => {
  await service.close?.();
  await hostile.close();
});

function open(config: Record<string, unknown> = {}): Service {
  observations = [];
  const observe = (observation: Observation) => void observations.push(observation);
  const [type] = identityServiceTypes({ egressAllow: [], observe });
  if (type === undefined) throw new Error('no type');
  const given: Record<string, unknown> = {
    discovery_document_endpoint: hostile.issuer,
    client_id: 'tenon',
    client_secret: hostileSecret,
    redirect_url: 'https://app.example.com/login',
    ...config,
  };
  const complete = Object.fromEntries(
    type.config.map(({ name, default: usual }) => [name, given[name] ?? usual]),
  );
  return type.create({ id: 7, name: 'company', label: 'Company', config: complete });
}

function provider() {
  if (service.identity === undefined) throw new Error('no identity');
  return service.identity;
}

async function logIn(change: (back: URLSearchParams) => void = () => {}) {
  const { url, ticket } = await provider().begin();
  const back = hostile.comeBack(url);
  change(back);
  return provider().finish(ticket, Object.fromEntries(back));
}

async function failure(work: Promise<unknown>): Promise<PlatformError> {
  try {
    await work;
  } catch (error) {
    return error as PlatformError;
  }
  throw new Error('it succeeded');
}

describe('an honest provider', () => {
  test('is asked with state, nonce and PKCE, for the configured address and nothing else', async () => {
    const { url } = await provider().begin();
    const { origin, pathname, searchParams } = new URL(url);
    expect(`${origin}${pathname}`).toBe(`${hostile.issuer}/auth`);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      client_id: 'tenon',
      response_type: 'code',
      redirect_uri: 'https://app.example.com/login',
      scope: 'openid profile email',
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(Buffer.from(searchParams.get(name) ?? '', 'base64url')).toHaveLength(32);
    }
    const again = new URL((await provider().begin()).url).searchParams;
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(again.get(name)).not.toBe(searchParams.get(name));
    }
  });

  test('says who it was', async () => {
    const identity = await logIn();
    expect(identity).toEqual({
      subject: 'eve',
      email: 'eve@example.com',
      isEmailVerified: true,
      name: undefined,
      firstName: undefined,
      lastName: undefined,
      methods: [],
      roleId: undefined,
    });
    const [body] = hostile.bodies;
    expect(body?.get('redirect_uri')).toBe('https://app.example.com/login');
    expect(body?.get('code_verifier')).toMatch(/^[\w-]{43,}$/);
    expect(hostile.authorizations).toEqual([
      `Basic ${Buffer.from(`tenon:${encodeURIComponent(hostileSecret).replaceAll('%20', '+')}`).toString('base64')}`,
    ]);
  });

  test('proves with the verifier that it is the same client that began', async () => {
    const { url, ticket } = await provider().begin();
    await provider().finish(ticket, Object.fromEntries(hostile.comeBack(url)));
    const verifier = hostile.bodies[0]?.get('code_verifier') ?? '';
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    expect(new URL(url).searchParams.get('code_challenge')).toBe(challenge);
  });

  test('is asked for what it is and for its keys once', async () => {
    await Promise.all([provider().begin(), provider().begin(), provider().begin()]);
    await logIn();
    await logIn();
    const count = (path: string) => hostile.asked.filter((asked) => asked === path).length;
    expect([count('/.well-known/openid-configuration'), count('/jwks'), count('/token')]).toEqual([1, 1, 2]);
  });

  test('may have its issuer with a slash, and may be named by its document', async () => {
    await service.close?.();
    hostile.tricks = { discovery: { issuer: `${hostile.issuer}/` }, claims: { iss: `${hostile.issuer}/` } };
    service = open({ discovery_document_endpoint: `${hostile.issuer}/.well-known/openid-configuration` });
    expect((await logIn()).subject).toBe('eve');
  });

  test('gets the secret in the body, or none at all, where that was agreed', async () => {
    await service.close?.();
    service = open({ token_endpoint_auth_method: 'client_secret_post' });
    await logIn();
    expect(hostile.bodies[0]?.get('client_secret')).toBe(hostileSecret);
    await service.close?.();
    service = open({ token_endpoint_auth_method: 'none', client_secret: null });
    await logIn();
    expect(hostile.bodies[1]?.get('client_secret')).toBeNull();
    expect(hostile.authorizations).toEqual([undefined, undefined]);
  });

  test('hands out the access token only where that was configured', async () => {
    expect(await logIn()).not.toHaveProperty('accessToken');
    await service.close?.();
    service = open({ return_access_token: true });
    expect((await logIn()).accessToken).toBe('the access token');
  });

  test('is asked for an address that the token does not tell', async () => {
    const userInfo = { sub: 'eve', email: 'eve@elsewhere.example', email_verified: 'true', name: 'Eve' };
    hostile.tricks = {
      discovery: { userinfo_endpoint: `${hostile.issuer}/me` },
      claims: { email: undefined, email_verified: undefined },
      userInfo,
    };
    expect(await logIn()).toMatchObject({
      email: 'eve@elsewhere.example',
      isEmailVerified: true,
      name: 'Eve',
    });
  });

  test('may say that a token belongs to the access token', async () => {
    const half = createHash('sha256').update('the access token').digest().subarray(0, 16);
    hostile.tricks = { claims: { at_hash: half.toString('base64url') } };
    expect((await logIn()).subject).toBe('eve');
  });
});

describe('a hostile provider', () => {
  const now = Math.floor(Date.now() / 1000);
  const lies: Readonly<Record<string, Tricks>> = {
    'alg none': { header: { alg: 'none', kid: undefined }, signature: 'none' },
    'alg None': { header: { alg: 'None' }, signature: 'none' },
    'no alg': { header: { alg: undefined } },
    'HS256 with the public key': { header: { alg: 'HS256' }, signature: 'hmac with the public key' },
    'HS256 with the secret': { header: { alg: 'HS256' }, signature: 'hmac with the secret' },
    'a key of somebody else': { signature: 'another key' },
    'a signature of zeros': { signature: 'zeros' },
    'an empty signature': { signature: 'none' },
    'a key that is not known': { header: { kid: 'other' } },
    'a critical header': { header: { crit: ['exp'] } },
    'a key inside the token': {
      header: { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } },
      signature: 'another key',
    },
    'another nonce': { claims: { nonce: 'other' } },
    'no nonce': { claims: { nonce: undefined } },
    'another audience': { claims: { aud: 'somebody-else' } },
    'two audiences without azp': { claims: { aud: ['tenon', 'other'] } },
    'two audiences, meant for the other': { claims: { aud: ['tenon', 'other'], azp: 'other' } },
    'no audience': { claims: { aud: undefined } },
    'another issuer in the token': { claims: { iss: 'https://accounts.example.com' } },
    'no issuer in the token': { claims: { iss: undefined } },
    'a token that is over': { claims: { exp: now - 3600 } },
    'no end': { claims: { exp: undefined } },
    'an end that is text': { claims: { exp: String(now + 300) } },
    'not valid yet': { claims: { nbf: now + 3600 } },
    'no subject': { claims: { sub: undefined } },
    'an empty subject': { claims: { sub: '' } },
    'a number as subject': { claims: { sub: 5 } },
    'a subject that is too long': { claims: { sub: 'x'.repeat(300) } },
    'another access token': { claims: { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' } },
    'no ID token': { idToken: () => undefined },
    'an ID token that is none': { idToken: () => 'abc' },
    'a token of five parts': { idToken: (honest) => `${honest}.a.b` },
    'a changed payload': {
      idToken: (honest) => {
        const [header, payload = '', signature] = honest.split('.');
        const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
        const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'mallory' })).toString('base64url');
        return `${header}.${changed}.${signature}`;
      },
    },
  };

  for (const [lie, tricks] of Object.entries(lies)) {
    test(`is not believed: ${lie}`, async () => {
      expect((await logIn()).subject).toBe('eve');
      hostile.tricks = tricks;
      const error = await failure(logIn());
      expect(error.kind).toBe('access.bad_credentials');
      expect(error.message).toMatch(/^The identity provider of service 'company' .*\.$/);
      // Nor does the log get to know a token, a code or the person.
      const told = inspect(error, { depth: 20, showHidden: true });
      expect(told).not.toMatch(/eyJ|the access token|code-|eve@example/);
      expect(told).toContain(`[cause]`);
    });
  }

  test('is not believed: somebody else at the UserInfo endpoint', async () => {
    hostile.tricks = {
      discovery: { userinfo_endpoint: `${hostile.issuer}/me` },
      claims: { email: undefined },
      userInfo: { sub: 'alice', email: 'alice@example.com', email_verified: true },
    };
    expect((await failure(logIn())).kind).toBe('access.bad_credentials');
  });

  test('is not believed: another issuer beside the code (mix-up)', async () => {
    const error = await failure(logIn((back) => back.set('iss', 'https://accounts.example.com')));
    expect(error.kind).toBe('access.bad_credentials');
    expect(hostile.bodies).toEqual([]);
  });

  test('is not believed: another state', async () => {
    expect((await failure(logIn((back) => back.set('state', 'other')))).kind).toBe('access.bad_credentials');
    expect(hostile.bodies).toEqual([]);
  });

  test('may let nobody in, and its words are not repeated', async () => {
    const error = await failure(
      logIn((back) => {
        back.delete('code');
        back.set('error', 'access_denied');
        back.set('error_description', '<script>alert(1)</script>');
      }),
    );
    expect(error.kind).toBe('access.bad_credentials');
    expect(error.message).toBe("The identity provider of service 'company' let nobody in (access_denied).");
    const strange = await failure(
      logIn((back) => {
        back.delete('code');
        back.set('error', '<b>x</b>');
      }),
    );
    expect(strange.message).toBe("The identity provider of service 'company' let nobody in.");
  });
});

describe('a provider that is not what it should be', () => {
  const document = '/.well-known/openid-configuration';
  const status = (code: number) => (_request: unknown, response: ServerResponse) =>
    void response.writeHead(code, { 'content-type': 'application/json' }).end('{}');
  const discoveries: Readonly<Record<string, Tricks>> = {
    'another issuer': { discovery: { issuer: 'https://accounts.example.com' } },
    'no issuer': { discovery: { issuer: undefined } },
    'no authorization endpoint': { discovery: { authorization_endpoint: undefined } },
    'an authorization endpoint that is a script': {
      discovery: { authorization_endpoint: 'javascript:alert(1)' },
    },
    'status 500': { paths: { [document]: status(500) } },
    'status 404': { paths: { [document]: status(404) } },
    'no JSON': {
      paths: { [document]: (_request, response) => void response.writeHead(200).end('<html>') },
    },
    'a connection that breaks': { paths: { [document]: (request) => void request.socket.destroy() } },
    'more than a document': {
      paths: {
        [document]: (_request, response) => sendJson(response, { issuer: 'x', more: 'x'.repeat(2_000_000) }),
      },
    },
    'a redirect to a private address': {
      paths: {
        [document]: (_request, response) =>
          void response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
      },
    },
  };

  for (const [name, tricks] of Object.entries(discoveries)) {
    test(`cannot be used: ${name}`, async () => {
      hostile.tricks = tricks;
      const error = await failure(provider().begin());
      expect([error.kind, error.status]).toEqual(['service.unavailable', 503]);
      expect(error.message).toContain("The identity provider of service 'company'");
      await expect(service.test?.()).rejects.toMatchObject({ kind: 'service.unavailable' });
    });
  }

  test('cannot lead calls to private addresses', async () => {
    const inside = await HostileProvider.start();
    try {
      for (const name of ['token_endpoint', 'jwks_uri']) {
        await service.close?.();
        service = open();
        hostile.tricks = {
          discovery: { [name]: `${inside.issuer}/${name === 'jwks_uri' ? 'jwks' : 'token'}` },
        };
        const error = await failure(logIn());
        expect([error.kind, error.status]).toEqual(['service.unavailable', 503]);
      }
      expect(inside.asked).toEqual([]);
      const refusals = observations.filter(({ kind }) => kind === 'egress.failed');
      expect(refusals).toMatchObject([{ by: 'company', error: { kind: 'egress.refused' } }]);
    } finally {
      await inside.close();
    }
  });

  test('cannot send the token call elsewhere', async () => {
    const inside = await HostileProvider.start();
    try {
      for (const code of [302, 307, 308]) {
        hostile.tricks = {
          paths: {
            '/token': (_request, response) =>
              void response.writeHead(code, { location: `${inside.issuer}/token` }).end(),
          },
        };
        expect((await failure(logIn())).kind).toMatch(/^(access.bad_credentials|service.unavailable)$/);
      }
      expect(inside.asked).toEqual([]);
    } finally {
      await inside.close();
    }
  });

  test('may be down at the token endpoint', async () => {
    hostile.tricks = { paths: { '/token': status(502) } };
    expect((await failure(logIn())).kind).toBe('service.unavailable');
    hostile.tricks = { paths: { '/jwks': status(502) } };
    expect((await failure(logIn())).kind).toBe('service.unavailable');
  });

  test('may not know this server', async () => {
    hostile.tricks = {
      paths: {
        '/token': (_request, response) =>
          void response
            .writeHead(401, { 'content-type': 'application/json' })
            .end('{"error":"invalid_client","error_description":"<b>no</b>"}'),
      },
    };
    const error = await failure(logIn());
    expect(error.kind).toBe('service.unavailable');
    expect(error.message).toContain('does not accept this server');
  });

  test('refuses a code that is used up', async () => {
    hostile.tricks = {
      paths: {
        '/token': (_request, response) =>
          void response
            .writeHead(400, { 'content-type': 'application/json' })
            .end('{"error":"invalid_grant"}'),
      },
    };
    const error = await failure(logIn());
    expect(error.kind).toBe('access.bad_credentials');
    expect(error.message).toContain('(invalid_grant)');
  });

  test('is left alone for a moment when it is down, and asked again then', async () => {
    hostile.tricks = { paths: { [document]: status(500) } };
    await Promise.all([failure(provider().begin()), failure(provider().begin())]);
    await failure(provider().begin());
    expect(hostile.asked).toHaveLength(1);
    hostile.tricks = {};
    service.refresh?.();
    expect((await logIn()).subject).toBe('eve');
  });
});
