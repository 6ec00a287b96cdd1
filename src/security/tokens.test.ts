import { createHmac, randomBytes } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, test } from 'vitest';
import { MasterKey } from './master-key.ts';
import { TokenAuthority } from './tokens.ts';

const key = new MasterKey(randomBytes(32));
const start = 1_800_000_000_000;
const clock = { now: start };
const authority = new TokenAuthority({ key, now: () => clock.now });
const hour = 3_600_000;
const claims = { sessionId: 'session-1', userId: 7, expiresAt: start + hour };
const seconds = start / 1000;

type Json = Record<string, unknown>;
const header: Json = { alg: 'HS256', typ: 'session+jwt' };
const payload: Json = {
  user_id: 7,
  sid: 'session-1',
  sub: '7',
  iss: 'tenon',
  aud: 'tenon:api',
  iat: seconds,
  exp: seconds + 3600,
};

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

// Signs whatever it is given with our own key: only what the token says can be at fault.
function sign(head: unknown, body: unknown, secret: Buffer = key.derive('session')): string {
  const content = `${encode(head)}.${encode(body)}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

test('the tokens that the attacks below start from are good', async () => {
  clock.now = start;
  expect(await authority.verify(sign(header, payload))).toEqual(claims);
});

describe('an issued token', () => {
  test('gives its claims back', async () => {
    clock.now = start;
    const token = await authority.issue(claims);
    expect(decodeProtectedHeader(token)).toEqual(header);
    expect(decodeJwt(token)).toEqual(payload);
    expect(await authority.verify(token)).toEqual(claims);
  });

  test('expires on the millisecond, also when it was verified before', async () => {
    clock.now = start;
    const token = await authority.issue(claims);
    await authority.verify(token);
    clock.now = claims.expiresAt - 1;
    expect(await authority.verify(token)).toEqual(claims);
    clock.now = claims.expiresAt;
    await expect(authority.verify(token)).rejects.toMatchObject({
      kind: 'access.expired_token',
      status: 401,
      message: expect.stringContaining('Session expired. Please refresh your token'),
    });
    const cold = new TokenAuthority({ key, now: () => clock.now });
    await expect(cold.verify(token)).rejects.toMatchObject({ kind: 'access.expired_token' });
  });

  test('can be read for a refresh after it expired', async () => {
    clock.now = start;
    const token = await authority.issue(claims);
    clock.now = start + 20 * 24 * hour;
    expect(await authority.verifyExpired(token)).toEqual(claims);
  });
});

const good = sign(header, payload);
const [goodHeader = '', goodPayload = '', goodSignature = ''] = good.split('.');
const next = (text: string, step: number) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(text.slice(-1));
  return text.slice(0, -1) + alphabet[(last & 60) + ((last + step) & 3)];
};

const zeros = encode('\0'.repeat(64));

const attacks: Readonly<Record<string, string>> = {
  'alg none': `${encode({ ...header, alg: 'none' })}.${goodPayload}.`,
  'alg None with a signature': `${encode({ ...header, alg: 'None' })}.${goodPayload}.${goodSignature}`,
  'alg nOnE, signed': sign({ ...header, alg: 'nOnE' }, payload),
  'alg NONE, signed': sign({ ...header, alg: 'NONE' }, payload),
  'alg empty': sign({ ...header, alg: '' }, payload),
  'alg missing': sign({ typ: 'session+jwt' }, payload),
  'alg null': sign({ ...header, alg: null }, payload),
  'alg a list': sign({ ...header, alg: ['HS256'] }, payload),
  'alg HS512': sign({ ...header, alg: 'HS512' }, payload),
  'alg RS256': sign({ ...header, alg: 'RS256' }, payload),
  'alg ES256 with a zero signature': [encode({ ...header, alg: 'ES256' }), goodPayload, zeros].join('.'),
  'alg in lower case': sign({ ...header, alg: 'hs256' }, payload),
  'typ missing': sign({ alg: 'HS256' }, payload),
  'typ of another kind': sign({ ...header, typ: 'at+jwt' }, payload),
  'typ JWT': sign({ ...header, typ: 'JWT' }, payload),
  'critical header': sign({ ...header, crit: ['exp'] }, payload),
  'unknown critical header': sign({ ...header, crit: ['x'], x: 1 }, payload),
  'b64 false': sign({ ...header, crit: ['b64'], b64: false }, payload),
  'empty key': sign(header, payload, Buffer.alloc(0)),
  'zero key': sign(header, payload, Buffer.alloc(32)),
  'weak key': sign(header, payload, Buffer.from('secret')),
  'key of another purpose': sign(header, payload, key.derive('secret')),
  'key of another server': sign(header, payload, new MasterKey(randomBytes(32)).derive('session')),
  'embedded jwk': sign(
    { ...header, jwk: { kty: 'oct', k: encode('attacker') } },
    payload,
    Buffer.from('attacker'),
  ),
  'jku of an attacker': sign({ ...header, jku: 'http://127.0.0.1/keys' }, payload, Buffer.from('attacker')),
  'x5u of an attacker': sign({ ...header, x5u: 'http://127.0.0.1/x' }, payload, Buffer.from('attacker')),
  'x5c of an attacker': sign({ ...header, x5c: ['AAAA'] }, payload, Buffer.from('attacker')),
  'kid with a path': sign({ ...header, kid: '../../dev/null' }, payload, Buffer.alloc(0)),
  'kid with SQL': sign({ ...header, kid: "x' UNION SELECT 'a" }, payload, Buffer.from('a')),
  'kid null': sign({ ...header, kid: null }, payload, Buffer.from('null')),
  'kid huge': sign({ ...header, kid: 'k'.repeat(10_000) }, payload),
  'signature stripped': `${goodHeader}.${goodPayload}.`,
  'signature gone': `${goodHeader}.${goodPayload}`,
  'signature of zeros': `${goodHeader}.${goodPayload}.${encode(Buffer.alloc(32).toString('latin1'))}`,
  'signature spelled otherwise (1)': `${goodHeader}.${goodPayload}.${next(goodSignature, 1)}`,
  'signature spelled otherwise (2)': `${goodHeader}.${goodPayload}.${next(goodSignature, 2)}`,
  'signature padded': `${good}=`,
  'signature cut': good.slice(0, -1),
  'signature longer': `${good}A`,
  'payload changed': `${goodHeader}.${encode({ ...payload, user_id: 1, sub: '1' })}.${goodSignature}`,
  'header changed': `${encode({ ...header, kid: 'x' })}.${goodPayload}.${goodSignature}`,
  'payload in ordinary base64': `${goodHeader}.${btoa(JSON.stringify(payload))}.${goodSignature}`,
  'a space inside': `${goodHeader}. ${goodPayload}.${goodSignature}`,
  'a line break after': `${good}\n`,
  'four parts': `${good}.${goodSignature}`,
  'five parts (JWE)': `${encode({ alg: 'dir', enc: 'A256GCM' })}..${encode('iv')}.${goodPayload}.AAAA`,
  'a token in a token': sign({ ...header, cty: 'JWT' }, good),
  'payload a list': sign(header, [payload]),
  'payload null': sign(header, 'null'),
  'payload no JSON': sign(header, '{'),
  'issuer of others': sign(header, { ...payload, iss: 'other' }),
  'issuer missing': sign(header, { ...payload, iss: undefined }),
  'audience of others': sign(header, { ...payload, aud: 'other' }),
  'audience missing': sign(header, { ...payload, aud: undefined }),
  'exp missing': sign(header, { ...payload, exp: undefined }),
  'exp text': sign(header, { ...payload, exp: String(seconds + 3600) }),
  'exp with a fraction': sign(header, { ...payload, exp: seconds + 0.5 }),
  'exp beyond numbers': sign(
    header,
    `{"sub":"7","iss":"tenon","aud":"tenon:api","iat":${seconds},"exp":1e999}`,
  ),
  'iat missing': sign(header, { ...payload, iat: undefined }),
  'iat in the future': sign(header, { ...payload, iat: seconds + 3000 }),
  'iat text': sign(header, { ...payload, iat: String(seconds) }),
  'nbf in the future': sign(header, { ...payload, nbf: seconds + 3000 }),
  'nbf text': sign(header, { ...payload, nbf: 'now' }),
  'session missing': sign(header, { ...payload, sid: undefined }),
  'session an object': sign(header, { ...payload, sid: { $ne: '' } }),
  'user missing': sign(header, { ...payload, user_id: undefined }),
  'user a text': sign(header, { ...payload, user_id: '7' }),
  'user another than the subject': sign(header, { ...payload, user_id: 1 }),
  'subject missing': sign(header, { ...payload, sub: undefined }),
  'duplicate claims': sign(header, `{"user_id":1,${JSON.stringify(payload).slice(1, -1)},"user_id":2}`),
  empty: '',
  dots: '..',
  'not a token': 'Bearer',
  huge: `${'a'.repeat(1_000_000)}.b.${'c'.repeat(43)}`,
};

describe('an attack is refused as an invalid token', () => {
  for (const [name, token] of Object.entries(attacks)) {
    test(name, async () => {
      clock.now = start;
      await expect(authority.verify(token)).rejects.toMatchObject({
        kind: 'access.invalid_token',
        status: 401,
        message: expect.stringMatching(/^Invalid token: /),
      });
      await expect(authority.verifyExpired(token)).rejects.toMatchObject({ status: 401 });
    });
  }

  test.each([
    ['exp negative', -1],
    ['exp long ago', 1],
    ['exp now', seconds],
  ])('%s: expired', async (_name, exp) => {
    clock.now = start;
    await expect(authority.verify(sign(header, { ...payload, exp }))).rejects.toMatchObject({
      kind: 'access.expired_token',
    });
  });
});

test('a refusal does not repeat what the token says', async () => {
  const token = sign({ ...header, kid: 'canary-4711' }, { ...payload, iss: 'canary-4711' });
  await expect(authority.verify(token)).rejects.toThrow(/^((?!canary).)*$/);
});
